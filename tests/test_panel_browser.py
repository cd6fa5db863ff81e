"""The panel in Chromium, in JupyterLab and Voila: what a hand does arrives in the kernel.

Last as a class has it: everything at once, two of it, a restarted kernel.
"""

import io
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import NOTEBOOK, PATIENCE, POINTS, Kernel, Lab, Panel, listen, need_chromium, opened
from PIL import Image

from colorlib.photos import gallery

need_chromium()

VISIT = """import os
from colorlib.panel import HintPanel
print(os.getpid())
HintPanel("chelsea", remember=True)"""

PAIR = "pair.ipynb"
# Two views of one panel, and another panel.
PAIR_CELLS = (
    "from colorlib.panel import HintPanel\npanel, other = HintPanel('chelsea'), HintPanel('coffee')"
    "\nfrom IPython.display import display\ndisplay(panel, panel, other)",
    "",
)
# How often the picture is drawn in a second.
DRAWN = """() => new Promise((done) => {
  const context = document.querySelector('.hp-canvas').getContext('2d');
  let drawn = 0;
  context.clearRect = (...box) => {
    drawn += 1;
    CanvasRenderingContext2D.prototype.clearRect.apply(context, box);
  };
  setTimeout(() => done([delete context.clearRect, drawn][1]), 1000);
})"""


@pytest.fixture(scope="module")
def shared(lab: Lab, chromium: Any) -> Panel:
    return opened(lab, chromium)


@pytest.fixture
def panel(shared: Panel) -> Panel:
    shared.reset()
    return shared


@pytest.fixture(scope="module")
def kernel(lab: Lab, shared: Panel) -> Iterator[Kernel]:
    with lab.kernel(NOTEBOOK) as kernel:
        yield kernel


def test_click_drag_delete_undo(panel: Panel, kernel: Kernel) -> None:
    panel.click(100, 200)
    panel.click(50, 60)
    assert panel.rings() == [[100, 200], [50, 60]]
    assert kernel.value(POINTS) == [[100, 200, "#d9822b"], [50, 60, "#d9822b"]]
    mouse = panel.page.mouse
    mouse.move(*panel.client(50.5, 60.5))
    mouse.down()
    for step in range(1, 11):
        mouse.move(*panel.client(50.5 + 5 * step, 60.5 + 5 * step))
    mouse.up()
    panel.idle()
    assert panel.rings() == [[100, 200], [100, 110]]
    assert [place[:2] for place in kernel.value(POINTS)] == [[100, 200], [100, 110]]
    assert panel.root.get_by_text("Colour of the next hint").is_visible()  # moved, not chosen
    panel.page.keyboard.press("Control+z")
    panel.idle()
    assert panel.rings() == [[100, 200], [50, 60]] == [p[:2] for p in kernel.value(POINTS)]
    panel.page.keyboard.press("Control+Shift+z")
    panel.idle()
    assert panel.rings()[1] == [100, 110]
    panel.click(100, 110, button="right")
    assert panel.rings() == [[100, 200]]
    panel.click(100, 200)  # on the ring: chooses it
    panel.page.keyboard.press("Delete")
    panel.idle()
    assert panel.rings() == [] == kernel.value(POINTS)
    assert panel.errors == []


def test_keys_alone_are_enough_and_leave_the_notebook_be(panel: Panel, kernel: Kernel) -> None:
    page = panel.page
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    panel.root.locator(".hp-canvas").focus()
    for key in ("ArrowRight", "ArrowDown", "Enter", "Tab", "Shift+ArrowLeft"):
        page.keyboard.press(key)
        panel.idle()
    ((row, column),) = panel.rings()
    assert row == 151
    assert column < 225
    for key in ("d", "d", "x", "Escape", "a"):  # which would cut or add cells
        page.keyboard.press(key)
    panel.idle()
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    assert [place[:2] for place in kernel.value(POINTS)] == [[row, column]]


