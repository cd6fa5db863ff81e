// The model, its gates, and numbers.

import { h, options, number } from "./elements.js";

export function makeGates() {
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

export function makeNetwork(link, page) {
  const model = h("select.select", {
    "aria-label": "model", onchange: () => link.send("model", { name: model.value }),
  });
  const budget = h("input", {
    type: "range", min: 0.1, max: 1, step: 0.01, "aria-label": "budget: the share of sub-layers to keep",
    oninput: () => {
      budgetText.textContent = number(Number(budget.value), 2);
      link.newest("budget", "budget", { budget: Number(budget.value) });
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
