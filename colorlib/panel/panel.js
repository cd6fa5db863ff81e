// The page of the panel: it draws, and turns what pointers and keys do into messages for the
// kernel, which decides. Positions in messages are (row, column) in the photo's own pixels.

const EXTENT = 110; // of the colour picker, in a and b
const MARGIN = 24; // px of a window's height that are not the panel's
const LONG_PRESS = 600; // ms
const PART = 2 << 20; // bytes of an upload that go in one message: servers refuse more than 10 MB
const IDLE = "Click to colour, drag to move. More: press ?"; // one line at any width
const BUSY = "No answer for 6 seconds: the kernel is busy, or was restarted (then run the cell again).";
const LOST = "The kernel was restarted or has ended, and this is its last picture. To go on, run the cell again (in the demo: reload the page).";
const KEYS = `Click, or arrows and Enter: a hint in the colour of the next one.
Click on a ring, or Tab: choose a hint; the picker then shows its colour, and changes it.
Drag, or arrows (Shift: faster): move a hint. Right click, long press or Delete: remove it.
Esc: none is chosen. Ctrl+Z, Ctrl+Shift+Z: undo, redo.
+ − 0, Ctrl+wheel or two fingers: zoom. Space+drag: pan.
C: compare. F: full screen. ?: these keys.`;
const ICONS = {
  photo: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01",
  undo: "M9 14 4 9l5-5M4 9h9a6 6 0 0 1 0 12h-3",
  redo: "m15 14 5-5-5-5M20 9h-9a6 6 0 0 0 0 12h3",
  clear: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5M9 9h6v6H9z",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  save: "M12 4v11M7 11l5 5 5-5M4 20h16",
  drop: "m13 7 4 4M15.5 4.5a2.1 2.1 0 0 1 4 3L16 11l-3-3zM13 9l-8 8-1 4 4-1 8-8",
  load: "M12 16V5M7 9l5-5 5 5M4 20h16",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  dots: "M5 6h.01M13 4h.01M19 9h.01M8 12h.01M14 15h.01M5 19h.01M19 20h.01",
  play: "M8 5l11 7-11 7z",
  help: "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 18h.01",
};

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
/** The pixel of a photo at a fractional row and column, or the nearest to it. */
const pixelOf = ({ height, width }, { row, column }) => ({
  row: clamp(Math.floor(row), 0, height - 1),
  column: clamp(Math.floor(column), 0, width - 1),
});
const number = (value, digits) => value.toFixed(digits).replace("-", "−");
const bitmap = async (bytes) => (bytes?.byteLength ? createImageBitmap(new Blob([bytes])) : null);

// HTML

/** h("button.wide", {title: "..."}, "text", child): an element; on... are listeners. */
function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.map((one) => `hp-${one}`).join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  // JupyterLab's keys (D, D deletes a cell) would act on whatever of ours has the focus.
  if ("tabindex" in attributes || /button|input|select|textarea/.test(name))
    element.setAttribute("data-lm-suppress-shortcuts", "true");
  element.append(...children);
  return element;
}

function button(icon, label, onclick, text = "") {
  const attributes = { type: "button", title: label, "aria-label": label, onclick };
  const made = h(text ? "button.button.worded" : "button.button", attributes);
  made.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[icon]}"/></svg>`;
  made.append(text);
  return made;
}

/** `texts`: pairs of a value and its text. */
function options(select, texts, chosen) {
  if (String([...select.options].map((one) => one.value)) !== String(texts.map(([value]) => value)))
    select.replaceChildren(...texts.map(([value, text]) => h("option", { value }, text)));
  select.value = chosen;
}

// Messages to the kernel

/** Messages carry numbers; the kernel says which it has drawn. While one of a kind (a drag, a
 * slider) is on its way only the last that follows is kept, so nothing queues up. */
function makeLink(model, onbusy, onlost) {
  let sent = 0;
  let acked = 0;
  const flying = new Map();
  const waiting = new Map();
  const name = Math.random().toString(36).slice(2, 10);

  function post(action, content, buffers) {
    sent += 1;
    try {
      model.send({ do: action, view: name, n: sent, ...content }, undefined, buffers);
      link.lost = false;
      onbusy(true);
    } catch {
      link.lost = true; // the kernel's end of the line is gone
      onlost();
    }
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
    lost: false,
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
      if (acked >= sent) onbusy(false);
    },
    async upload(file, target) {
      const bytes = new Uint8Array(await file.arrayBuffer());
      const parts = Math.max(1, Math.ceil(bytes.length / PART));
      const content = { upload: sent, parts, name: file.name, target };
      for (let at = 0; at < parts * PART; at += PART)
        link.send("upload", content, [bytes.slice(at, at + PART).buffer]);
    },
  };
  return link;
}

// Where the photo is on the stage, zoom and pan, and drawing it

