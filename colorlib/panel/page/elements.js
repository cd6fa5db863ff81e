// Making HTML.

/** h("button.wide", {title: "..."}, "text", child): an element; on... are listeners. */
export function h(tag, attributes = {}, ...children) {
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

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export function button(name, label, onclick, text) {
  const attributes = { type: "button", title: label, "aria-label": label, onclick };
  return h(text ? "button.button.worded" : "button.button", attributes, icon(name), text ?? "");
}

export function options(select, values, chosen) {
  const known = [...select.options].map((one) => one.value).join();
  const texts = values.map((one) => (Array.isArray(one) ? one : [one, one]));
  if (known !== texts.map(([value]) => value).join())
    select.replaceChildren(...texts.map(([value, text]) => h("option", { value }, text)));
  select.value = chosen;
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
export const number = (value, digits) => value.toFixed(digits).replace("-", "−");

export async function bitmap(bytes) {
  return bytes?.byteLength ? createImageBitmap(new Blob([bytes])) : null;
}
