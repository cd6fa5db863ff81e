// The page of the panel: it draws, and turns what pointers and keys do into messages for the
// kernel, which decides. Positions in messages are (row, column) in the photo's own pixels.

// Making HTML.

/** h("button.wide", {title: "..."}, "text", child): an element; on... are listeners. */
function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.map((one) => `hp-${one}`).join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value);
  }
  // JupyterLab's keys (D, D deletes a cell) would act on whatever of ours has the focus.
  if ("tabindex" in attributes || /button|input|select|textarea/.test(name))
    element.setAttribute("data-lm-suppress-shortcuts", "true");
  element.append(...children);
  return element;
}

const ICONS = {
  photo: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01",
  undo: "M9 14 4 9l5-5M4 9h9a6 6 0 0 1 0 12h-3",
  redo: "m15 14 5-5-5-5M20 9h-9a6 6 0 0 0 0 12h3",
  clear: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5M9 9h6v6H9z",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  hide: "M3 12s3.5-6 9-6 9 6 9 6-3.5 6-9 6-9-6-9-6zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  save: "M12 4v11M7 11l5 5 5-5M4 20h16",
  drop: "m13 7 4 4M15.5 4.5a2.1 2.1 0 0 1 4 3L16 11l-3-3zM13 9l-8 8-1 4 4-1 8-8",
  load: "M12 16V5M7 9l5-5 5 5M4 20h16",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  dots: "M5 6h.01M13 4h.01M19 9h.01M8 12h.01M14 15h.01M5 19h.01M19 20h.01",
  play: "M8 5l11 7-11 7z",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function button(name, label, onclick, text) {
  const attributes = { type: "button", title: label, "aria-label": label, onclick };
  return h(text ? "button.button.worded" : "button.button", attributes, icon(name), text ?? "");
}

function options(select, values, chosen) {
  const known = [...select.options].map((one) => one.value).join();
  const texts = values.map((one) => (Array.isArray(one) ? one : [one, one]));
  if (known !== texts.map(([value]) => value).join())
    select.replaceChildren(...texts.map(([value, text]) => h("option", { value }, text)));
  select.value = chosen;
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const number = (value, digits) => value.toFixed(digits).replace("-", "−");

async function bitmap(bytes) {
  return bytes?.byteLength ? createImageBitmap(new Blob([bytes])) : null;
}

// Messages to the kernel, of which the newest count.

const PART = 2 << 20; // bytes of an upload that go in one message: servers refuse more than 10 MB

/** Messages carry numbers; the kernel says which it has drawn. While one of a kind (a drag, a
 * slider) is on its way only the last that follows is kept, so nothing queues up. */
function makeLink(model) {
  const name = Math.random().toString(36).slice(2, 10);
  let sent = 0;
  let acked = 0;
  const flying = new Map();
  const waiting = new Map();

  function post(action, content = {}, buffers) {
    sent += 1;
    model.send({ do: action, view: name, n: sent, ...content }, undefined, buffers);
    link.onbusy(true);
    return sent;
  }
  function launch(kind) {
    const [action, content, onsent] = waiting.get(kind);
    waiting.delete(kind);
    flying.set(kind, post(action, content));
    onsent(flying.get(kind));
  }
  const link = {
    name,
    onbusy: () => {},
    busy: () => acked < sent,
    send(action, content, buffers) {
      for (const kind of [...waiting.keys()]) launch(kind);
      return post(action, content, buffers);
    },
    /** Sends now, or when the last of this kind is drawn; `onsent` is told the number. */
    newest(kind, action, content, onsent = () => {}) {
      waiting.set(kind, [action, content, onsent]);
      if ((flying.get(kind) ?? 0) <= acked) launch(kind);
    },
    drawn(number) {
      acked = Math.max(acked, number);
      for (const kind of [...waiting.keys()]) if (flying.get(kind) <= acked) launch(kind);
      if (acked >= sent) link.onbusy(false);
    },
    async upload(file, target) {
      const bytes = new Uint8Array(await file.arrayBuffer());
      const parts = Math.max(1, Math.ceil(bytes.length / PART));
      const upload = sent;
      for (let part = 0; part < parts; part++) {
        const content = { upload, parts, name: file.name, target };
        link.send("upload", content, [bytes.slice(part * PART, (part + 1) * PART).buffer]);
      }
    },
  };
  return link;
}

// Where the photo is on the stage, zoom and pan, and drawing it.

const GRID = 112; // cells of the network's input along a side

/** Where the cells of a hint begin and end along a side, in the photo's pixels. The cell of a
 * pixel is computed in whole numbers, as the kernel does. */
export function cells(at, width, length) {
  const own = Math.floor(((2 * at + 1) * GRID) / (2 * length));
  const first = Math.max(0, own - Math.floor((width - 1) / 2));
  const last = Math.min(GRID - 1, own + Math.floor(width / 2));
  return [(first * length) / GRID, ((last + 1) * length) / GRID];
}

/** Where the photo is on the stage, and drawing it. One pane, or two side by side. */
function makeView(canvas, page) {
  const view = {
    zoom: 1,
    row: 0, // of the photo's point in the middle of a pane
    column: 0,
    side: false,
    split: 0.5,
    width: 1,
    height: 1,
    picture: null,
    other: null,
    crop: null,
    cursor: null, // of the keyboard
    outline: null, // a hint whose cells are shown
  };
  const photo = () => page().photo;
  view.panes = () => {
    if (!view.side) return [{ x: 0, width: view.width }];
    const half = (view.width - 4) / 2;
    return [{ x: 0, width: half }, { x: half + 4, width: half }];
  };
  view.scale = () => {
    const { height, width } = photo();
    return view.zoom * Math.min(view.panes()[0].width / width, view.height / height);
  };
  view.reset = () => {
    view.zoom = 1;
    view.hold();
  };
  /** Keep the photo on the stage: centred where it is smaller, without a gap where larger. */
  view.hold = () => {
    const { height, width } = photo();
    const scale = view.scale();
    const within = (at, length, room) =>
      length * scale <= room + 0.5 ? length / 2 : clamp(at, room / scale / 2, length - room / scale / 2);
    view.row = within(view.row, height, view.height);
    view.column = within(view.column, width, view.panes()[0].width);
  };
  view.toStage = (row, column, pane) => {
    const scale = view.scale();
    return {
      x: pane.x + pane.width / 2 + (column - view.column) * scale,
      y: view.height / 2 + (row - view.row) * scale,
    };
  };
  /** Fractional (row, column) of a point of the window. */
  view.toPhoto = (clientX, clientY) => {
    const box = canvas.getBoundingClientRect();
    // The box may be scaled by the page; the stage's own pixels are what is drawn in.
    const x = ((clientX - box.left) * view.width) / box.width;
    const y = ((clientY - box.top) * view.height) / box.height;
    const pane = view.panes().findLast((one) => x >= one.x) ?? view.panes()[0];
    const scale = view.scale();
    return {
      row: view.row + (y - view.height / 2) / scale,
      column: view.column + (x - pane.x - pane.width / 2) / scale,
    };
  };
  view.zoomAt = (factor, clientX, clientY) => {
    const before = view.toPhoto(clientX, clientY);
    view.zoom = clamp(view.zoom * factor, 1, 8);
    const after = view.toPhoto(clientX, clientY);
    view.row += before.row - after.row;
    view.column += before.column - after.column;
    view.hold();
  };
  /** What is seen of the photo: [top, left, height, width]. */
  view.rect = () => {
    const { height, width } = photo();
    const scale = view.scale();
    const tall = Math.min(height, view.height / scale);
    const wide = Math.min(width, view.panes()[0].width / scale);
    const top = clamp(view.row - tall / 2, 0, height - tall);
    return [top, clamp(view.column - wide / 2, 0, width - wide), tall, wide];
  };

  function layer(context, pane, which) {
    const { height, width, key } = photo();
    const scale = view.scale();
    const place = (image, [top, left, tall, wide]) => {
      const { x, y } = view.toStage(top, left, pane);
      context.drawImage(image, x, y, wide * scale, tall * scale);
    };
    const base = which ? view.other : view.picture;
    if (base) place(base, [0, 0, height, width]);
    const crop = view.crop?.photo === key ? view.crop.layers[which] : null;
    if (crop && view.zoom > 1) place(crop, view.crop.rect);
  }
  function clipped(context, x, width, draw) {
    context.save();
    context.beginPath();
    context.rect(x, 0, width, view.height);
    context.clip();
    draw();
    context.restore();
  }
  function frame(context, x, y, width, height) {
    for (const [color, line] of [["#000a", 3], ["#fff", 1]]) {
      context.strokeStyle = color;
      context.lineWidth = line;
      context.strokeRect(x, y, width, height);
    }
  }
  view.draw = () => {
    const context = canvas.getContext("2d");
    const ratio = canvas.width / view.width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    const scale = view.scale();
    context.imageSmoothingEnabled = scale < 6; // beyond, one sees the photo's pixels
    context.imageSmoothingQuality = "high";
    const panes = view.panes();
    panes.forEach((pane, index) =>
      clipped(context, pane.x, pane.width, () => {
        layer(context, pane, index);
        if (!index && !view.side && view.other)
          clipped(context, 0, view.split * view.width, () => layer(context, pane, 1));
        const { outline, cursor } = view;
        if (outline) {
          const [top, bottom] = cells(outline.row, outline.width, photo().height);
          const [left, right] = cells(outline.column, outline.width, photo().width);
          const { x, y } = view.toStage(top, left, pane);
          frame(context, x, y, (right - left) * scale, (bottom - top) * scale);
        }
        if (cursor) {
          const { x, y } = view.toStage(cursor.row + 0.5, cursor.column + 0.5, pane);
          frame(context, x - 12, y, 24, 0);
          frame(context, x, y - 12, 0, 24);
        }
      }),
    );
  };
  return view;
}

// What lies over the picture: what became of a hint, and the line between before and after.

/** For the ring under the pointer: asked for, possible, obtained, and the difference. */
function makeTip() {
  const element = h("div.tip", { role: "tooltip", hidden: "" });
  const swatch = (color, text) =>
    h("span.named", {}, h("i.dot", { style: `background:${color}` }), text);
  return {
    element,
    hide() {
      element.hidden = true;
    },
    show(told, possible, ring) {
      element.replaceChildren(
        swatch(told.asked, `asked ${told.asked}`),
        swatch(possible, possible === told.asked ? "possible here" : `possible ${possible}`),
        swatch(told.obtained, `obtained ${told.obtained}`),
        h("span", {}, `ΔE ${number(told.delta_e, 1)}`),
      );
      element.hidden = false;
      const box = element.parentElement.getBoundingClientRect();
      const at = ring.getBoundingClientRect();
      const middle = at.left + at.width / 2 - box.left;
      const below = at.top - box.top < element.offsetHeight + 12;
      const widest = Math.max(4, box.width - element.offsetWidth - 4);
      element.style.left = `${clamp(middle - element.offsetWidth / 2, 4, widest)}px`;
      element.style.top = `${below ? at.bottom - box.top + 8 : at.top - box.top - element.offsetHeight - 8}px`;
    },
  };
}

/** The slider between the coloured picture and what it is compared with. */
function makeSplit(view, draw) {
  const split = h("div.split", {
    role: "slider", tabindex: 0, "aria-label": "before and after", "aria-valuemin": 0,
    "aria-valuemax": 100, hidden: "",
  });
  split.addEventListener("pointerdown", (event) => {
    split.setPointerCapture(event.pointerId);
    event.stopPropagation();
  });
  split.addEventListener("pointermove", (event) => {
    if (!split.hasPointerCapture(event.pointerId)) return;
    const box = split.parentElement.getBoundingClientRect();
    view.split = clamp((event.clientX - box.left) / box.width, 0, 1);
    draw();
  });
  split.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[event.key];
    if (!step) return;
    view.split = clamp(view.split + step, 0, 1);
    event.preventDefault();
    draw();
  });
  return split;
}