/** One pane, or two side by side. */
function makeView(canvas, photo) {
  const view = {
    zoom: 1, row: 0, column: 0, // of the photo's point in the middle of a pane
    side: false, width: 1, height: 1,
    photo: null, picture: null, other: null, crop: null, // `photo` is a key
    cursor: null, // of the keyboard
  };
  view.panes = () => {
    if (!view.side) return [{ x: 0, width: view.width }];
    const half = (view.width - 4) / 2;
    return [{ x: 0, width: half }, { x: half + 4, width: half }];
  };
  view.scale = () =>
    view.zoom * Math.min(view.panes()[0].width / photo().width, view.height / photo().height);
  /** Keep the photo on the stage: centred where it is smaller, without a gap where larger. */
  view.hold = () => {
    const scale = view.scale();
    const within = (at, length, room) =>
      length * scale <= room + 0.5 ? length / 2 : clamp(at, room / scale / 2, length - room / scale / 2);
    view.row = within(view.row, photo().height, view.height);
    view.column = within(view.column, photo().width, view.panes()[0].width);
  };
  view.toStage = (row, column, pane) => ({
    x: pane.x + pane.width / 2 + (column - view.column) * view.scale(),
    y: view.height / 2 + (row - view.row) * view.scale(),
  });
  /** Fractional (row, column) of a point of the window. */
  view.toPhoto = (clientX, clientY) => {
    const box = canvas.getBoundingClientRect();
    // The box may be scaled by the page; the stage's own pixels are what is drawn in.
    const x = ((clientX - box.left) * view.width) / box.width;
    const y = ((clientY - box.top) * view.height) / box.height;
    const pane = view.panes().findLast((one) => x >= one.x) ?? view.panes()[0];
    return {
      row: view.row + (y - view.height / 2) / view.scale(),
      column: view.column + (x - pane.x - pane.width / 2) / view.scale(),
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
    const tall = Math.min(height, view.height / view.scale());
    const wide = Math.min(width, view.panes()[0].width / view.scale());
    const top = clamp(view.row - tall / 2, 0, height - tall);
    return [top, clamp(view.column - wide / 2, 0, width - wide), tall, wide];
  };

  function place(context, pane, image, [top, left, tall, wide]) {
    if (!image) return;
    const { x, y } = view.toStage(top, left, pane);
    context.drawImage(image, x, y, wide * view.scale(), tall * view.scale());
  }
  function layer(context, pane, which) {
    const { height, width, key } = photo();
    place(context, pane, which ? view.other : view.picture, [0, 0, height, width]);
    if (view.zoom > 1 && view.crop?.photo === key)
      place(context, pane, view.crop.layers[which], view.crop.rect);
  }
  function clipped(context, x, width, draw) {
    context.save();
    context.beginPath();
    context.rect(x, 0, width, view.height);
    context.clip();
    draw();
    context.restore();
  }
  function cross(context, pane, cursor) {
    const { x, y } = view.toStage(cursor.row + 0.5, cursor.column + 0.5, pane);
    for (const [color, line] of [["#000a", 3], ["#fff", 1]]) {
      context.strokeStyle = color;
      context.lineWidth = line;
      context.strokeRect(x - 12, y, 24, 0);
      context.strokeRect(x, y - 12, 0, 24);
    }
  }
  /** `split`: from where, 0 to 1, the picture is seen and not what it is compared with. */
  view.draw = (split) => {
    const context = canvas.getContext("2d");
    const ratio = canvas.width / view.width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    context.imageSmoothingEnabled = view.scale() < 6; // beyond, one sees the photo's pixels
    context.imageSmoothingQuality = "high";
    view.panes().forEach((pane, index) =>
      clipped(context, pane.x, pane.width, () => {
        // What it is compared with is on the left, of the slider and side by side.
        layer(context, pane, view.side && !index ? 1 : 0);
        if (!view.side && view.other)
          clipped(context, 0, split * view.width, () => layer(context, pane, 1));
        if (view.cursor) cross(context, pane, view.cursor);
      }),
    );
  };
  return view;
}

// The picture with its hints, under pointer and keyboard

/** Rings are buttons over a canvas, so that keys and readers reach them. What a hand does is shown
 * at once, and stays until the kernel has answered it. */
function makeStage(link, page, report, onchoose) {
  const canvas = h("canvas.canvas", { tabindex: 0, role: "application" });
  const rings = h("div.rings");
  const tip = h("div.tip", { role: "tooltip", hidden: "" });
  const tags = [h("span.tag"), h("span.tag")];
  const photo = () => page().photo;
  const view = makeView(canvas, photo);
  const split = h("input.split", {
    type: "range", min: 0, max: 1, step: 0.01, value: 0.5, "aria-label": "before and after", hidden: "",
    oninput: draw,
  });
  const busy = h("div.busy", { "aria-hidden": "true" });
  const element = h("div.stage", {}, canvas, rings, split, ...tags, tip, busy);
  // Hints as a hand has them, until the kernel has heard message n: id -> {row, column, n ...}
  const mine = new Map();
  const buttons = new Map();
  const fingers = new Map();
  let chosen = null;
  let under = null; // the ring under the pointer
  let drag = null;
  let space = false;
  let made = 0; // hints, and what a hand does to one of them in one go
  // What was done on one photo must not happen on the next, which the kernel may have already.
  const about = (content) => ({ ...content, photo: photo().key });
  const find = (id) => points().find((one) => one.id === id);
  const told = (id) => report().hints?.find((hint) => hint.id === id);

  const stage = {
    element, view, canvas,
    chosen: () => (find(chosen) ? chosen : null),
    choose(id) {
      const point = find(id);
      if (id !== chosen && point)
        link.newest("look", "update", about({ pixel: [point.row, point.column] }));
      chosen = id;
      stage.draw();
      onchoose();
    },
    remove(id) {
      mine.set(id, { removed: true, n: link.send("remove", about({ id })) });
      const next = points()[0];
      const focused = buttons.get(id)?.contains(document.activeElement);
      if (chosen === id) stage.choose(null);
      stage.draw();
      if (focused) (next ? buttons.get(next.id) : canvas).focus();
    },
    /** The kernel has heard up to `heard`. */
    update(heard) {
      if (view.photo !== photo().key) {
        // What a hand did belongs to the photo before.
        Object.assign(view, { photo: photo().key, zoom: 1, picture: null, other: null, crop: null });
        mine.clear();
        drag = chosen = null;
      }
      view.hold();
      for (const [id, point] of mine) if (point.n <= heard && drag?.id !== id) mine.delete(id);
      if (!find(chosen)) chosen = null;
    },
    labels(left, right) {
      tags[0].textContent = left ?? "";
      tags[1].textContent = left ? right : "";
      split.hidden = !left || view.side;
    },
    draw,
  };

  function points() {
    const merged = new Map(page().points.map((one) => [one.id, one]));
    for (const [id, one] of mine) merged.set(id, { id, ...merged.get(id), ...one });
    return [...merged.values()].filter((one) => !one.removed).slice(0, page().shown ?? undefined);
  }

  function draw() {
    const all = points();
    view.draw(Number(split.value));
    element.classList.toggle("hp-empty", !view.picture && !link.lost);
    const wanted = new Set();
    view.panes().forEach((pane, index) => {
      for (const [order, point] of all.entries()) {
        const key = index ? `${point.id} 2` : point.id;
        wanted.add(key);
        if (!buttons.has(key)) buttons.set(key, ring(point.id, index));
        const one = buttons.get(key);
        const { x, y } = view.toStage(point.row + 0.5, point.column + 0.5, pane);
        one.style.transform = `translate(${x}px, ${y}px)`;
        one.style.setProperty("--hint", point.hex);
        one.classList.toggle("hp-chosen", point.id === chosen);
        one.textContent = page().shown === null ? "" : order + 1;
        one.hidden = x < pane.x || x > pane.x + pane.width || y < 0 || y > view.height;
        const came = told(point.id) ? `, became ${told(point.id).obtained}` : "";
        const name = `hint ${order + 1} of ${all.length}, ${point.hex}${came}`;
        one.setAttribute("aria-label", `${name}, row ${point.row}, column ${point.column}`);
      }
    });
    for (const [key, one] of buttons)
      if (!wanted.has(key)) {
        one.remove();
        buttons.delete(key);
      }
    tip.hidden = Boolean(drag) || !find(under) || !told(under);
    if (!tip.hidden) tell(told(under), find(under).hex);
    const { name, height, width } = photo();
    const what = `${name}, ${height} by ${width} pixels, ${all.length} hints`;
    canvas.setAttribute("aria-label", `${what}. Arrow keys move a cursor, Enter adds a hint.`);
  }

  /** Of the ring under the pointer: asked for, possible, obtained, and the difference. */
  function tell({ asked, obtained, delta_e }, possible) {
    const swatch = (color, text) => h("span.named", {}, h("i.dot", { style: `background:${color}` }), text);
    tip.replaceChildren(
      swatch(asked, `asked ${asked}`),
      swatch(possible, possible === asked ? "possible here" : `possible ${possible}`),
      swatch(obtained, `obtained ${obtained}`),
      h("span", {}, `ΔE ${number(delta_e, 1)}`),
    );
  }

  function hover(id) {
    under = id;
    draw();
  }

  function ring(id, index) {
    const one = h("button.ring", {
      type: "button", tabindex: index ? -1 : 0, "data-hint": id,
      onfocus() {
        made += 1;
        stage.choose(id);
      },
      onpointerenter(event) {
        const { left, width } = element.getBoundingClientRect();
        tip.classList.toggle("hp-far", event.clientX > left + width / 2);
        hover(id);
      },
      onpointerleave: () => hover(null),
    });
    rings.append(one);
    return one;
  }

  const pixel = (at) => pixelOf(photo(), at);
  const inside = ({ row, column }) =>
    row >= 0 && column >= 0 && row < photo().height && column < photo().width;

  function add(at) {
    made += 1;
    const id = `${link.name}-${made}`;
    const n = link.send("add", about({ ...at, id, gesture: id }));
    if (!link.lost) mine.set(id, { ...at, hex: page().color.hex, n });
    stage.choose(null); // the next colour is the next hint's
    return id;
  }

  function move(id, at, gesture) {
    const point = find(id);
    if (!point || (point.row === at.row && point.column === at.column)) return;
    const hand = { ...mine.get(id), ...at, n: Infinity };
    mine.set(id, hand);
    link.newest("move", "move", about({ id, ...at, gesture }), (n) => (hand.n = n));
    draw();
  }

  element.addEventListener("pointerdown", (event) => {
    if (split.contains(event.target)) return;
    const { clientX: x, clientY: y } = event;
    fingers.set(event.pointerId, { x, y });
    if (fingers.size === 2) {
      clearTimeout(drag?.timer);
      drag = { kind: "pinch" };
      return;
    }
    const id = event.target.dataset?.hint;
    const at = view.toPhoto(x, y);
    if (event.button === 1 || space || (event.button === 0 && event.altKey && !id)) {
      drag = { kind: "pan" };
    } else if (event.button !== 0) {
      return;
    } else if (id) {
      stage.choose(id);
      const { row, column } = find(id);
      const looked = link.send("update", about({ pixel: [row, column] }));
      // The hand may not be on the ring's middle: keep the difference, so that nothing jumps.
      const offset = { row: row + 0.5 - at.row, column: column + 0.5 - at.column };
      drag = { kind: "move", id, gesture: `${link.name} ${looked}`, x, y, offset };
      if (event.pointerType !== "mouse")
        drag.timer = setTimeout(() => {
          drag = null;
          stage.remove(id);
        }, LONG_PRESS);
    } else if (!inside(at)) {
      stage.choose(null);
      return;
    } else {
      view.cursor = null;
      // A finger may be the first of two, so it adds when it is lifted.
      if (event.pointerType === "touch") drag = { kind: "tap", x, y };
      else {
        const added = add(pixel(at));
        drag = { kind: "move", id: added, gesture: added, x, y, offset: { row: 0, column: 0 } };
      }
    }
    element.setPointerCapture(event.pointerId);
    event.preventDefault();
    canvas.classList.add("hp-clicked"); // a frame about it tells those with keys alone where they are
    (buttons.get(id) ?? canvas).focus({ preventScroll: true });
  });

  element.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before || !drag) return;
    const { clientX: x, clientY: y } = event;
    if (drag.kind === "pinch") {
      const [a, b] = [...fingers.entries()];
      const other = (a[0] === event.pointerId ? b : a)[1];
      const length = (one) => Math.hypot(one.x - other.x, one.y - other.y);
      const factor = length({ x, y }) / Math.max(1, length(before));
      view.zoomAt(factor, (x + other.x) / 2, (y + other.y) / 2);
      pan((x - before.x) / 2, (y - before.y) / 2);
    } else if (drag.kind === "pan") {
      pan(x - before.x, y - before.y);
    } else if (Math.hypot(x - drag.x, y - drag.y) > 3 || drag.moved) {
      // A click is seldom quite still.
      drag.moved = true;
      clearTimeout(drag.timer);
      if (drag.kind === "move") {
        const at = view.toPhoto(x, y);
        const { row, column } = drag.offset;
        move(drag.id, pixel({ row: at.row + row, column: at.column + column }), drag.gesture);
      }
    }
    fingers.set(event.pointerId, { x, y });
  });

  function lift(event) {
    fingers.delete(event.pointerId);
    clearTimeout(drag?.timer);
    // It was moved, not chosen: the next colour is the next hint's.
    if (drag?.kind === "move" && drag.moved) stage.choose(null);
    const at = view.toPhoto(event.clientX, event.clientY);
    if (drag?.kind === "tap" && event.type === "pointerup" && !drag.moved && inside(at)) add(pixel(at));
    if (!fingers.size) drag = null;
    stage.update(page().acks[link.name] ?? 0);
    draw();
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
  element.addEventListener("wheel", (event) => {
    // Without Ctrl the wheel scrolls the notebook, unless there is none to scroll.
    if (!event.ctrlKey && !event.metaKey && !document.fullscreenElement) return;
    event.preventDefault();
    view.zoomAt(Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
    stage.onview();
  }, { passive: false });

  element.addEventListener("keyup", (event) => (space &&= event.key !== " "));
  canvas.addEventListener("blur", () => {
    canvas.classList.remove("hp-clicked");
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
      const middle = { row: photo().height / 2, column: photo().width / 2 };
      const from = find(id) ?? view.cursor ?? middle;
      const to = pixel({ row: from.row + arrow[0] * step, column: from.column + arrow[1] * step });
      if (id) move(id, to, `${link.name} keys ${made}`);
      else view.cursor = to;
      draw();
    } else if (id && (event.key === "Delete" || event.key === "Backspace")) stage.remove(id);
    else if (!id && event.key === "Enter" && view.cursor) add(view.cursor);
    else if (event.key === " ") space = true;
    else return;
    event.preventDefault();
  });

  return stage;
}

