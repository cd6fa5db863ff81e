"""Messages in, pictures out, without a browser: what a page asks is done, or said to be wrong."""

import base64
import gc
import io
import threading
import urllib.request
import weakref
from collections.abc import Iterator
from typing import Any

import nbformat
import numpy as np
import psutil
import pytest
import torch
from nbconvert import HTMLExporter
from networks import tiny
from PIL import Image

import colorlib
from colorlib.checkpoints import save_model
from colorlib.colorizer import Colorizer, Painter, paint, resize_ab
from colorlib.evaluate import HintedPhotos
from colorlib.files import ColorlibError
from colorlib.hints import Hints, evaluation_hints, photo_input, sample_cells
from colorlib.panel import HintPanel, pages
from colorlib.panel.pages import Models
from colorlib.panel.state import points_of
from colorlib.photos import Photo

pytestmark = pytest.mark.usefixtures("one_thread")

PHOTO = Photo(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8), "noise")
PNG = pages.file(PHOTO.rgb[:20], "PNG")


class Page:
    """Stands for a page: asks, and keeps what is sent to it alone."""

    def __init__(self, panel: HintPanel, view: str = "v", pixels: int = 500) -> None:
        self.panel, self.view, self.sent = panel, view, 0
        self.posted: list[tuple[dict, list[bytes]]] = []
        panel.send = lambda message, buffers: self.posted.append((message, buffers))
        self.ask("hello", pixels=pixels)

    def ask(self, action: str, buffers: tuple = (), **content: Any) -> None:
        self.sent += 1
        message = {"do": action, "view": self.view, "n": self.sent, **content}
        self.panel._receive(self.panel, message, buffers)
        self.panel.wait()

    @property
    def error(self) -> str:
        status = self.panel._page["status"]
        return status["text"] if status["level"] == "error" else ""

    def picture(self, name: str = "_picture") -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(getattr(self.panel, name))), int)


@pytest.fixture
def panel() -> Iterator[HintPanel]:
    panel = HintPanel(PHOTO, Colorizer(tiny(policy=True)))
    yield panel
    panel.wait()
    panel.close()


@pytest.fixture
def page(panel: HintPanel) -> Page:
    return Page(panel)


def test_what_is_painted_is_the_colorizers_own_answer(page: Page, panel: HintPanel) -> None:
    page.ask("add", row=10, column=20, id="a")
    page.ask("add", row=30, column=50, id="b")
    whole = panel.result()
    # JPEG of quality 90 of noise, the hardest there is for it.
    assert np.abs(page.picture() - whole.rgb.astype(int)).mean() < 12
    assert panel._report["gates"] == whole.gates.int().tolist()
    assert panel._report["acks"] == {"v": page.sent}
    assert not page.error


