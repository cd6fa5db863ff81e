// The page of the panel: it draws, and turns what pointers and keys do into messages for the
// kernel, which decides. Positions in messages are (row, column) in the photo's own pixels.
// panel.py joins this file and those of the folder page, as a widget's page is one module.

import { h, icon, button, options, number, bitmap } from "./page/elements.js";
import { makeLink } from "./page/link.js";
import { makeStage } from "./page/stage.js";
import { makeColour } from "./page/colour.js";
import { makeGates, makeNetwork } from "./page/network.js";
import { makeFiles } from "./page/files.js";
import { makeLesson } from "./page/lesson.js";

const IDLE = "Click to colour, drag to move, right click to remove. Press ? for the keys.";
const KEYS = `Click or Enter: a hint in the current colour. Drag or arrows (Shift: faster): move it.
Right click, long press or Delete: remove it. Tab: the next hint. Esc: none chosen.
Ctrl+Z, Ctrl+Shift+Z: undo, redo. + − 0: zoom; Ctrl+wheel or two fingers zoom; Space+drag pans.
C: compare. H: hide the controls. F: full screen.`;

export function render({ model, el }) {
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
    link.send("compare", name ? { compare: kind, model: name } : { compare: kind });
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
