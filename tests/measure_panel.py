"""How fast the panel is in a browser, measured from what a hand does to what an eye sees.

    python tests/measure_panel.py

prints a table and writes data/results/panel_latency.csv, which notebook 08 shows. Nothing else
should run on the machine. With `picture` it makes figures/panel.jpg, for README, instead.
"""

import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas
from browser import ARGUMENTS, CHROMIUM, NO_CHROMIUM, NOTEBOOK, Lab, Panel, opened

from colorlib.files import data_dir, write_text
from colorlib.photos import gallery
from colorlib.table2 import describe

# Milliseconds that were asked for, by the pixels of the picture's longer side on the screen.
ASKED = {
    512: {"click to ring": 40, "click to picture": 120, "end of a drag to picture": 500},
    1024: {"click to ring": 40, "click to picture": 200, "end of a drag to picture": 500},
}
PHOTO, SHAPE = "raccoon", (768, 1024)
MODEL = "acolvit-t-0.5"
# Of README's picture, on the flower: colours, and where, as shares of height and width.
HINTS = {
    "#0e5f5f": [(0.14, 0.14), (0.77, 0.92)],
    "#083030": [(0.91, 0.17)],
    "#6a2c10": [(0.47, 0.47)],
    "#f0a060": [(0.95, 0.52), (0.35, 0.61)],
}
CELL = f"from colorlib.panel import HintPanel\npanel = HintPanel({PHOTO!r}, {MODEL!r})\npanel"
# A frame after the ring is in the page, and after the last answer is drawn. Times count from
# when the browser got the event.
WATCH = """() => {
  const root = document.querySelector('.hp-panel');
  const first = !window.watched;
  window.watched = { ring: [], picture: [], settled: [] };
  if (!first) return;
  const settle = (start, times) => {
    const look = () => {
      if (root.classList.contains('hp-waiting')) return;
      observer.disconnect();
      requestAnimationFrame(() => times.push(performance.now() - start));
    };
    const observer = new MutationObserver(look);
    observer.observe(root, { attributes: true, attributeFilter: ['class'] });
    return look;
  };
  root.addEventListener('pointerdown', (event) => {
    const count = root.querySelectorAll('.hp-ring').length;
    requestAnimationFrame(() => {
      if (root.querySelectorAll('.hp-ring').length > count)
        window.watched.ring.push(performance.now() - event.timeStamp);
    });
    settle(event.timeStamp, window.watched.picture);
  }, true);
  root.addEventListener('pointerup', (event) => settle(event.timeStamp, window.watched.settled)());
}"""


def display(panel: Panel, longest: int) -> None:
    """A stage that shows the photo with its longer side at `longest` pixels."""
    height = longest * SHAPE[0] // SHAPE[1]
    panel.page.set_viewport_size({"width": 1700, "height": 1300})
    panel.root.locator(".hp-stage").evaluate(
        "(stage, [width, height]) => {"
        "  stage.style.cssText ="
        "    `flex: none; width: ${width}px; height: ${height}px; min-height: 0`;"
        "}",
        [longest, height],
    )
    panel.page.wait_for_timeout(500)
    panel.idle()


def measure(panel: Panel, clicks: int = 20, drags: int = 5) -> pandas.DataFrame:
    """A row for each of `ASKED`; the first two clicks at each size do not count."""
    rows = []
    for longest, asked in ASKED.items():
        display(panel, longest)
        panel.reset()
        watched = _clicked(panel, clicks + 2)
        panel.reset()
        kinds = watched["ring"][2:], watched["picture"][2:], _dragged(panel, drags)
        for (what, milliseconds), times in zip(asked.items(), kinds, strict=True):
            median, worst = round(statistics.median(times)), round(max(times))
            rows.append((longest, what, median, worst, len(times), milliseconds))
    heads = ["display_px", "what", "median_ms", "worst_ms", "runs", "asked_ms"]
    return pandas.DataFrame(rows, columns=heads)


def _clicked(panel: Panel, count: int) -> dict[str, list[float]]:
    panel.page.evaluate(WATCH)
    for index in range(count):
        shares = np.array((0.1 + 0.8 * index / count, 0.1 + 0.8 * (7 * index % count) / count))
        panel.click(*map(int, shares * SHAPE), SHAPE)
        panel.page.wait_for_timeout(100)
    return panel.page.evaluate("window.watched")


def _dragged(panel: Panel, count: int) -> list[float]:
    way = np.linspace((0.2, 0.2), (0.8, 0.7), 200) * SHAPE
    panel.click(*map(int, way[0]), SHAPE)
    panel.page.evaluate(WATCH)
    mouse = panel.page.mouse
    for _ in range(count):
        mouse.move(*panel.client(*way[0], SHAPE))
        mouse.down()
        for place in way:
            mouse.move(*panel.client(*place, SHAPE))
            time.sleep(0.008)
        mouse.up()
        panel.page.wait_for_timeout(100)
        panel.idle()
        panel.page.wait_for_timeout(100)
        way = way[::-1]  # and back
    return panel.page.evaluate("window.watched.settled")


def picture(panel: Panel) -> None:
    """README's: the flower with HINTS, grey on the left."""
    page, (height, width) = panel.page, gallery("flower").shape
    page.set_viewport_size({"width": 1300, "height": 900})
    panel.open("flower")
    panel.shows("flower")
    panel.choose("model", "acolvit-t-any")
    for color, shares in HINTS.items():
        panel.root.get_by_label("colour by name or as #rrggbb").fill(color)
        page.keyboard.press("Enter")
        for down, across in shares:
            panel.click(int(down * height), int(across * width), (height, width))
    panel.choose("compare with", "grey")
    panel.root.get_by_label("before and after").fill("0.28")
    page.mouse.move(0, 0)
    path = data_dir().parent / "figures" / "panel.jpg"
    panel.root.screenshot(path=path, type="jpeg", quality=90)


def main() -> int:
    if CHROMIUM is None:
        print(NO_CHROMIUM, file=sys.stderr)
        return 2
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder))
        lab.notebook(NOTEBOOK, CELL, "")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            lab.wait()
            panel = opened(lab, browser)
            if sys.argv[1:] == ["picture"]:
                picture(panel)
                return 0
            rows = measure(panel)
            about = describe()
            text = (
                f"# {about['cores']} cores, {about['processor']}; {about['system']}, "
                f"Python {about['python']}, JupyterLab {version('jupyterlab')}, Chromium "
                f"{browser.version}; {MODEL}, a photo of {SHAPE[0]} x {SHAPE[1]}\n"
            ) + rows.to_csv(index=False)
        finally:
            browser.close()
            lab.stop()
    print(text, end="")
    write_text(data_dir() / "results" / "panel_latency.csv", text)
    slow = rows[rows.median_ms > rows.asked_ms]
    print(f"slower than asked: {', '.join(slow.what) or 'nothing'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