def test_a_click_is_one_prediction_of_the_evaluations_input(
    page: Page, panel: HintPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    colorizer = panel._models.colorizer(panel.model)
    given, predict = [], colorizer.predict
    painted, paint = [], Painter.paint
    monkeypatch.setattr(colorizer, "predict", lambda x, *a: given.append(x) or predict(x, *a))
    monkeypatch.setattr(Painter, "paint", lambda *a: painted.append(a) or paint(*a))
    page.ask("add", row=33, column=44, id="b")
    assert torch.equal(*given, photo_input(PHOTO, panel.hints, 32))
    assert len(painted) == 1
    page.ask("paper", count=20, seed=0)
    cells = sample_cells(20, generator=torch.Generator().manual_seed(0))
    assert torch.equal(given[-1], photo_input(PHOTO, Hints.from_photo(PHOTO, cells), 32))


def test_its_psnr_is_the_evaluations(panel: HintPanel) -> None:
    model = panel._models.colorizer(panel.model).model
    side = model.img_size
    hints = evaluation_hints(PHOTO, 10, side=side)
    panel._do(lambda state: state.with_points(points_of(hints, state.scene.subject)))
    assert panel.answer.psnr == float(HintedPhotos([PHOTO], 10, side).run(model).psnr)


def test_what_is_compared_with(page: Page, panel: HintPanel) -> None:
    hintless = panel._picture
    page.ask("add", row=10, column=20, id="a")
    page.ask("update", compare="grey")
    assert (np.ptp(page.picture("_other"), axis=2) <= 4).mean() > 0.95
    page.ask("update", compare="original")
    assert np.abs(page.picture("_other") - PHOTO.rgb).mean() < 12
    assert panel._report["other"] is None
    page.ask("update", compare="model")  # with itself
    assert panel._other == panel._picture
    assert panel._report["other"]["psnr"] == panel._report["psnr"]
    page.ask("update", compare="hintless")
    assert panel._other == hintless != panel._picture
    page.ask("update", compare="nothing")
    assert panel._other == b""


def test_a_part_of_the_photo_is_painted_as_all_of_it() -> None:
    colors = torch.randn(4, 16, 16)
    part = pages.Part(PHOTO, (5.0, 30.0, 10.0, 20.0), (10, 20)).paint(colors)
    difference = part.astype(int) - paint(PHOTO, colors)[5:15, 30:50]
    assert np.abs(difference).max() <= 1
    ((a, b),) = pages.colors_at(colors, PHOTO, [(7, 33)], torch.tensor(20.0))
    base, growth = resize_ab(colors, (40, 60))[:, 7, 33].split(2)
    assert (a, b) == pytest.approx((base + 20 * growth).tolist(), abs=1e-5)


def test_a_page_that_is_zoomed_in_gets_its_part(page: Page) -> None:
    page.ask("viewport", rect=[10, 20, 8, 12], shape=[8, 12])
    message, layers = page.posted[-1]
    assert (message["kind"], message["view"]) == ("crop", "v")
    assert list(message["rect"]) == [10, 20, 8, 12]
    assert Image.open(io.BytesIO(layers[0])).size == (12, 8)
    count = len(page.posted)
    page.ask("viewport", rect=None)
    assert len(page.posted) == count


def test_what_was_meant_for_the_photo_before_is_left_out(page: Page, panel: HintPanel) -> None:
    before = panel._page["photo"]["key"]
    page.ask("viewport", rect=[10, 20, 8, 12], shape=[8, 12], photo=before)
    count = len(page.posted)
    panel.open_photo(Photo(PHOTO.rgb[:12, :12], "small"))
    page.ask("add", row=3, column=4, id="a", photo=before)
    assert panel.points == ()
    text = panel._page["status"]["text"]
    assert text == "small was opened meanwhile: that was for the photo before"
    assert panel._report["acks"] == {"v": page.sent}
    assert len(page.posted) == count  # no part of the new photo where the old one was zoomed in
    page.ask("add", row=3, column=4, id="b", photo=panel._page["photo"]["key"])
    assert len(panel.points) == 1
    assert not page.error


@pytest.mark.parametrize(
    ("action", "content", "message"),
    [
        ("add", {"row": 99, "column": 0, "id": "x"}, "row 99 of 40 rows"),
        ("move", {"row": 1, "column": 0, "id": "x"}, "gone"),
        ("recolor", {"id": None, "color": "bleu"}, "'bleu' is no colour"),
        ("open", {"name": "x", "target": "photo"}, "no gallery photo 'x'"),
        ("dance", {}, "dance"),
        ("move", {}, "TypeError"),
    ],
)
def test_what_goes_wrong_is_said_and_changes_nothing(
    page: Page, panel: HintPanel, action: str, content: dict, message: str
) -> None:
    before = panel.state
    page.ask(action, **content)
    assert message in page.error
    assert message in f"{panel.last_error!r}"
    assert panel.state is before
    assert panel._report["acks"] == {"v": page.sent}  # the page does not wait for ever


def test_a_photo_is_of_the_gallery_or_comes_in_parts(page: Page, panel: HintPanel) -> None:
    page.ask("open", name="chelsea", target="photo")
    assert 'photo = colorlib.photos.gallery("chelsea")\n' in panel.code()
    about = {"upload": 1, "parts": 2, "name": "cat.png", "target": "photo"}
    page.ask("upload", (memoryview(PNG[:100]),), **about)
    assert panel.photo.name == "chelsea"
    page.ask("upload", (memoryview(PNG[100:]),), **about)
    assert panel.photo == Photo(PHOTO.rgb[:20], "cat")
    page.ask("upload", (b"no photo",), **about | {"upload": 2, "parts": 1, "name": "x.jpg"})
    assert page.error.startswith("cannot open x.jpg: ")
    assert panel.photo.name == "cat"


def test_files_go_to_the_page_that_asked(page: Page, panel: HintPanel) -> None:
    page.ask("save", kind="png")
    message, (content,) = page.posted[-1]
    assert (message["view"], message["name"]) == ("v", "noise-coloured.png")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), panel.result().rgb)
    page.ask("thumbnails")
    with urllib.request.urlopen(panel._sheet) as sheet, Image.open(sheet) as picture:
        assert picture.size == (96 * len(panel._gallery), 96)


def test_of_many_jobs_that_wait_the_newest_of_each_kind_is_done(panel: HintPanel) -> None:
    done: list[int] = []
    gate = threading.Event()
    panel._soon("quick", "first", lambda: gate.wait(10) and None)
    with pytest.raises(TimeoutError, match="still at work"):
        panel.wait(0.01)
    for number in range(100):
        panel._soon("quick", "same", lambda number=number: done.append(number))
    panel._soon("quick", "bad", lambda: 1 / 0)
    gate.set()
    panel.wait()
    assert done == [99]
    assert isinstance(panel.last_error, ZeroDivisionError)