def test_a_colour_is_the_next_hints_or_the_chosen_ones(panel: Panel, kernel: Kernel) -> None:
    field = panel.root.get_by_label("colour by name or as #rrggbb")

    def ask(color: str) -> None:
        field.fill(color)
        field.press("Enter")
        panel.idle()

    panel.click(150, 225)
    first = kernel.value(POINTS)
    ask("Sky Blue")
    assert panel.root.get_by_text("Colour of the next hint").is_visible()
    assert kernel.value(POINTS) == first
    panel.click(50, 60)
    assert kernel.value(POINTS) == [*first, [50, 60, "#87ceeb"]]
    panel.click(150, 225)
    assert panel.root.get_by_text("Colour of hint 1").is_visible()
    ask("#2060ff")
    assert kernel.value(POINTS) == [[150, 225, "#2060ff"], [50, 60, "#87ceeb"]]
    ask("bleu")
    assert "'bleu' is no colour" in panel.status()
    assert "is no colour" in kernel.value("str(panel.last_error)")
    assert kernel.value(POINTS)[0][2] == "#2060ff"
    picker = panel.root.locator(".hp-picker")
    picker.click()  # its middle: a = b = 0, but for half a pixel
    panel.idle()
    assert kernel.value("[abs(v) < 2 for v in panel.points[0].ab]") == [True, True]


def test_a_ring_says_what_became_of_its_colour(panel: Panel, kernel: Kernel) -> None:
    panel.click(150, 225)
    panel.page.mouse.move(*panel.client(20, 20))
    tip = panel.root.get_by_role("tooltip")
    assert tip.is_hidden()
    panel.page.mouse.move(*panel.client(150.5, 225.5))
    tip.wait_for()
    asked, _, obtained, difference = tip.inner_text().splitlines()
    told = kernel.value("panel._report['hints'][0]")
    assert asked == f"asked {told['asked']}"
    assert obtained == f"obtained {told['obtained']}"
    assert difference == f"ΔE {told['delta_e']:.1f}"


def test_what_is_painted_is_the_kernels_picture(panel: Panel, kernel: Kernel) -> None:
    panel.click(150, 225)
    jpeg = bytes.fromhex(kernel.value("panel._picture.hex()"))
    picture = Image.open(io.BytesIO(jpeg)).convert("RGB").resize((45, 30), Image.Resampling.BOX)
    stage = panel.root.locator(".hp-stage").screenshot()
    painted = Image.open(io.BytesIO(stage)).convert("RGB")
    left, top = panel.client(0, 0)
    right, bottom = panel.client(300, 451)
    box = panel.stage()
    crop = (left - box["x"], top - box["y"], right - box["x"], bottom - box["y"])
    seen = painted.resize((45, 30), Image.Resampling.BOX, box=crop)
    difference = np.abs(np.asarray(seen, int) - np.asarray(picture, int)).max(axis=2)
    # The hint's ring is in the way in a few of 1,350 places.
    assert np.quantile(difference, 0.95) <= 8


@pytest.mark.parametrize(("zooms", "size"), [(0, (700, 900)), (3, (1400, 1000)), (6, (700, 900))])
def test_a_click_hits_its_pixel(
    panel: Panel, kernel: Kernel, zooms: int, size: tuple[int, int]
) -> None:
    page = panel.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.wait_for_timeout(300)
    panel.press("all of the photo")
    for _ in range(zooms):
        panel.press("zoom in")
    zoom = min(8, 1.5**zooms)
    panel.root.locator(".hp-canvas").scroll_into_view_if_needed()
    stage = panel.stage()
    scale = zoom * min(stage["width"] / 451, stage["height"] / 300)
    # Not far from the photo's middle, which is what is in the middle of the stage.
    row, column = 150 - round(60 / zoom), 225 + round(100 / zoom)
    x, y = panel.client(row + 0.5, column + 0.5, (300, 451), zoom)
    page.mouse.click(x, y)
    panel.idle()
    (place,) = panel.rings()
    assert abs(place[0] - row) <= 0.5
    assert abs(place[1] - column) <= 0.5
    assert kernel.value(POINTS)[0][:2] == place
    ring = panel.root.locator(".hp-ring").bounding_box()
    assert abs(ring["x"] + ring["width"] / 2 - x) <= 0.5 * scale + 1
    page.set_viewport_size({"width": 1400, "height": 1000})
    panel.press("all of the photo")


