"""The panel as a class has it: everything at once, two of it, two tabs, a restarted kernel."""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import POINTS, Kernel, Lab, Panel, need_chromium, opened
from PIL import Image

need_chromium()

PAIR = "pair.ipynb"
# Two views of one panel, and another panel.
PAIR_CELLS = (
    "from colorlib.panel import HintPanel\npanel, other = HintPanel('chelsea'), HintPanel('coffee')"
    "\nfrom IPython.display import display\ndisplay(panel, panel, other)",
    "",
)


@pytest.fixture(scope="module")
def panel(lab: Lab, chromium: Any) -> Panel:
    return opened(lab, chromium)


@pytest.fixture(scope="module")
def kernel(lab: Lab, panel: Panel) -> Iterator[Kernel]:
    with lab.kernel("panel.ipynb") as kernel:
        yield kernel


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Photos of several shapes, and two files that are none."""
    draw = np.random.default_rng(0)
    found = []
    for name, shape in {"wide": (90, 240, 3), "tall": (250, 80, 3), "tiny": (9, 7, 3)}.items():
        found.append(tmp_path / f"{name}.png")
        Image.fromarray(draw.integers(0, 256, shape, np.uint8)).save(found[-1])
    for name in ("letter.png", "empty.jpg"):
        found.append(tmp_path / name)
        found[-1].write_text("Dear teacher"[: 12 * (name == "letter.png")])
    return found


def agree(panel: Panel, kernel: Kernel) -> None:
    """The page shows what the kernel has."""
    panel.page.wait_for_timeout(500)
    panel.idle()
    version = kernel.value("panel._version")
    panel.page.wait_for_selector(f".hp-panel[data-painted='{version}']")
    name, model, compare, undo, redo = kernel.value(
        "[panel.photo.name, panel.model, panel.state.compare,"
        " bool(panel.state.past), bool(panel.state.future)]"
    )
    root = panel.root
    assert root.locator(".hp-canvas").get_attribute("aria-label").startswith(f"{name},")
    assert root.get_by_label("model", exact=True).input_value() == model
    assert root.get_by_label("compare with").input_value().startswith(compare)
    for label, can in {"undo": undo, "redo": redo}.items():
        assert root.get_by_role("button", name=label).first.is_enabled() == can
    assert panel.rings() == [point[:2] for point in kernel.value(POINTS)]


def test_many_random_actions(lab: Lab, panel: Panel, kernel: Kernel, files: list[Path]) -> None:
    """Whatever is done, page and kernel are of one mind at the end, and nobody complains."""
    draw = random.Random(12)
    page, root = panel.page, panel.root

    def place() -> tuple[float, float]:
        stage = panel.stage()
        # Of a tall photo some of it is beside the photo, where a click does nothing.
        across, down = draw.uniform(0.2, 0.8), draw.uniform(0.1, 0.9)
        return stage["x"] + across * stage["width"], stage["y"] + down * stage["height"]

    def drag() -> None:
        page.mouse.move(*place())
        page.mouse.down()
        for _ in range(3):
            page.mouse.move(*place())
        page.mouse.up()

    def choose(label: str, *values: str) -> None:
        box = root.get_by_label(label, exact=True)
        known = box.evaluate("box => [...box.options].map(one => one.value)")
        box.select_option(draw.choice([value for value in values if value in known]))

    def widen(width: int) -> None:
        page.set_viewport_size({"width": width, "height": 1000})

    actions = {
        drag: 60,
        lambda: page.mouse.click(*place()): 100,
        lambda: page.mouse.click(*place(), button="right"): 30,
        lambda: page.keyboard.press("Delete"): 20,
        lambda: page.keyboard.press("Control+z"): 50,
        lambda: page.keyboard.press("Control+Shift+z"): 25,
        lambda: page.keyboard.press(draw.choice(["Tab", "ArrowUp", "ArrowLeft"])): 35,
        lambda: page.keyboard.press(draw.choice(["+", "-", "0"])): 15,
        lambda: choose("model", "icolorit-t", "acolvit-t-0.5", "acolvit-t-any"): 12,
        lambda: choose("compare with", "nothing", "grey", "original", "model:icolorit-t"): 12,
        lambda: panel.open(draw.choice(["chelsea", "camera", "heron"])): 10,
        lambda: root.get_by_label("photo file").set_input_files(draw.choice(files)): 15,
        lambda: widen(draw.choice([700, 1100, 1400])): 6,
    }
    kinds, weights = list(actions), list(actions.values())
    for _ in range(250):
        draw.choices(kinds, weights)[0]()
    widen(1400)
    agree(panel, kernel)
    scenes = "(*panel.state.past, panel.state.scene, *panel.state.future)"
    names = set(kernel.value(f"[scene.subject.photo.name for scene in {scenes}]"))
    assert names & {"wide", "tall", "tiny"}
    assert names & {"camera", "heron"}
    assert panel.errors == []
    assert lab.complaints() == []
    error = kernel.value("panel.last_error and str(panel.last_error)")
    assert error is None or any(why in error for why in ("gone", "letter.png", "empty.jpg"))


def test_a_second_tab_of_the_notebook(
    lab: Lab, panel: Panel, kernel: Kernel, chromium: Any
) -> None:
    """It shows the same panel, as it is now, and both follow whichever is used."""
    panel.open("chelsea")
    panel.shows("chelsea")
    panel.click(50, 60)
    panel.page.keyboard.press("Escape")
    panel.page.locator(".jp-Notebook").first.evaluate("box => box.focus()")
    panel.page.keyboard.press("Control+s")
    panel.page.wait_for_timeout(1000)
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(f"{lab.url}/doc/workspaces/second/tree/panel.ipynb")
    page.wait_for_selector(".hp-panel[data-painted]", timeout=120_000)
    second = Panel(page, [])
    second.idle()
    assert second.rings() == [[50, 60]]
    second.click(200, 300)
    assert kernel.value("len(panel.points)") == 2
    panel.page.wait_for_selector(".hp-ring[aria-label*='row 200, column 300']")
    panel.click(200, 300, button="right")
    second.page.wait_for_function("document.querySelectorAll('.hp-ring').length == 1")
    page.close()
    panel.click(120, 130)
    agree(panel, kernel)


def test_two_views_of_one_panel_and_another_panel(lab: Lab, chromium: Any) -> None:
    lab.notebook(PAIR, *PAIR_CELLS)
    first = opened(lab, chromium, PAIR)
    page = first.page
    page.wait_for_function("document.querySelectorAll('.hp-panel[data-painted]').length == 3")
    views = [Panel(page, first.errors, index) for index in range(3)]
    for view in views:
        view.root.scroll_into_view_if_needed()
    with lab.kernel(PAIR) as kernel:
        views[0].root.locator(".hp-canvas").scroll_into_view_if_needed()
        views[0].click(100, 200)
        assert [len(view.rings()) for view in views] == [1, 1, 0]
        views[1].press("zoom in")  # a view's own
        zooms = [view.root.locator(".hp-zoom").inner_text() for view in views]
        assert zooms == ["100 %", "150 %", "100 %"]
        views[1].press("undo")
        assert [len(view.rings()) for view in views] == [0, 0, 0]
        views[2].root.locator(".hp-canvas").scroll_into_view_if_needed()
        views[2].click(100, 200, (400, 600))
        assert [len(view.rings()) for view in views] == [0, 0, 1]
        assert kernel.value("[len(panel.points), len(other.points)]") == [0, 1]
    assert first.errors == []
    page.close()


def test_dark_and_narrow(lab: Lab, chromium: Any) -> None:
    """The notebook run again in another tab, in dark: a new panel in the same kernel."""
    lab.setting("apputils-extension:themes", {"theme": "JupyterLab Dark"})
    other = opened(lab, chromium)
    color = other.root.evaluate(
        "panel => { const c = document.createElement('canvas').getContext('2d');"
        " c.fillStyle = getComputedStyle(panel).color; c.fillRect(0, 0, 1, 1);"
        " return [...c.getImageData(0, 0, 1, 1).data]; }"
    )
    assert min(color[:3]) > 128
    other.choose("compare with", "model:icolorit-t")
    for width in (380, 460, 520, 800, 1600):
        other.page.set_viewport_size({"width": width, "height": 1000})
        other.page.wait_for_timeout(300)
        for part in (".hp-panel", ".hp-numbers >> nth=0", ".hp-numbers >> nth=1"):
            cut = other.page.locator(part).evaluate(
                "box => [box.scrollWidth - box.clientWidth, box.scrollHeight - box.clientHeight]"
            )
            assert max(cut) <= 0, (part, width)
    lab.setting("apputils-extension:themes", {"theme": "JupyterLab Light"})
    assert other.errors == []
    other.page.close()


def test_a_kernel_that_is_gone_is_said_to_be(lab: Lab, panel: Panel) -> None:
    """The last test: it ends the panel, by the menu, and by the system, said at the next click."""
    page = panel.page
    said = ".hp-said.hp-error:has-text('was restarted')"
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_text("Restart Kernel…", exact=True).click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    page.wait_for_selector(said, timeout=20_000)
    assert panel.errors == []
    page.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_selector(".hp-panel[data-painted]")
    panel.idle()
    with lab.kernel("panel.ipynb") as kernel:
        os.kill(kernel.value("__import__('os').getpid()"), signal.SIGKILL)
    page.locator(".jp-Dialog").wait_for(timeout=20_000)
    page.keyboard.press("Escape")  # JupyterLab's own dialog
    panel.root.locator(".hp-canvas").click(timeout=20_000)
    page.wait_for_selector(said, timeout=20_000)
    assert panel.errors == []