def test_models_are_offered_from_dense_to_sparse_and_shared() -> None:
    first, second = Models(), Models("icolorit-t")
    assert next(iter(first.codes)) == second.first == "icolorit-t"
    assert first.first in first.codes
    assert first.colorizer("icolorit-t") is second.colorizer("icolorit-t")
    with pytest.raises(ColorlibError, match="no checkpoint 'x'"):
        first.colorizer("x")
    with pytest.raises(ColorlibError):
        Models("no-such-model")


def test_an_own_network_does_not_hide_the_shipped_one_of_its_name(tmp_path: Any) -> None:
    save_model(tiny(policy=True), tmp_path / "icolorit-t.safetensors", {})
    models = Models(tmp_path / "icolorit-t.safetensors")
    assert models.first == "icolorit-t, own"
    assert len(models.codes) == len(Models().codes) + 1
    assert models.colorizer(models.first).model.policy
    assert not models.colorizer("icolorit-t").model.policy
    assert eval(models.codes[models.first], {"colorlib": colorlib}).model.policy


def test_a_closed_panel_is_let_go_of() -> None:
    photo = Photo(PHOTO.rgb, "noise")
    panel = HintPanel(photo, Colorizer(tiny(policy=True)))
    Page(panel).ask("add", row=3, column=4, id="a")
    panel.close()
    kept = [weakref.ref(panel), weakref.ref(photo)]
    del panel, photo
    gc.collect()
    assert [one() for one in kept] == [None, None]


def test_many_runs_of_a_cell_cost_little() -> None:
    """All are kept, as a notebook keeps them: 5 MB each in a kernel, and 11 with own threads."""

    def run() -> tuple[HintPanel, float, int]:
        panel = HintPanel("chelsea")
        page = Page(panel, pixels=1024)
        for row in range(2):
            page.ask("add", row=20 * row, column=30)
        process = psutil.Process()
        return panel, process.memory_info().rss / 1e6, process.num_threads()

    runs = [run() for _ in range(13)]
    (_, before, threads), (_, after, still) = runs[0], runs[-1]
    assert after - before < 96
    assert still == threads
    for panel, *_ in runs:
        panel.close()


def test_the_panel_from_code(tmp_path: Any, panel: HintPanel) -> None:
    panel.add_hint(3, 4, "#ff0000")
    panel.add_hint(30, 40)
    panel.move_hint(0, 5, 6)
    panel.save(tmp_path / "h.json")
    panel.save(tmp_path / "p.png")
    panel.remove_hint(1)
    panel.load(tmp_path / "h.json")
    assert [(p.row, p.column) for p in panel.points] == [(5, 6), (30, 40)]
    panel.clear()
    panel.undo()
    assert len(panel.hints) == 2
    assert panel.last_error is None
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.size == (60, 40)


def test_hints_come_back_when_the_page_is_loaded_again(panel: HintPanel) -> None:
    assert panel._hints == ""
    first = HintPanel("coffee", Colorizer(tiny(policy=True)), remember=True)
    Page(first).ask("add", row=100, column=200, id="a")
    again = HintPanel(PHOTO, Colorizer(tiny(policy=True)), remember=True)
    Page(again).ask("restore", text=first._hints)
    assert (again.photo, again.hints) == (first.photo, first.hints)
    # A photo of one's own is gone until it is opened again.
    Page(first).ask("upload", (PNG,), upload=0, parts=1, name="cat.png", target="photo")
    Page(first).ask("add", row=10, column=20, id="b")
    page = Page(again)
    page.ask("restore", text=first._hints)
    assert again._page["status"]["text"] == "open cat again, and its hints are there again"
    page.ask("upload", (PNG,), upload=0, parts=1, name="cat.png", target="photo")
    assert (again.photo.name, again.hints) == ("cat", first.hints)
    for one in (first, again):
        one.close()


def test_pages_that_do_not_run_notebooks_see_a_picture(panel: HintPanel) -> None:
    panel.add_hint(3, 4, "#ff0000")
    data, metadata = panel._repr_mimebundle_()
    assert data["text/plain"] == repr(panel) == "HintPanel('noise' 40x60, 1 hint, acolvit)"
    still = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB"))
    assert still.shape == (40 + pages.LINE, 60, 3)  # the photo, and a line of text below it
    assert still[40:].min() < 128 < still[40:].max()
    shown = nbformat.v4.new_output("execute_result", data, metadata=metadata, execution_count=1)
    cell = nbformat.v4.new_code_cell("panel", outputs=[shown], execution_count=1)
    html, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    assert f"data:image/png;base64,{data['image/png']}" in html
    assert "widget-view" not in html


def test_the_page_asks_for_nothing_from_afar() -> None:
    page = str(HintPanel._esm) + str(HintPanel._css)
    assert "import " not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