// The picture with its hints, under pointer and keyboard.

const LONG_PRESS = 600; // ms

/** The picture with its hints: rings are buttons over a canvas, so that keys and readers reach
 * them. What a hand does is shown at once, and stays until the kernel has answered it. */
function makeStage(link, page, onchoose) {
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
        if (point) link.newest("look", "update", about({ pixel: [point.row, point.column] }));
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
      const { row, column } = pixelOf(id);
      const looked = link.send("update", about({ pixel: [row, column] }));
      drag = { kind: "move", id, gesture: `${link.name} ${looked}`, x: event.clientX, y: event.clientY };
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

// The colour picker and what stands beside it.

const EXTENT = 110; // of the picker, in a and b

/** The picker shows which a and b exist at the clicked pixel's lightness, as they look there. */
function makeColour(link, page, stage, choosePhoto) {
  const picker = h("canvas.picker", {
    width: 221, height: 221, tabindex: 0, role: "application",
    "aria-label": "colours possible here: arrow keys change the colour",
  });
  const asked = h("i.half");
  const here = h("i.half");
  const field = h("input.hex", { type: "text", spellcheck: "false", maxlength: 7, "aria-label": "colour as #rrggbb" });
  const light = h("span.note");
  const width = h("input", { type: "range", min: 1, max: 9, step: 1, "aria-label": "hint size in cells" });
  const widthText = h("output.note");
  const suggested = h("div.swatches", { role: "group", "aria-label": "suggested here", "data-empty": "click in the photo first" });
  const recent = h("div.swatches", { role: "group", "aria-label": "used before", "data-empty": "none yet" });
  const reference = h("canvas.reference", {
    tabindex: 0, role: "img", "aria-label": "second photo: click to take a colour", hidden: "",
  });
  const element = h(
    "section.section", { "aria-label": "Colour" },
    picker,
    h("div.row", {}, h("span.swatch.pair", { title: "asked for, and as it is possible here" }, asked, here), field, light),
    h("div.label", {}, "Suggested here"), suggested,
    h("div.label", {}, "Used before"), recent,
    h("label.row", {}, h("span.label", {}, "Size"), width, widthText),
    button("drop", "take colours from a second photo", () => choosePhoto("reference"), "From another photo"),
    reference,
  );
  let gamut = null;
  let hand = null; // where a hand holds the colour: [a, b]
  let referenceImage = null;

  const target = () => ({ id: stage.chosen() });
  const toAb = (event) => {
    const box = picker.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const y = (event.clientY - box.top) / box.height;
    return [clamp((2 * x - 1) * EXTENT, -EXTENT, EXTENT), clamp((1 - 2 * y) * EXTENT, -EXTENT, EXTENT)];
  };
  // What one hand does in one go to one hint is one step of undo.
  let drags = 0;
  function choose([a, b], gesture) {
    hand = [a, b];
    link.newest("color", "recolor", { ab: [a, b], ...target(), gesture: `${link.name} colour ${gesture}` });
    draw();
  }
  picker.addEventListener("pointerdown", (event) => {
    picker.setPointerCapture(event.pointerId);
    drags += 1;
    choose(toAb(event), drags);
  });
  picker.addEventListener("pointermove", (event) => {
    if (picker.hasPointerCapture(event.pointerId)) choose(toAb(event), drags);
  });
  const letGo = () => {
    hand = null;
    draw();
  };
  picker.addEventListener("lostpointercapture", letGo);
  picker.addEventListener("keyup", letGo);
  picker.addEventListener("keydown", (event) => {
    const arrow = { ArrowUp: [0, 2], ArrowDown: [0, -2], ArrowLeft: [-2, 0], ArrowRight: [2, 0] }[event.key];
    if (!arrow) return;
    event.preventDefault();
    const [a, b] = hand ?? page().color.at;
    choose([clamp(a + arrow[0], -EXTENT, EXTENT), clamp(b + arrow[1], -EXTENT, EXTENT)], "keys");
    hand = null;
  });
  let typed = ""; // Enter submits, and so does leaving the field: once is enough
  function submit() {
    if (field.value !== typed) link.send("recolor", { color: field.value, ...target() });
    typed = field.value;
  }
  field.addEventListener("change", submit);
  field.addEventListener("keydown", (event) => event.key === "Enter" && submit());
  width.addEventListener("pointerdown", () => (drags += 1));
  width.addEventListener("input", () => {
    const content = { width: Number(width.value), ...target(), gesture: `${link.name} width ${drags}` };
    link.newest("width", "widen", content);
  });
  reference.addEventListener("click", (event) => {
    const box = reference.getBoundingClientRect();
    const { height, width: wide } = page().reference;
    const row = clamp(Math.floor(((event.clientY - box.top) / box.height) * height), 0, height - 1);
    const column = clamp(Math.floor(((event.clientX - box.left) / box.width) * wide), 0, wide - 1);
    link.send("pick", { row, column, ...target() });
  });

  function draw() {
    const context = picker.getContext("2d");
    context.clearRect(0, 0, 221, 221);
    context.strokeStyle = "#8886";
    context.lineWidth = 1;
    context.strokeRect(110.5, 0, 0, 221);
    context.strokeRect(0, 110.5, 221, 0);
    if (gamut) context.drawImage(gamut, 0, 0);
    const [a, b] = hand ?? page().color.at;
    const x = 110.5 + a;
    const y = 110.5 - b;
    for (const [color, radius, line] of [["#000", 6.5, 2], ["#fff", 5, 2]]) {
      context.strokeStyle = color;
      context.lineWidth = line;
      context.beginPath();
      context.arc(x, y, radius, 0, 7);
      context.stroke();
    }
  }
  function swatches(box, colors) {
    const known = box.dataset.colors;
    const wanted = colors.map((one) => one.hex + one.title).join();
    if (known === wanted) return;
    box.dataset.colors = wanted;
    box.replaceChildren(
      ...colors.map(({ hex, title, content }) => {
        const label = title ? `${title}, ${hex}` : hex;
        const onclick = () => link.send("recolor", { ...content, ...target() });
        return h("button.swatch", { type: "button", style: `background:${hex}`, title: label, "aria-label": label, onclick });
      }),
    );
  }
  return {
    element,
    /** What the page knows. */
    update() {
      const { color, lightness, recent: used, width: cells } = page();
      const point = page().points.find((one) => one.id === stage.chosen());
      const code = point?.asked ?? color.hex;
      asked.style.background = code;
      here.style.background = point?.hex ?? color.here;
      if (document.activeElement !== field) field.value = typed = code;
      light.textContent = `L ${lightness}`;
      width.value = point?.width ?? cells;
      widthText.textContent = `${width.value} × ${width.value}`;
      swatches(recent, used.map((hex) => ({ hex, title: "", content: { color: hex } })));
      reference.hidden = !page().reference;
      draw();
    },
    answered(report) {
      const names = { model: "the model's own", grey: "grey: stops a leak" };
      swatches(
        suggested,
        (report.suggestions ?? []).map(({ name, hex, a, b }) => ({
          hex, title: names[name] ?? `hue ${name}`, content: { ab: [a, b] },
        })),
      );
    },
    async gamut(bytes) {
      gamut = await bitmap(bytes);
      draw();
    },
    async reference(bytes) {
      referenceImage = await bitmap(bytes);
      if (!referenceImage) return;
      reference.width = referenceImage.width;
      reference.height = referenceImage.height;
      reference.getContext("2d").drawImage(referenceImage, 0, 0);
    },
  };
}

// The model, its gates, and numbers.

function makeGates() {
  const element = h("div.gates", { role: "img" });
  return {
    element,
    update(gates) {
      const blocks = gates.length;
      element.style.setProperty("--blocks", blocks);
      if (element.children.length !== 2 * blocks)
        element.replaceChildren(...Array.from({ length: 2 * blocks }, () => h("i")));
      ["attention", "ffn"].forEach((kind, row) =>
        gates.forEach((pair, block) => {
          const cell = element.children[row * blocks + block];
          cell.className = `hp-gate hp-${kind}${pair[row] ? "" : " hp-skipped"}`;
          cell.title = `block ${block + 1}, ${kind}: ${pair[row] ? "kept" : "skipped"}`;
        }),
      );
      const kept = (row) => gates.filter((pair) => pair[row]).length;
      element.setAttribute(
        "aria-label",
        `of ${blocks} blocks, ${kept(0)} attentions and ${kept(1)} feed-forward networks ran`,
      );
    },
  };
}

function makeNetwork(link, page) {
  const model = h("select.select", {
    "aria-label": "model", onchange: () => link.send("update", { model: model.value }),
  });
  const budget = h("input", {
    type: "range", min: 0.1, max: 1, step: 0.01, "aria-label": "budget: the share of sub-layers to keep",
    oninput: () => {
      budgetText.textContent = number(Number(budget.value), 2);
      link.newest("budget", "update", { budget: Number(budget.value) });
    },
  });
  const budgetText = h("output.note");
  const budgetRow = h("label.row", { hidden: "" }, h("span.label", {}, "Budget"), budget, budgetText);
  const gates = makeGates();
  const where = h("span.note");
  const names = ["kept", "GMAC", "ms", "images/s", "dB PSNR", "hints"];
  const values = names.map(() => h("b", {}, "–"));
  const numbers = h("div.numbers", {}, ...names.map((name, i) => h("div", {}, values[i], h("span", {}, name))));
  const kinds = h("div.kinds", { "aria-hidden": "true" }, h("span", {}, "attention"), h("span", {}, "FFN"));
  const element = h(
    "section.section.network", { "aria-label": "Network" },
    h("div.choices", {}, model, budgetRow, where),
    h("div.gaterow", {}, kinds, gates.element),
    numbers,
  );
  return {
    element,
    update() {
      options(model, page().models, page().model);
      budgetRow.hidden = !page().takes_budget;
      if (document.activeElement !== budget) budget.value = page().budget;
      budgetText.textContent = number(Number(budget.value), 2);
    },
    answered(report) {
      gates.update(report.gates);
      const texts = [
        `${report.kept}/${2 * report.gates.length}`, number(report.gmac, 2),
        number(report.milliseconds, report.milliseconds < 10 ? 1 : 0),
        number(1000 / report.milliseconds, report.milliseconds > 100 ? 1 : 0),
        report.psnr === null ? "–" : number(report.psnr, 1), String(report.hints.length),
      ];
      values.forEach((value, index) => (value.textContent = texts[index]));
      where.textContent = `on ${report.where}`;
    },
  };
}

// Photos to choose from, files in and out, and the same in Python.

/** Two drawers: the gallery, for the photo or for one to take colours from, and saving. */
function makeFiles(link, page, stage, sheet, say) {
  const gallery = h("div.gallery", { hidden: "", role: "group", "aria-label": "photos" });
  const saving = h("div.menu", { hidden: "" });
  let target = "photo";
  const photoFile = h("input", { type: "file", accept: "image/*,.tif,.tiff,.webp,.jp2,.avif,.ppm", hidden: "", "aria-label": "photo file" });
  const hintFile = h("input", { type: "file", accept: ".json,application/json", hidden: "", "aria-label": "hints file" });
  photoFile.addEventListener("change", () => take(photoFile.files[0], photoFile));
  hintFile.addEventListener("change", () => take(hintFile.files[0], hintFile));
  async function take(file, input) {
    if (!file) return;
    if (/\.json$/i.test(file.name)) link.send("load", { text: await file.text(), name: file.name });
    else await link.upload(file, target);
    if (input) input.value = "";
    gallery.hidden = saving.hidden = true;
  }
  stage.element.addEventListener("dragover", (event) => event.preventDefault());
  stage.element.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    target = "photo";
    take(event.dataTransfer.files[0]);
  });
  function toggle(box, open = () => {}) {
    const show = box.hidden;
    gallery.hidden = saving.hidden = true;
    if (!show) return;
    box.hidden = false;
    open();
  }
  function openGallery(to) {
    target = to;
    saving.hidden = true;
    gallery.hidden = false;
    if (!sheet()?.byteLength) link.send("thumbnails");
    const title = to === "photo" ? "Photo to colour" : "Photo to take colours from";
    gallery.replaceChildren(
      h("div.row", {}, h("b", {}, title), button("load", "open a photo from a file", () => photoFile.click(), "Upload ..."), h("span.note", {}, "or drop a file on the picture")),
      h("div.thumbs", {}, ...page().gallery.map((name, index) => {
        const picture = h("i.thumb");
        picture.dataset.index = index;
        return h("button.choice", { type: "button", title: name, onclick: () => pickPhoto(name) }, picture, h("span", {}, name));
      })),
    );
    thumbnails();
  }
  function pickPhoto(name) {
    link.send("open", { name, target });
    gallery.hidden = true;
  }
  let sheetUrl = null;
  function thumbnails() {
    const bytes = sheet();
    if (!bytes?.byteLength) return;
    sheetUrl ??= URL.createObjectURL(new Blob([bytes]));
    for (const one of gallery.querySelectorAll(".hp-thumb")) {
      one.style.backgroundImage = `url(${sheetUrl})`;
      one.style.backgroundPositionX = `${-72 * one.dataset.index}px`;
    }
  }
  const code = h("textarea.code", { readonly: "", rows: 7, spellcheck: "false", "aria-label": "the same in Python" });
  const save = (kind) => () => link.send("save", { kind });
  saving.append(
    h("div.row", {},
      button("save", "the coloured photo at full size, lossless", save("png"), "PNG"),
      button("save", "the coloured photo at full size, smaller", save("jpg"), "JPEG"),
      button("save", "the hints, to load again", save("json"), "Hints"),
      button("load", "load hints from a file", () => hintFile.click(), "Load hints ...")),
    h("div.label", {}, "The same in Python"), code,
    button("copy", "copy the code", copyCode, "Copy code"),
  );
  async function copyCode() {
    try {
      await navigator.clipboard.writeText(code.value);
    } catch {
      code.select(); // where a page may not use the clipboard by itself
      document.execCommand("copy");
    }
    say("The code is on the clipboard: paste it into a cell.");
  }
  function download(name, bytes) {
    const url = URL.createObjectURL(new Blob([bytes]));
    h("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  }

  return {
    elements: [gallery, saving, photoFile, hintFile],
    buttons: [
      button("photo", "choose or upload a photo", () => toggle(gallery, () => openGallery("photo")), "Photo"),
      button("save", "save and load", () => toggle(saving), "Save"),
    ],
    openGallery, thumbnails, download,
    close() {
      gallery.hidden = saving.hidden = true;
    },
    update() {
      code.value = page().code;
    },
    end() {
      if (sheetUrl) URL.revokeObjectURL(sheetUrl);
    },
  };
}

// For the class: hints as the paper draws them, and a replay.

function makeLesson(link, page, stage) {
  let playing = false;
  const count = h("input.number", { type: "number", min: 0, max: 500, value: 10, "aria-label": "how many" });
  const seed = h("input.number", { type: "number", min: 0, max: 999999, value: 0, "aria-label": "seed" });
  const replay = button("play", "show the hints one by one", () => play(), "Replay");
  const replayText = h("span.note");
  const element = h(
    "section.section", { "aria-label": "For the class" },
    h("div.row", {}, button("dots", "the photo's own colours at random places, as in the paper", () => link.send("paper", { count: Number(count.value), seed: Number(seed.value) }), "Hint like the paper")),
    h("label.row", {}, h("span.label", {}, "Hints"), count, h("span.label", {}, "Seed"), seed),
    h("div.row", {}, replay, replayText),
  );
  async function play() {
    if (playing) return void (playing = false);
    playing = true;
    stage.choose(null);
    const total = page().points.length;
    for (let shown = 0; playing && shown <= total; shown++) {
      replayText.textContent = `${shown} of ${total}`;
      link.send("update", { shown });
      const pause = new Promise((done) => setTimeout(done, total > 20 ? 250 : 700));
      while (playing && link.busy()) await new Promise((done) => setTimeout(done, 30));
      await pause;
    }
    link.send("update", { shown: null });
    playing = false;
    replayText.textContent = "";
  }
  return {
    element,
    stop() {
      playing = false;
    },
    update() {
      replay.disabled = !page().points.length;
      const told = String(page().seed);
      if (document.activeElement !== seed && seed.dataset.told !== told) seed.value = seed.dataset.told = told;
    },
  };
}

const IDLE = "Click to colour, drag to move, right click to remove. Press ? for the keys.";
const KEYS = `Click or Enter: a hint in the current colour. Drag or arrows (Shift: faster): move it.
Right click, long press or Delete: remove it. Tab: the next hint. Esc: none chosen.
Ctrl+Z, Ctrl+Shift+Z: undo, redo. + − 0: zoom; Ctrl+wheel or two fingers zoom; Space+drag pans.
C: compare. H: hide the controls. F: full screen.`;

function render({ model, el }) {
  const page = () => model.get("_page");
  const link = makeLink(model);
  const stage = makeStage(link, page, () => colour.update());
  const view = stage.view;
  const colour = makeColour(link, page, stage, (target) => files.openGallery(target));
  const network = makeNetwork(link, page);
  const lesson = makeLesson(link, page, stage);
  const files = makeFiles(link, page, stage, () => model.get("_sheet"), (text) => say(text));
  const strip = makeGates(); // the one that stays when the controls are hidden
  const stripText = h("span");
  let live = true;
  let shape = null;
  let key = null;

  // The bar

  const tool = (name, label, action) => button(name, label, () => link.send(action));
  const undo = tool("undo", "undo (Ctrl+Z)", "undo");
  const redo = tool("redo", "redo (Ctrl+Shift+Z)", "redo");
  const clear = tool("clear", "remove all hints", "clear");
  const zoomText = h("output.zoom");
  const zoom = (factor) => {
    const box = stage.element.getBoundingClientRect();
    view.zoomAt(factor, box.left + box.width / 2, box.top + box.height / 2);
    stage.onview();
  };
  const fit = () => {
    view.reset();
    stage.onview();
  };
  const compare = h("select.select", { "aria-label": "compare with", onchange: () => setCompare(compare.value) });
  const layout = h("select.select", {
    "aria-label": "how to compare",
    onchange: () => {
      view.side = layout.value === "side";
      resize();
      update();
    },
  });
  options(layout, [["slider", "slider"], ["side", "side by side"]], "slider");
  function setCompare(value) {
    const [kind, name] = value.split(":");
    link.send("update", name ? { compare: kind, other_model: name } : { compare: kind });
  }
  const [photoButton, saveButton] = files.buttons;
  const [gallery, saving, ...inputs] = files.elements;
  const bar = h(
    "div.bar", { role: "toolbar", "aria-label": "panel" },
    photoButton,
    h("span.group", {}, undo, redo, clear),
    h("span.group", {}, button("minus", "zoom out (−)", () => zoom(1 / 1.5)), zoomText, button("plus", "zoom in (+)", () => zoom(1.5)), button("fit", "all of the photo (0)", fit)),
    h("span.group", {}, compare, layout),
    h("span.space"),
    h("span.group", {}, saveButton, button("hide", "hide the controls (H)", () => bare()), button("full", "full screen (F)", () => full())),
  );

  // All together

  const status = h("div.status", { role: "status", "aria-live": "polite" });
  const overlay = h("div.overlay", {}, strip.element, stripText);
  const show = h("button.show", { type: "button", "aria-label": "show the controls", title: "show the controls (H)", onclick: () => bare(false) }, icon("hide"));
  stage.element.append(overlay, show);
  const side = h("aside.side", {}, colour.element, lesson.element);
  const root = h("div.panel", { role: "region", "aria-label": "hint panel" },
    bar, h("div.drawers", {}, gallery, saving), h("div.main", {}, h("div.left", {}, stage.element, network.element), side), status, ...inputs);
  root.dataset.view = link.name;
  el.append(root);

  function say(text, level = "info") {
    const shown = text || IDLE;
    if (status.textContent !== shown) status.textContent = shown;
    status.classList.toggle("hp-error", level === "error");
  }
  function bare(hidden = !root.classList.contains("hp-bare")) {
    root.classList.toggle("hp-bare", hidden);
    resize();
  }
  async function full() {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await root.requestFullscreen();
    } catch (error) {
      say(`Full screen is not possible here: ${error.message}`, "error");
    }
  }
  function cycle() {
    const kinds = [...compare.options].map((one) => one.value);
    setCompare(kinds[(kinds.indexOf(compare.value) + 1) % kinds.length]);
  }
  root.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, textarea, select");
    const command = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    if (command && letter === "z" && !typing) link.send(event.shiftKey ? "redo" : "undo");
    else if (command && letter === "y" && !typing) link.send("redo");
    else if (event.key === "Escape") {
      lesson.stop();
      files.close();
      stage.choose(null);
    } else if (typing || command || event.altKey) return;
    else if (letter === "h") bare();
    else if (letter === "f") full();
    else if (letter === "c") cycle();
    else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") fit();
    else if (event.key === "?") say(KEYS);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // What the kernel tells

  function update() {
    const now = page();
    if (now.photo.key !== key) {
      key = now.photo.key;
      view.picture = view.other = view.crop = null;
      stage.forget();
      view.reset();
    }
    undo.disabled = !now.undo;
    redo.disabled = !now.redo;
    clear.disabled = !now.points.length;
    files.update();
    lesson.update();
    const kinds = [["nothing", "no comparison"], ["grey", "with grey"]];
    if (!now.photo.grey) kinds.push(["original", "with the original"]);
    for (const name of now.models) kinds.push([`model:${name}`, `with ${name}`]);
    options(compare, kinds, now.compare === "model" ? `model:${now.other_model}` : now.compare);
    layout.disabled = now.compare === "nothing";
    const wasSide = view.side;
    view.side = layout.value === "side" && now.compare !== "nothing";
    if (wasSide !== view.side) view.hold();
    const beside = { grey: "grey", original: "original", model: now.other_model }[now.compare];
    stage.labels(now.model, beside);
    root.classList.toggle("hp-beside", view.side);
    say(now.status.text, now.status.level);
    stage.update(now.acks[link.name] ?? 0);
    colour.update();
    network.update();
  }

  let drawing = 0;
  let drawn = 0;
  async function answered() {
    const report = model.get("_report");
    drawing += 1;
    const turn = drawing;
    if (report.photo === page().photo.key) {
      const images = await Promise.all([bitmap(model.get("_picture")), bitmap(model.get("_other"))]);
      if (turn < drawn || !live) return; // a later one was faster
      drawn = turn;
      if (report.photo === page().photo.key) {
        [view.picture, view.other] = images;
        shape = report.shape;
        network.answered(report);
        strip.update(report.gates);
        stripText.textContent = `${report.kept} of ${2 * report.gates.length} kept, ${number(report.milliseconds, 0)} ms`;
        colour.answered(report);
        stage.answered(report);
        root.dataset.painted = report.version;
      }
    }
    link.drawn(report.acks?.[link.name] ?? 0);
  }
  async function posted(message, buffers) {
    if (message.view !== link.name) return;
    if (message.kind === "file") files.download(message.name, buffers[0]);
    if (message.kind === "crop") {
      const layers = await Promise.all(buffers.map(bitmap));
      view.crop = { photo: message.photo, rect: message.rect, layers };
      stage.draw();
    }
  }

  // Where the stage has another part of the photo, or another size

  let asked = "";
  let later = 0;
  stage.onview = () => {
    zoomText.textContent = `${Math.round(100 * view.zoom)} %`;
    stage.draw();
    clearTimeout(later);
    later = setTimeout(() => {
      const { height, width } = page().photo;
      const sharper = view.zoom > 1 && shape && Math.max(...shape) < Math.max(height, width);
      const rect = view.rect();
      const scale = Math.min(1, view.scale() * devicePixelRatio);
      const content = sharper ? { rect, shape: [rect[2], rect[3]].map((one) => Math.round(one * scale)) } : { rect: null };
      if (JSON.stringify(content) === asked || (!asked && !sharper)) return;
      asked = JSON.stringify(content);
      link.send("viewport", { ...content, photo: page().photo.key });
    }, 150);
  };
  let pixels = 0;
  function resize() {
    const box = stage.canvas.parentElement;
    if (!box.clientWidth || !box.clientHeight) return;
    view.width = box.clientWidth;
    view.height = box.clientHeight;
    const ratio = devicePixelRatio || 1;
    if (stage.canvas.width !== Math.round(view.width * ratio) || stage.canvas.height !== Math.round(view.height * ratio)) {
      stage.canvas.width = Math.round(view.width * ratio);
      stage.canvas.height = Math.round(view.height * ratio);
    }
    view.hold();
    const wanted = Math.ceil((Math.max(view.width, view.height) * ratio) / 128) * 128;
    if (wanted !== pixels) {
      pixels = wanted;
      link.newest("hello", "hello", { pixels });
    }
    stage.onview();
  }

  // A kernel that is gone, or busy with something else

  let patience = 0;
  let worried = false;
  link.onbusy = (busy) => {
    clearTimeout(patience);
    root.classList.toggle("hp-waiting", busy);
    if (busy) patience = setTimeout(worry, 6000);
    else if (worried) {
      worried = false;
      say(page().status.text, page().status.level);
    }
  };
  function worry() {
    worried = true;
    say("No answer for 6 seconds: the kernel is busy, or was restarted (then run the cell again).", "error");
  }
  function connection() {
    if (!el.closest(".jupyter-widgets-disconnected, .jp-mod-disconnected")) return;
    clearTimeout(patience);
    root.classList.remove("hp-waiting");
    say("The kernel was restarted or is gone, and this is its last picture: run the cell again.", "error");
  }
  const soon = () => setTimeout(connection, 0);

  const gamut = () => colour.gamut(model.get("_gamut"));
  const reference = () => colour.reference(model.get("_reference"));
  const events = { "change:_page": update, "change:_report": answered, "change:_gamut": gamut,
    "change:_reference": reference, "change:_sheet": files.thumbnails, "msg:custom": posted, comm_live_update: soon };
  for (const [name, listener] of Object.entries(events)) model.on(name, listener);
  const observer = new ResizeObserver(resize);
  observer.observe(stage.element);
  update();
  resize();
  gamut();
  reference();
  if (model.get("_report").gates) answered();

  return () => {
    live = false;
    lesson.stop();
    files.end();
    clearTimeout(later);
    clearTimeout(patience);
    observer.disconnect();
    for (const [name, listener] of Object.entries(events)) model.off(name, listener);
    try {
      link.send("bye");
    } catch {
      // The kernel went before its page, and needs no farewell.
    }
  };
}

export default { render };
