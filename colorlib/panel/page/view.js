// Where the photo is on the stage, zoom and pan, and drawing it.

import { clamp } from "./elements.js";

const GRID = 112; // cells of the network's input along a side

/** Where the photo is on the stage, and drawing it. One pane, or two side by side. */
export function makeView(canvas, page) {
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
          const tall = photo().height / GRID;
          const wide = photo().width / GRID;
          const back = Math.floor((outline.width - 1) / 2);
          const row = Math.floor((outline.row + 0.5) / tall) - back;
          const column = Math.floor((outline.column + 0.5) / wide) - back;
          const { x, y } = view.toStage(row * tall, column * wide, pane);
          frame(context, x, y, outline.width * wide * scale, outline.width * tall * scale);
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
