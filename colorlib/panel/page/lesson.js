// For the class: hints as the paper draws them, and a replay.

import { h, button } from "./elements.js";

export function makeLesson(link, page, stage) {
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
      link.send("show", { count: shown });
      const pause = new Promise((done) => setTimeout(done, total > 20 ? 250 : 700));
      while (playing && link.busy()) await new Promise((done) => setTimeout(done, 30));
      await pause;
    }
    link.send("show", { count: null });
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