def test_hints_are_saved_and_load_again(panel: Panel, kernel: Kernel, tmp_path: Path) -> None:
    panel.click(20, 30)
    panel.click(200, 300)
    before = kernel.value(POINTS)
    panel.press("save and load")
    with panel.page.expect_download() as download:
        panel.root.get_by_role("button", name="the hints, to load again").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == "chelsea-hints.json"
    panel.press("remove all hints")
    panel.root.get_by_label("hints file").set_input_files(path)
    panel.page.wait_for_selector("text=2 hints loaded")
    panel.idle()
    assert kernel.value(POINTS) == before
    panel.press("save and load")
    with panel.page.expect_download() as download:
        panel.root.get_by_role("button", name="at full size, lossless").click()
    download.value.save_as(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size == (451, 300)


def test_models_and_comparison(panel: Panel, kernel: Kernel) -> None:
    panel.press("random places")
    assert len(panel.rings()) == 10
    panel.choose("compare with", "original")
    panel.choose("compare with", "model:icolorit-t")
    panel.choose("model", "icolorit-t")
    assert kernel.value("[panel.model, panel.state.compare]") == ["icolorit-t", "model"]
    strips = panel.root.locator(".hp-answer")
    panel.choose("model", "acolvit-t-0.5")
    # What it is compared with is on the left.
    assert panel.root.locator(".hp-tag").all_inner_texts() == ["icolorit-t", "acolvit-t-0.5"]
    skipped = [strips.nth(index).locator(".hp-skipped").count() for index in (0, 1)]
    assert skipped == [0, 24 - kernel.value("panel.answer.kept")]
    panel.choose("compare with", "nothing")
    assert strips.first.is_hidden()


def test_the_budget_recolours_while_it_moves(panel: Panel, kernel: Kernel) -> None:
    slider = panel.root.get_by_label("budget: the share of sub-layers to keep")
    panel.choose("model", "acolvit-t-0.5")
    assert slider.is_disabled()
    panel.choose("model", "acolvit-t-any")
    panel.click(150, 225)
    kept = []
    for place in (0.02, 0.5, 0.98):
        box = slider.bounding_box()
        slider.click(position={"x": place * box["width"], "y": box["height"] / 2})
        panel.idle()
        budget = kernel.value("panel.budget")
        assert slider.input_value() == f"{budget:g}"
        kept.append(kernel.value("panel.answer.kept"))
        strip = panel.root.locator(".hp-answer:not([hidden])")
        assert strip.locator(".hp-skipped").count() == 24 - kept[-1]
    assert kept[0] < kept[2]  # from a budget of 0.1 to one of 1
    slider.focus()
    for _ in range(30):  # faster than answers come
        panel.page.keyboard.press("ArrowLeft")
    panel.idle()
    assert slider.input_value() == f"{kernel.value('panel.budget'):g}"
    panel.choose("model", "acolvit-t-0.5")


def test_a_photo_of_twelve_megapixels(panel: Panel, kernel: Kernel, tmp_path: Path) -> None:
    """It opens, takes a click, and zooms in about it."""
    Image.fromarray(gallery("raccoon").resized((3000, 4000)).rgb).save(tmp_path / "large.jpg")
    panel.root.get_by_label("photo file").set_input_files(tmp_path / "large.jpg")
    panel.shows("large")
    panel.click(1500, 2000, (3000, 4000))
    for _ in range(6):
        panel.press("zoom in")
    assert panel.root.locator(".hp-zoom").inner_text() == "800 %"
    # The place that was clicked is in the middle, and is still where it was.
    stage = panel.stage()
    middle = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    panel.page.mouse.click(*middle, button="right")
    panel.idle()
    assert panel.rings() == [] == kernel.value(POINTS)
    assert panel.errors == []
    panel.press("all of the photo")
    panel.open("chelsea")
    panel.shows("chelsea")


def test_it_fits_into_the_window_and_nothing_jumps(panel: Panel, tmp_path: Path) -> None:
    """On a projector of 1280 x 720, and there at 125 %."""
    page, root = panel.page, panel.root
    blue = tmp_path / "blue.png"
    Image.fromarray(np.full((90, 60, 3), (20, 40, 160), np.uint8)).save(blue)

    def seen() -> list[dict[str, float]]:
        parts = ".hp-panel", ".hp-stage", ".hp-answer:not([hidden]) >> nth=0", ".hp-status"
        return [page.locator(part).bounding_box() for part in parts]

    for width, height in ((1280, 720), (1024, 576)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(500)
        root.evaluate("panel => panel.scrollIntoView({ block: 'end' })")
        before = seen()
        frame = page.locator(".jp-WindowedPanel-outer").bounding_box()
        for box in before:
            assert box["y"] >= frame["y"]
            assert box["y"] + box["height"] <= frame["y"] + frame["height"] + 1
        assert before[1]["height"] >= 150
        assert page.evaluate(DRAWN) == 0  # it has found its size, and rests
        panel.choose("model", "acolvit-t-any")
        panel.choose("compare with", "model:icolorit-t")
        panel.press("take colours from a second photo")
        root.get_by_label("photo file").set_input_files(blue)
        root.locator(".hp-reference").wait_for()
        page.keyboard.press("?")
        assert root.locator(".hp-help").is_visible()
        panel.click(10, 10)
        panel.root.get_by_label("colour by name or as #rrggbb").fill("bleu")
        page.keyboard.press("Enter")
        page.wait_for_selector(".hp-said.hp-error")
        page.keyboard.press("Escape")
        assert root.locator(".hp-help").is_hidden()
        root.evaluate("panel => panel.scrollIntoView({ block: 'end' })")
        assert [box["height"] for box in seen()] == [box["height"] for box in before]
        panel.choose("model", "acolvit-t-0.5")
        panel.reset()
    page.set_viewport_size({"width": 1400, "height": 1000})


def test_nothing_is_cut_off_however_narrow_the_window(panel: Panel) -> None:
    panel.choose("compare with", "model:icolorit-t")
    for width in (380, 460, 520, 800, 1600, 1400):
        panel.page.set_viewport_size({"width": width, "height": 1000})
        panel.page.wait_for_timeout(300)
        for part in (".hp-panel", ".hp-numbers >> nth=0", ".hp-numbers >> nth=1"):
            cut = panel.page.locator(part).evaluate(
                "box => [box.scrollWidth - box.clientWidth, box.scrollHeight - box.clientHeight]"
            )
            assert max(cut) <= 0, (part, width)


def test_a_grey_photo_says_why_it_gets_no_random_hints(panel: Panel) -> None:
    panel.open("camera")
    panel.shows("camera")
    assert panel.root.get_by_role("button", name="random places").is_disabled()
    assert panel.root.get_by_text("A grey photo has no colours to draw.").is_visible()
    panel.press("undo")
    panel.shows("chelsea")


def test_voila(lab: Lab, chromium: Any) -> None:
    """Hints survive a reload of the page, and a kernel that is gone is said to be."""
    lab.notebook("visit.ipynb", VISIT)
    page = chromium.new_page(viewport={"width": 1200, "height": 900})
    page.set_default_timeout(PATIENCE)
    errors = listen(page)
    page.goto(f"{lab.url}/voila/render/visit.ipynb")
    page.wait_for_selector(".hp-panel[data-painted]")
    panel = Panel(page, errors)
    panel.idle()
    panel.click(100, 100)
    assert panel.rings() == [[100, 100]]
    assert "Click to colour" in panel.status()
    # Voila's own page asks for mathematics and fonts from the network; the panel does without.
    assert [error for error in errors if "ERR_NAME_NOT_RESOLVED" not in error] == []
    page.reload()
    page.wait_for_selector(".hp-ring[aria-label*='row 100, column 100']")
    panel.idle()
    os.kill(int(page.locator(".jp-OutputArea-output pre").inner_text()), signal.SIGKILL)
    page.wait_for_timeout(5000)
    page.mouse.click(*panel.client(90.5, 90.5, (300, 451)))
    page.wait_for_selector(".hp-said.hp-error:has-text('was restarted')")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Photos of several shapes, and two files that are none."""
    draw = np.random.default_rng(0)
    for name, shape in {"wide": (90, 240, 3), "tall": (250, 80, 3), "tiny": (9, 7, 3)}.items():
        Image.fromarray(draw.integers(0, 256, shape, np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "letter.png").write_text("Dear teacher")
    (tmp_path / "empty.jpg").touch()
    return sorted(tmp_path.iterdir())


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
    kernel.value("setattr(panel, 'last_error', None)")  # of the tests before
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


def test_two_views_of_one_panel_and_another_panel(lab: Lab, chromium: Any) -> None:
    lab.notebook(PAIR, *PAIR_CELLS)
    first = opened(lab, chromium, PAIR)
    page = first.page
    page.wait_for_function("document.querySelectorAll('.hp-panel[data-painted]').length == 3")
    views = [Panel(page, first.errors, index) for index in range(3)]
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
    with lab.kernel(NOTEBOOK) as kernel:
        os.kill(kernel.value("__import__('os').getpid()"), signal.SIGKILL)
    page.locator(".jp-Dialog").wait_for(timeout=20_000)
    page.keyboard.press("Escape")  # JupyterLab's own dialog
    panel.root.locator(".hp-canvas").click(timeout=20_000)
    page.wait_for_selector(said, timeout=20_000)
    assert panel.errors == []