// The colour picker and what stands beside it

/** The picker shows which a and b exist at the clicked pixel's lightness, as they look there. */
function makeColour(link, page, stage, choosePhoto) {
  let gamut = null;
  let hand = null; // where a hand holds the colour: [a, b]
  let typed = null;
  // What a hand does in one go to one hint is one step of undo.
  let drags = 0;
  const target = () => ({ id: stage.chosen() });

  const picker = h("canvas.picker", {
    width: 221, height: 221, tabindex: 0, role: "application",
    "aria-label": "colours possible here: arrow keys change the colour",
    onpointerdown(event) {
      picker.setPointerCapture(event.pointerId);
      point(event);
    },
    onpointermove: (event) => picker.hasPointerCapture(event.pointerId) && point(event),
    onlostpointercapture: () => letGo(),
    onkeyup: () => letGo(),
    onkeydown(event) {
      const arrow = { ArrowUp: [0, 2], ArrowDown: [0, -2], ArrowLeft: [-2, 0], ArrowRight: [2, 0] }[event.key];
      if (!arrow) return;
      event.preventDefault();
      const from = shown();
      choose(from[0] + arrow[0], from[1] + arrow[1]);
    },
  });
  /** Where in its element a pointer is, from 0 to 1. */
  function shareOf(event) {
    const box = event.currentTarget.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }
  function point(event) {
    const [x, y] = shareOf(event);
    choose((2 * x - 1) * EXTENT, (1 - 2 * y) * EXTENT);
  }
  function choose(a, b) {
    hand = [clamp(a, -EXTENT, EXTENT), clamp(b, -EXTENT, EXTENT)];
    link.newest("color", "recolor", { ab: hand, ...target(), gesture: `${link.name} colour ${drags}` });
    draw();
  }
  function letGo() {
    if (hand) link.send("recolor", { ab: hand, ...target() }); // now it counts as used
    hand = null;
    drags += 1;
    draw();
  }

  const asked = h("i.half");
  const here = h("i.half");
  const field = h("input.hex", {
    type: "text", spellcheck: "false", "aria-label": "colour by name or as #rrggbb", title: "such as sky blue, or #87ceeb",
    onchange: () => submit(),
    onkeydown: (event) => event.key === "Enter" && submit(),
  });
  function submit() {
    if (field.value !== typed) link.send("recolor", { color: field.value, ...target() });
    typed = field.value;
  }
  const light = h("span.note");
  const suggested = h("div.swatches", { role: "group", "aria-label": "suggested here", "data-empty": "click in the photo first" });
  const recent = h("div.swatches.recent", { role: "group", "aria-label": "used before", "data-empty": "none yet" });
  const reference = h("img.reference", {
    tabindex: 0, alt: "second photo: click to take a colour", hidden: "",
    onclick(event) {
      const [x, y] = shareOf(event);
      const photo = page().reference;
      const pixel = pixelOf(photo, { row: y * photo.height, column: x * photo.width });
      link.send("pick", { ...pixel, ...target() });
    },
  });
  const whose = h("div.label");
  const element = h(
    "section.section", { "aria-label": "Colour" },
    whose, picker,
    h("div.row", {}, h("span.swatch.pair", { title: "asked for, and as it is possible here" }, asked, here), field, light),
    h("div.label", {}, "Suggested here"), suggested,
    h("div.label", {}, "Used before"), recent,
    button("drop", "take colours from a second photo", () => choosePhoto("reference"), "From another photo"),
    reference,
  );

  const chosen = () => page().points.find((one) => one.id === stage.chosen());
  const shown = () => hand ?? chosen()?.ab ?? page().color.at;
  function draw() {
    const context = picker.getContext("2d");
    context.clearRect(0, 0, 221, 221);
    context.strokeStyle = "#8886";
    context.lineWidth = 1;
    context.strokeRect(110.5, 0, 0, 221);
    context.strokeRect(0, 110.5, 221, 0);
    if (gamut) context.drawImage(gamut, 0, 0);
    const [a, b] = shown();
    for (const [color, radius] of [["#000", 6.5], ["#fff", 5]]) {
      context.strokeStyle = color;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(110.5 + a, 110.5 - b, radius, 0, 7);
      context.stroke();
    }
  }
  /** `colors`: {hex, title, and the arguments of the message that a click sends}. */
  function swatches(box, colors) {
    const wanted = JSON.stringify(colors);
    if (box.dataset.colors === wanted) return;
    box.dataset.colors = wanted;
    box.replaceChildren(
      ...colors.map(({ hex, title, ...content }) => {
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
      const point = chosen();
      const { color } = page();
      whose.textContent = `Colour of ${point ? `hint ${page().points.indexOf(point) + 1}` : "the next hint"}`;
      const code = point?.asked ?? color.hex;
      asked.style.background = code;
      here.style.background = point?.hex ?? color.here;
      if (document.activeElement !== field) field.value = typed = code;
      light.textContent = `L ${page().lightness}`;
      swatches(recent, page().recent.map((hex) => ({ hex, color: hex })));
      reference.hidden = !page().reference;
      draw();
    },
    answered(report) {
      const names = { model: "the model's own", grey: "grey: stops a leak" };
      const titled = ({ name, hex, ab }) => ({ hex, ab, title: names[name] ?? `hue ${name}` });
      swatches(suggested, report.suggestions.map(titled));
    },
    async gamut(bytes) {
      gamut = await bitmap(bytes);
      draw();
    },
    reference: (url) => (reference.src = url),
  };
}

// The model, its gates, and numbers

/** A network's answer: which of its sub-layers ran, and in a line of numbers what that took. */
function makeAnswer() {
  const gates = h("div.gates", { role: "img" });
  const numbers = h("div.numbers");
  return {
    element: h("div.answer", {}, gates, numbers),
    update(answer) {
      const blocks = answer.gates.length;
      gates.style.setProperty("--blocks", blocks);
      gates.replaceChildren(
        ...["attention", "ffn"].flatMap((kind, row) =>
          answer.gates.map((pair, block) => {
            const title = `block ${block + 1}, ${kind}: ${pair[row] ? "kept" : "skipped"}`;
            return h(`i.gate.${kind}${pair[row] ? "" : ".skipped"}`, { title });
          }),
        ),
      );
      const kept = (row) => answer.gates.filter((pair) => pair[row]).length;
      const ran = `${kept(0)} attentions and ${kept(1)} feed-forward networks ran`;
      gates.setAttribute("aria-label", `of ${blocks} blocks, ${ran}`);
      const { milliseconds, psnr } = answer;
      const texts = [
        [`${answer.kept}/${2 * blocks}`, "kept"], [number(answer.gmac, 2), "GMAC"],
        [number(milliseconds, milliseconds < 10 ? 1 : 0), "ms"], [psnr === null ? "–" : number(psnr, 1), "dB"],
      ];
      numbers.replaceChildren(
        ...texts.map(([value, unit]) => h("span", {}, h("b", {}, value), h("span.unit", {}, ` ${unit}`))),
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
    oninput() {
      budgetText.textContent = number(Number(budget.value), 2);
      link.newest("budget", "update", { budget: Number(budget.value) });
    },
  });
  const budgetText = h("output");
  const budgetRow = h("label.row", {}, "Budget", budget, budgetText);
  const key = (kind, text) => h("span.named", {}, h(`i.gate.${kind}`), text);
  const where = h("span.note");
  const legend = h("div.legend", {}, key("attention", "attention"), key("ffn", "FFN"), key("attention.skipped", "skipped"), where);
  // What it is compared with has its strip on the left, as its picture.
  const answers = [makeAnswer(), makeAnswer()];
  const element = h(
    "section.section.network", { "aria-label": "Network" },
    h("div.choices", {}, model, budgetRow, legend),
    h("div.answers", {}, ...answers.map((one) => one.element)),
  );
  return {
    element,
    update() {
      options(model, page().models.map((name) => [name, name]), page().model);
      // It keeps its place where it does nothing, so that nothing jumps.
      budget.disabled = !page().takes_budget;
      budgetRow.title = budget.disabled ? "this network was made without a budget: acolvit-t-any has one" : "";
      if (document.activeElement !== budget) budget.value = page().budget;
      budgetText.textContent = number(Number(budget.value), 2);
    },
    answered(report) {
      answers[0].element.hidden = !report.other;
      if (report.other) answers[0].update(report.other);
      answers[1].update(report);
      where.textContent = `on ${report.where}`;
    },
  };
}

// Photos to choose from, files in and out, and the same in Python

/** Two drawers: the gallery, for the photo or for one to take colours from, and saving. */
function makeFiles(link, model, stage, say) {
  const gallery = h("div.gallery", { hidden: "", role: "group", "aria-label": "photos" });
  const saving = h("div.menu", { hidden: "" });
  let target = "photo";
  const file = (label, accept) => h("input", {
    type: "file", accept, hidden: "", "aria-label": label,
    async onchange(event) {
      await take(event.target.files[0]);
      event.target.value = "";
    },
  });
  const photoFile = file("photo file", "image/*,.tif,.tiff,.webp,.jp2,.avif,.ppm");
  const hintFile = file("hints file", ".json,application/json");
  const fit = h("input", { type: "checkbox" });
  async function take(file) {
    if (!file) return;
    if (/\.json$/i.test(file.name))
      link.send("load", { text: await file.text(), name: file.name, fit: fit.checked });
    else await link.upload(file, target);
    show();
  }
  stage.element.addEventListener("dragover", (event) => event.preventDefault());
  stage.element.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    target = "photo";
    take(event.dataTransfer.files[0]);
  });
  /** Shows one of the drawers, or none. */
  function show(drawer) {
    gallery.hidden = saving.hidden = true;
    if (drawer) drawer.hidden = false;
  }
  function openGallery(to) {
    target = to;
    show(gallery);
    title.textContent = to === "photo" ? "Photo to colour" : "Photo to take colours from";
    if (!model.get("_sheet")) link.send("thumbnails");
  }
  const title = h("b");
  function choose() {
    link.send("open", { name: this.title, target });
    show();
  }
  const choice = (name, index) => h(
    "button.choice", { type: "button", title: name, onclick: choose },
    h("i.thumb", { style: `background-position-x: ${-72 * index}px` }), h("span", {}, name),
  );
  gallery.append(
    h("div.row", {}, title, button("load", "open a photo from a file", () => photoFile.click(), "Upload ..."), h("span.note", {}, "or drop a file on the picture")),
    h("div.thumbs", {}, ...model.get("_gallery").map(choice)),
  );
  const thumbnails = () => gallery.style.setProperty("--sheet", `url(${model.get("_sheet")})`);
  const code = h("textarea.code", { readonly: "", rows: 7, spellcheck: "false", "aria-label": "the same in Python" });
  const save = (kind) => () => link.send("save", { kind });
  saving.append(
    h("div.row", {},
      button("save", "the coloured photo at full size, lossless", save("png"), "PNG"),
      button("save", "the coloured photo at full size, smaller", save("jpg"), "JPEG"),
      button("save", "the hints, to load again", save("json"), "Hints"),
      button("load", "load hints from a file", () => hintFile.click(), "Load hints ..."),
      h("label.label", {}, fit, "of another photo or size too, by share of height and width")),
    h("div.label", {}, "The same in Python"), code,
    button("copy", "copy the code", copyCode, "Copy code"),
  );
  function copyCode() {
    code.select();
    document.execCommand("copy"); // the newer way is not for a page of another computer
    say("The code is on the clipboard: paste it into a cell.");
  }
  return {
    element: h("div.drawers", {}, gallery, saving, photoFile, hintFile),
    photo: button("photo", "choose or upload a photo", () => (gallery.hidden ? openGallery("photo") : show()), "Photo"),
    save: button("save", "save and load", () => show(saving.hidden && saving), "Save"),
    openGallery, thumbnails, show,
    download(name, bytes) {
      const url = URL.createObjectURL(new Blob([bytes]));
      h("a", { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60000);
    },
    answered: (report) => (code.value = report.code),
  };
}

// For the class: hints as the paper draws them, and a replay

function makeLesson(link, page, stage) {
  let playing = false;
  const count = h("input.number", { type: "number", min: 0, max: 500, value: 10, "aria-label": "how many" });
  const seed = h("input.number", { type: "number", min: 0, max: 999999, value: 0, "aria-label": "seed" });
  const paper = () => link.send("paper", { count: Number(count.value), seed: Number(seed.value) });
  const draw = button("dots", "the photo's own colours at random places, as in the paper", paper, "Hint like the paper");
  const why = h("span.note");
  const replay = button("play", "show the hints one by one", play, "Replay");
  const replayText = h("span.note");
  const element = h(
    "section.section", { "aria-label": "For the class" },
    h("div.row", {}, draw, why),
    h("div.row", {}, h("label.named.label", {}, "Hints", count), h("label.named.label", {}, "Seed", seed)),
    h("div.row", {}, replay, replayText),
  );
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  async function play() {
    if (playing) return void (playing = false);
    playing = true;
    stage.choose(null);
    const total = page().points.length;
    for (let shown = 0; playing && shown <= total; shown++) {
      replayText.textContent = `${shown} of ${total}`;
      link.send("update", { shown });
      await pause(total > 20 ? 250 : 700);
      while (playing && link.busy()) await pause(30);
    }
    link.send("update", { shown: null });
    playing = false;
    replayText.textContent = "";
  }
  return {
    element,
    stop: () => (playing = false),
    update() {
      replay.disabled = !page().points.length;
      draw.disabled = page().photo.grey;
      why.textContent = draw.disabled ? "A grey photo has no colours to draw." : "";
    },
  };
}

// All together

function render({ model, el }) {
  const page = () => model.get("_page");
  const link = makeLink(model, onbusy, onlost);
  const stage = makeStage(link, page, () => model.get("_report"), () => colour.update());
  const view = stage.view;
  const colour = makeColour(link, page, stage, (target) => files.openGallery(target));
  const network = makeNetwork(link, page);
  const lesson = makeLesson(link, page, stage);
  const files = makeFiles(link, model, stage, (text) => say(text));
  let live = true;

  const tool = (name, label) => button(name, label, () => link.send(name));
  const undo = tool("undo", "undo (Ctrl+Z)");
  const redo = tool("redo", "redo (Ctrl+Shift+Z)");
  const clear = tool("clear", "remove all hints");
  const zoomText = h("output.zoom");
  const zoom = (factor) => {
    const box = stage.element.getBoundingClientRect();
    view.zoomAt(factor, box.left + box.width / 2, box.top + box.height / 2);
    stage.onview();
  };
  const fit = () => zoom(0); // as far out as it goes
  const compare = h("select.select", { "aria-label": "compare with", onchange: () => setCompare() });
  function setCompare() {
    const [kind, name] = compare.value.split(":");
    link.send("update", name ? { compare: kind, other_model: name } : { compare: kind });
  }
  function cycle() {
    compare.selectedIndex = (compare.selectedIndex + 1) % compare.options.length;
    setCompare();
  }
  const layout = h("select.select", { "aria-label": "how to compare", onchange: () => update() });
  options(layout, [["slider", "slider"], ["side", "side by side"]], "slider");
  const bar = h(
    "div.bar", { role: "toolbar", "aria-label": "panel" },
    files.photo,
    h("span.group", {}, undo, redo, clear),
    h("span.group", {}, button("minus", "zoom out (−)", () => zoom(1 / 1.5)), zoomText, button("plus", "zoom in (+)", () => zoom(1.5)), button("fit", "all of the photo (0)", fit)),
    h("span.group", {}, compare, layout),
    h("span.group", {}, files.save, button("full", "full screen (F)", () => full()), button("help", "what keys and clicks do (?)", () => toggleHelp())),
  );
  const said = h("div.said", { role: "status", "aria-live": "polite" });
  const help = h("div.help", { hidden: "" }, KEYS);
  const toggleHelp = () => (help.hidden = !help.hidden);
  const root = h(
    "div.panel", { role: "region", "aria-label": "hint panel" },
    bar, files.element,
    h("div.main", {},
      h("div.left", {}, stage.element, network.element, h("div.status", {}, said), help),
      h("aside.side", {}, colour.element, lesson.element)),
  );
  el.append(root);

  function say(text, level = "info") {
    const shown = text || IDLE;
    if (said.textContent !== shown) said.textContent = shown;
    said.classList.toggle("hp-error", level === "error");
  }
  async function full() {
    try {
      await (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen());
    } catch (error) {
      say(`Full screen is not possible here: ${error.message}`, "error");
    }
  }
  const keys = {
    f: full, c: cycle, 0: fit, "?": toggleHelp,
    "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5),
  };
  root.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, textarea, select");
    const command = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    if (command && !typing && (letter === "z" || letter === "y"))
      link.send(letter === "y" || event.shiftKey ? "redo" : "undo");
    else if (event.key === "Escape") {
      lesson.stop();
      files.show();
      help.hidden = true;
      stage.choose(null);
    } else if (typing || command || event.altKey || !keys[letter]) return;
    else keys[letter]();
    event.preventDefault();
    event.stopPropagation();
  });

  // What the kernel tells

  function update() {
    const now = page();
    undo.disabled = !now.undo;
    redo.disabled = !now.redo;
    clear.disabled = !now.points.length;
    lesson.update();
    const kinds = [["nothing", "no comparison"], ["hintless", "with no hints"], ["grey", "with grey"]];
    if (!now.photo.grey) kinds.push(["original", "with the original"]);
    for (const name of now.models) kinds.push([`model:${name}`, `with ${name}`]);
    options(compare, kinds, now.compare === "model" ? `model:${now.other_model}` : now.compare);
    layout.disabled = now.compare === "nothing";
    view.side = layout.value === "side" && now.compare !== "nothing";
    const before = { hintless: "no hints", grey: "grey", original: "original", model: now.other_model };
    stage.labels(before[now.compare], now.model);
    say(now.status.text, now.status.level);
    stage.update(now.acks[link.name] ?? 0);
    stage.onview();
    colour.update();
    network.update();
  }

  async function answered() {
    const report = model.get("_report");
    if (report.photo === page().photo.key) {
      const images = await Promise.all([bitmap(model.get("_picture")), bitmap(model.get("_other"))]);
      if (report.version < root.dataset.painted || !live) return; // a later one was faster
      if (report.photo === page().photo.key) {
        [view.picture, view.other] = images;
        for (const part of [network, colour, files]) part.answered(report);
        stage.draw();
        root.dataset.painted = report.version;
      }
    }
    link.drawn(report.acks?.[link.name] ?? 0);
  }
  async function posted(message, buffers) {
    if (message.view !== link.name) return;
    if (message.kind === "file") return void files.download(message.name, buffers[0]);
    view.crop = { ...message, layers: await Promise.all(buffers.map(bitmap)) };
    stage.draw();
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
      const { shape } = model.get("_report");
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
  let scrolled = null;
  const observer = new ResizeObserver(() => resize());
  function resize() {
    // All of it fits into the window: into JupyterLab's, less its bars.
    // Once: to observe it again would report it again, and so without end.
    if (!scrolled && (scrolled = el.closest(".jp-WindowedPanel-outer"))) observer.observe(scrolled);
    const seen = document.fullscreenElement === root ? innerHeight : (scrolled?.clientHeight || innerHeight) - MARGIN;
    const room = clamp(Math.max(560, 0.7 * root.clientWidth + 160), 360, Math.max(360, seen)) - bar.offsetHeight;
    root.style.setProperty("--room", `${room}px`);
    const { clientWidth: width, clientHeight: height } = stage.element;
    if (!width || !height) return;
    const ratio = devicePixelRatio || 1;
    // This clears the canvas, even if the size is the same.
    Object.assign(stage.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    Object.assign(view, { width, height });
    view.hold();
    const wanted = Math.ceil((Math.max(width, height) * ratio) / 128) * 128;
    if (wanted !== pixels) {
      pixels = wanted;
      link.newest("hello", "hello", { pixels });
    }
    stage.onview();
  }

  // A kernel that is gone, or busy with something else

  let patience = 0;
  function onbusy(busy) {
    clearTimeout(patience);
    root.classList.toggle("hp-waiting", busy);
    if (busy) patience = setTimeout(() => say(BUSY, "error"), 6000);
    else say(page().status.text, page().status.level);
  }
  function onlost() {
    clearTimeout(patience);
    lesson.stop();
    root.classList.remove("hp-waiting");
    say(LOST, "error");
  }
  const gamut = () => colour.gamut(model.get("_gamut"));
  const reference = () => colour.reference(model.get("_reference"));
  // A page that starts anew with each visit, such as Voila's, keeps its hints over a reload.
  const remembered = model.get("_remember") && sessionStorage.getItem("colorlib-hints");
  const remember = () => sessionStorage.setItem("colorlib-hints", model.get("_hints"));
  const events = {
    "change:_page": update, "change:_report": answered, "change:_gamut": gamut,
    "change:_reference": reference, "change:_sheet": files.thumbnails, "change:_hints": remember,
    "msg:custom": posted,
    // JupyterLab cut the line, as for a restart, or has it again: a message shows which.
    comm_live_update: () => setTimeout(() => live && link.send("update"), 500),
  };
  for (const [name, listener] of Object.entries(events)) model.on(name, listener);
  observer.observe(stage.element);
  window.addEventListener("resize", resize);
  for (const first of [update, resize, gamut, reference, files.thumbnails]) first();
  if (model.get("_report").gates) answered();
  if (remembered) link.send("restore", { text: remembered });

  return () => {
    live = false;
    lesson.stop();
    clearTimeout(later);
    clearTimeout(patience);
    observer.disconnect();
    window.removeEventListener("resize", resize);
    for (const [name, listener] of Object.entries(events)) model.off(name, listener);
    link.send("bye");
  };
}

export default { render };
