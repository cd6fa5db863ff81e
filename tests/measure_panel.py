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


def measure(
    panel: Panel, clicks: int = 20, drags: int = 5, seconds: float = 2.0
) -> dict[int, dict[str, list[float]]]:
    """Times in ms as in `ASKED`; the first two clicks at each size do not count."""
    found = {}
    for longest in ASKED:
        display(panel, longest)
        panel.reset()
        watched = _clicked(panel, clicks + 2)
        panel.reset()
        times = watched["ring"][2:], watched["picture"][2:], _dragged(panel, drags, seconds)
        found[longest] = dict(zip(ASKED[longest], times, strict=True))
    return found


def table(found: dict[int, dict[str, list[float]]]) -> pandas.DataFrame:
    """A row for each of `ASKED`."""
    rows = [
        {
            "display_px": longest,
            "what": what,
            "median_ms": round(statistics.median(times)),
            "worst_ms": round(max(times)),
            "runs": len(times),
            "asked_ms": ASKED[longest][what],
        }
        for longest, kinds in found.items()
        for what, times in kinds.items()
    ]
    return pandas.DataFrame(rows)


def _place(share: tuple[float, float]) -> tuple[float, float]:
    return share[0] * SHAPE[0], share[1] * SHAPE[1]


def _clicked(panel: Panel, count: int) -> dict[str, list[float]]:
    panel.page.evaluate(WATCH)
    for index in range(count):
        row, column = _place((0.1 + 0.8 * index / count, 0.1 + 0.8 * (7 * index % count) / count))
        panel.click(int(row), int(column), SHAPE)
        panel.page.wait_for_timeout(100)
    return panel.page.evaluate("window.watched")


def _dragged(panel: Panel, count: int, seconds: float) -> list[float]:
    panel.click(*map(int, _place((0.2, 0.2))), SHAPE)
    panel.page.evaluate(WATCH)
    mouse = panel.page.mouse
    for index in range(count):
        start, end = ((0.2, 0.2), (0.8, 0.7)) if index % 2 == 0 else ((0.8, 0.7), (0.2, 0.2))
        mouse.move(*panel.client(*_place(start), SHAPE))
        mouse.down()
        began = time.monotonic()
        while (share := (time.monotonic() - began) / seconds) < 1:
            way = tuple(a + (b - a) * share for a, b in zip(start, end, strict=True))
            mouse.move(*panel.client(*_place(way), SHAPE))
            time.sleep(0.008)
        mouse.move(*panel.client(*_place(end), SHAPE))
        mouse.up()
        panel.page.wait_for_timeout(100)
        panel.idle()
        panel.page.wait_for_timeout(100)
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
            rows = table(measure(panel))
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
