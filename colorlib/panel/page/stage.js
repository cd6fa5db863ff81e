// The picture with its hints, under pointer and keyboard.

import { h, clamp } from "./elements.js";
import { makeSplit, makeTip } from "./overlays.js";
import { makeView } from "./view.js";

const LONG_PRESS = 600; // ms

/** The picture with its hints: rings are buttons over a canvas, so that keys and readers reach
 * them. What a hand does is shown at once, and stays until the kernel has answered it. */
export function makeStage(link, page, onchoose) {
  const canvas = h("canvas.canvas", { tabindex: 0, role: "application" });
  const rings = h("div.rings");
  const tip = makeTip();
  const tags = [h("span.tag"), h("span.tag")];
  const busy = h("div.busy", { "aria-hidden": "true" });
  const view = makeView(canvas, page);
  const split = makeSplit(view, () => draw());
  const element = h("div.stage", {}, canvas, rings, split, ...tags, tip.element, busy);
  const mine = new Map(); // hints as a hand has them: id -> {row, column, hex, width, n}
  const gone = new Map(); // id -> n
  const buttons = new Map();
  const fingers = new Map();
  let chosen = null;
  let drag = null;
  let space = false;
  let made = 0;
  let report = {};
  // What was done on one photo must not happen on the next, which the kernel may have already.
  const about = (content) => ({ ...content, photo: page().photo.key });

  const stage = {
    element, view, canvas,
    chosen: () => (points().some((one) => one.id === chosen) ? chosen : null),
    choose(id, look = true) {
      if (id !== chosen && id && look) {
        const point = points().find((one) => one.id === id);
        if (point) link.newest("look", "look", about({ row: point.row, column: point.column }));
      }
      chosen = id;
      stage.draw();
      onchoose();
    },
    remove(id) {
      mine.delete(id);
      gone.set(id, link.send("remove", about({ id })));
      const next = points()[0];
      const focused = buttons.get(id)?.contains(document.activeElement);
      if (chosen === id) stage.choose(null);
      stage.draw();
      if (focused) (next ? buttons.get(next.id) : canvas).focus();
    },
    /** The kernel has heard up to `heard`. */
    update(heard) {
      for (const [id, point] of mine) if (point.n <= heard && drag?.id !== id) mine.delete(id);
      for (const [id, n] of gone) if (n <= heard) gone.delete(id);
      if (chosen && !points().some((one) => one.id === chosen)) chosen = null;
      stage.draw();
    },
    /** Another photo: what a hand did belongs to the one before. */
    forget() {
      mine.clear();
      gone.clear();
      drag = chosen = null;
    },
    answered(told) {
      report = told;
      stage.draw();
    },
    labels(right, left) {
      tags[0].textContent = left ?? "";
      tags[1].textContent = left ? right : "";
      split.hidden = !left || view.side;
    },
    draw,
  };

  function points() {
    const known = page().points.filter((one) => !gone.has(one.id));
    const merged = known.map((one) => ({ ...one, ...mine.get(one.id) }));
    const ids = new Set(page().points.map((one) => one.id));
    for (const [id, one] of mine) if (!ids.has(id)) merged.push({ id, ...one });
    return merged.slice(0, page().shown ?? undefined);
  }

  function draw() {
    const all = points();
    view.outline = all.find((one) => one.id === chosen) ?? null;
    view.draw();
    split.style.left = `${100 * view.split}%`;
    split.setAttribute("aria-valuenow", Math.round(100 * view.split));
    const wanted = new Set();
    view.panes().forEach((pane, index) => {
      for (const [order, point] of all.entries()) {
        const key = index ? `${point.id} 2` : point.id;
        wanted.add(key);
        if (!buttons.has(key)) buttons.set(key, ring(key, point.id, index));
        const one = buttons.get(key);
        const { x, y } = view.toStage(point.row + 0.5, point.column + 0.5, pane);
        one.style.transform = `translate(${x}px, ${y}px)`;
        one.style.setProperty("--hint", point.hex);
        one.classList.toggle("hp-chosen", point.id === chosen);
        one.hidden = x < pane.x || x > pane.x + pane.width || y < 0 || y > view.height;
        const told = report.hints?.find((hint) => hint.id === point.id);
        const came = told ? `, became ${told.obtained}` : "";
        one.setAttribute(
          "aria-label",
          `hint ${order + 1} of ${all.length}, ${point.hex}${came}, row ${point.row}, column ${point.column}`,
        );
      }
    });
    for (const [key, one] of buttons)
      if (!wanted.has(key)) {
        one.remove();
        buttons.delete(key);
      }
    const { name, height, width } = page().photo;
    canvas.setAttribute(
      "aria-label",
      `${name}, ${height} by ${width} pixels, ${all.length} hints. Arrow keys move a cursor, Enter adds a hint.`,
    );
  }

  function ring(key, id, index) {
    const one = h("button.ring", { type: "button", tabindex: index ? -1 : 0 });
    one.dataset.hint = id;
    one.addEventListener("focus", () => stage.choose(id));
    one.addEventListener("pointerenter", () => showTip(id, one));
    one.addEventListener("pointerleave", () => tip.hide());
    rings.append(one);
    return one;
  }

  function showTip(id, one) {
    const told = report.hints?.find((hint) => hint.id === id);
    if (told && !drag) tip.show(told, points().find((hint) => hint.id === id).hex, one);
  }

  const pixel = ({ row, column }) => ({
    row: clamp(Math.floor(row), 0, page().photo.height - 1),
    column: clamp(Math.floor(column), 0, page().photo.width - 1),
  });
  const inside = ({ row, column }) =>
    row >= 0 && column >= 0 && row < page().photo.height && column < page().photo.width;

  function add(at) {
    made += 1;
    const id = `${link.name}-${made}`;
    const n = link.send("add", about({ ...at, id, gesture: id }));
    mine.set(id, { ...at, hex: page().color.hex, asked: page().color.hex, width: page().width, n });
    stage.choose(id, false);
    return id;
  }

  function move(id, at, gesture) {
    const point = points().find((one) => one.id === id);
    if (!point || (point.row === at.row && point.column === at.column)) return;
    const hand = { ...point, ...at, n: Infinity };
    mine.set(id, hand);
    link.newest("move", "move", about({ id, ...at, gesture }), (n) => (hand.n = n));
    draw();
  }

  // Pointers

  element.addEventListener("pointerdown", (event) => {
    if (split.contains(event.target)) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    tip.hide();
    if (fingers.size === 2) {
      clearTimeout(drag?.timer);
      drag = { kind: "pinch" };
      return;
    }
    const id = event.target.dataset?.hint;
    if (event.button === 1 || space || (event.button === 0 && event.altKey && !id)) {
      drag = { kind: "pan" };
    } else if (event.button !== 0) {
      return;
    } else if (id) {
      stage.choose(id);
      drag = { kind: "move", id, gesture: `${link.name} ${link.send("look", about(pixelOf(id)))}`, x: event.clientX, y: event.clientY };
      // The hand may not be on the ring's middle: keep the difference, so that nothing jumps.
      const at = view.toPhoto(event.clientX, event.clientY);
      const point = points().find((one) => one.id === id);
      drag.offset = { row: point.row + 0.5 - at.row, column: point.column + 0.5 - at.column };
      if (event.pointerType !== "mouse")
        drag.timer = setTimeout(() => {
          drag = null;
          stage.remove(id);
        }, LONG_PRESS);
    } else {
      const at = view.toPhoto(event.clientX, event.clientY);
      if (!inside(at)) {
        stage.choose(null);
        return;
      }
      view.cursor = null;
      // A finger may be the first of two, so it adds when it is lifted.
      if (event.pointerType === "touch") drag = { kind: "tap", x: event.clientX, y: event.clientY };
      else drag = fresh(add(pixel(at)), event);
    }
    element.setPointerCapture(event.pointerId);
    event.preventDefault();
    (buttons.get(drag?.id) ?? canvas).focus({ preventScroll: true });
  });

  const pixelOf = (id) => {
    const { row, column } = points().find((one) => one.id === id);
    return { row, column };
  };
  const fresh = (id, event) => ({
    kind: "move", id, gesture: id, offset: { row: 0, column: 0 }, x: event.clientX, y: event.clientY,
  });

  element.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before || !drag) return;
    const dx = event.clientX - before.x;
    const dy = event.clientY - before.y;
    if (drag.kind === "pinch") {
      const [a, b] = [...fingers.entries()];
      const other = (a[0] === event.pointerId ? b : a)[1];
      const length = (one) => Math.hypot(one.x - other.x, one.y - other.y);
      const now = { x: event.clientX, y: event.clientY };
      view.zoomAt(length(now) / Math.max(1, length(before)), (now.x + other.x) / 2, (now.y + other.y) / 2);
      pan(dx / 2, dy / 2);
    } else if (drag.kind === "pan") {
      pan(dx, dy);
    } else if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > 3 || drag.moved) {
      // A click is seldom quite still.
      drag.moved = true;
      clearTimeout(drag.timer);
      if (drag.kind === "move") {
        const at = view.toPhoto(event.clientX, event.clientY);
        const { row, column } = drag.offset;
        move(drag.id, pixel({ row: at.row + row, column: at.column + column }), drag.gesture);
      }
    }
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });

  function lift(event) {
    fingers.delete(event.pointerId);
    clearTimeout(drag?.timer);
    if (drag?.kind === "tap" && event.type === "pointerup" && !drag.moved) {
      const at = view.toPhoto(event.clientX, event.clientY);
      if (inside(at)) add(pixel(at));
    }
    if (!fingers.size) drag = null;
  }
  element.addEventListener("pointerup", lift);
  element.addEventListener("pointercancel", lift);
  element.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (event.target.dataset?.hint) stage.remove(event.target.dataset.hint);
  });

  function pan(dx, dy) {
    view.row -= dy / view.scale();
    view.column -= dx / view.scale();
    view.hold();
    stage.onview();
  }
  element.addEventListener(
    "wheel",
    (event) => {
      // Without Ctrl the wheel scrolls the notebook, unless there is none to scroll.
      if (!event.ctrlKey && !event.metaKey && !document.fullscreenElement) return;
      event.preventDefault();
      view.zoomAt(Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
      stage.onview();
    },
    { passive: false },
  );

  // Keys

  element.addEventListener("keyup", (event) => {
    if (event.key === " ") space = false;
  });
  canvas.addEventListener("blur", () => {
    view.cursor = null;
    space = false;
    draw();
  });
  element.addEventListener("keydown", (event) => {
    if (split.contains(event.target)) return;
    const id = event.target.dataset?.hint;
    const arrow = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (arrow && !event.ctrlKey && !event.metaKey) {
      const step = (event.shiftKey ? 10 : 1) * Math.max(1, Math.round(1 / view.scale()));
      const middle = { row: page().photo.height / 2, column: page().photo.width / 2 };
      const from = id ? pixelOf(id) : (view.cursor ?? middle);
      const to = pixel({ row: from.row + arrow[0] * step, column: from.column + arrow[1] * step });
      if (id) move(id, to, `${link.name} keys ${id}`);
      else view.cursor = to;
      draw();
    } else if (id && (event.key === "Delete" || event.key === "Backspace")) stage.remove(id);
    else if (!id && event.key === "Enter" && view.cursor) buttons.get(add(view.cursor))?.focus();
    else if (event.key === " ") space = true;
    else return;
    event.preventDefault();
  });

  return stage;
}
