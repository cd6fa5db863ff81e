// The colour picker and what stands beside it.

import { h, button, clamp, bitmap } from "./elements.js";

const EXTENT = 110; // of the picker, in a and b

/** The picker shows which a and b exist at the clicked pixel's lightness, as they look there. */
export function makeColour(link, page, stage, choosePhoto) {
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
  let gesture = 0;
  function choose([a, b]) {
    hand = [a, b];
    link.newest("color", "color", { a, b, ...target(), gesture: `${link.name} colour ${gesture}` });
    draw();
  }
  picker.addEventListener("pointerdown", (event) => {
    picker.setPointerCapture(event.pointerId);
    gesture += 1;
    choose(toAb(event));
  });
  picker.addEventListener("pointermove", (event) => {
    if (picker.hasPointerCapture(event.pointerId)) choose(toAb(event));
  });
  picker.addEventListener("lostpointercapture", () => {
    hand = null;
    draw();
  });
  picker.addEventListener("keydown", (event) => {
    const arrow = { ArrowUp: [0, 2], ArrowDown: [0, -2], ArrowLeft: [-2, 0], ArrowRight: [2, 0] }[event.key];
    if (!arrow) return;
    event.preventDefault();
    const [a, b] = page().color.at;
    choose([clamp(a + arrow[0], -EXTENT, EXTENT), clamp(b + arrow[1], -EXTENT, EXTENT)]);
    hand = null;
  });
  let typed = ""; // Enter submits, and so does leaving the field: once is enough
  function submit() {
    if (field.value !== typed) link.send("color", { hex: field.value, ...target() });
    typed = field.value;
  }
  field.addEventListener("change", submit);
  field.addEventListener("keydown", (event) => event.key === "Enter" && submit());
  width.addEventListener("input", () => {
    const content = { width: Number(width.value), ...target(), gesture: `${link.name} width` };
    link.newest("width", "width", content);
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
        const onclick = () => link.send("color", { ...content, ...target() });
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
      swatches(recent, used.map((hex) => ({ hex, title: "", content: { hex } })));
      reference.hidden = !page().reference;
      draw();
    },
    answered(report) {
      const names = { model: "the model's own", grey: "grey: stops a leak" };
      swatches(
        suggested,
        (report.suggestions ?? []).map(({ name, hex, a, b }) => ({
          hex, title: names[name] ?? `hue ${name}`, content: { a, b },
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
