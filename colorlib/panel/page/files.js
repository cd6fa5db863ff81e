// Photos to choose from, files in and out, and the same in Python.

import { h, button } from "./elements.js";

/** Two drawers: the gallery, for the photo or for one to take colours from, and saving. */
export function makeFiles(link, page, stage, sheet, say) {
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
    link.send("open", { name, as: target });
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
  const save = (as) => () => link.send("save", { as });
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
