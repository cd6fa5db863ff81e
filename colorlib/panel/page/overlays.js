// What lies over the picture: what became of a hint, and the line between before and after.

import { h, clamp, number } from "./elements.js";

/** For the ring under the pointer: asked for, possible, obtained, and the difference. */
export function makeTip() {
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
export function makeSplit(view, draw) {
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
