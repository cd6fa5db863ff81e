"""Messages in, pictures out, without a browser: what a page asks is done, or said to be wrong."""

import base64
import io
import threading
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from nbconvert import HTMLExporter
from networks import tiny
from PIL import Image

from colorlib.canvas import resize_ab
from colorlib.colorizer import Colorizer, apply_ab
from colorlib.files import CheckpointError, ConfigError
from colorlib.hints import Hints, photo_input, sample_cells
from colorlib.metrics import psnr
from colorlib.panel import painting
from colorlib.panel.answers import sample_ab
from colorlib.panel.messages import summary
from colorlib.panel.models import Models
from colorlib.panel.panel import HintPanel, page_module
from colorlib.panel.points import Subject
from colorlib.panel.session import REQUESTS, Session
from colorlib.panel.state import Scene, State
from colorlib.panel.worker import Worker
from colorlib.photos import Photo

pytestmark = pytest.mark.usefixtures("one_thread")

PHOTO = Photo(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8), "noise")


class Page:
    """Stands for a page: keeps what it is told."""

    def __init__(self, photo: Photo = PHOTO) -> None:
        self.values: dict[str, Any] = {}
        self.posted: list[tuple[dict, list[bytes]]] = []
        models = Models(Colorizer(tiny(policy=True)))
        state = State(Scene(Subject(photo)), models.first, models.names)
        post = lambda message, buffers: self.posted.append((message, buffers))  # noqa: E731
        self.session = Session(state, models, self.values.update, post)
        self.sent = 0

    def ask(self, action: str, buffers: tuple = (), **content: Any) -> None:
        self.sent += 1
        message = {"do": action, "view": "v", "n": self.sent, **content}
        self.session.receive(message, buffers)
        self.session.wait()

    @property
    def error(self) -> str:
        status = self.values["_page"]["status"]
        return status["text"] if status["level"] == "error" else ""

    def picture(self, name: str = "_picture") -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(self.values[name])), int)


@pytest.fixture
def page() -> Page:
    page = Page()
    page.ask("hello", pixels=500)
    return page


def test_what_is_painted_is_the_colorizers_own_answer(page: Page) -> None:
    page.ask("add", row=10, column=20, id="a")
    page.ask("add", row=30, column=50, id="b")
    state = page.session.state
    whole = page.session.models.colorizer(state.model)(PHOTO, state.hints)
    # JPEG of quality 90 of noise, the hardest there is for it.
    assert np.abs(page.picture() - whole.rgb.astype(int)).mean() < 12
    assert page.values["_report"]["gates"] == whole.gates.int().tolist()
    assert page.values["_report"]["acks"] == {"v": page.sent}
    assert not page.error


def test_the_network_is_given_the_evaluations_input_bit_for_bit(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    colorizer = page.session.models.colorizer(page.session.state.model)
    given, predict = [], colorizer.predict
    monkeypatch.setattr(colorizer, "predict", lambda x, *a: given.append(x) or predict(x, *a))
    page.ask("add", row=33, column=44, id="b")
    assert torch.equal(given[-1], photo_input(PHOTO, page.session.state.hints, 32))
    page.ask("paper", count=20, seed=0)
    cells = sample_cells(20, generator=torch.Generator().manual_seed(0))
    assert torch.equal(given[-1], photo_input(PHOTO, Hints.from_photo(PHOTO, cells), 32))


def test_its_psnr_is_the_evaluations(page: Page) -> None:
    page.ask("paper", count=20, seed=0)
    state = page.session.state
    square = PHOTO.resized(32)  # the tiny network's side
    ab = page.session.models.colorizer(state.model)(PHOTO, state.hints).network_ab
    assert page.values["_report"]["psnr"] == float(psnr(apply_ab(square, ab), square.rgb))


def test_pictures_are_made_again_only_where_they_change(page: Page, monkeypatch: Any) -> None:
    page.ask("add", row=10, column=20, id="a")
    before = page.values["_picture"]
    page.ask("color", hex="#123456", id=None)
    assert page.values["_picture"] is before
    page.ask("move", id="a", row=30, column=3)
    assert page.values["_picture"] is not before


@pytest.mark.parametrize("kind", ["grey", "original", "model"])
def test_what_is_compared_with(page: Page, kind: str) -> None:
    page.ask("compare", compare=kind)
    other = page.picture("_other")
    if kind == "grey":
        assert (np.ptp(other, axis=2) <= 4).mean() > 0.95
    elif kind == "original":
        assert np.abs(other - PHOTO.rgb).mean() < 12
    else:
        assert page.values["_other"] == page.values["_picture"]  # the model itself
    page.ask("compare", compare="nothing")
    assert page.values["_other"] == b""


def test_a_part_of_the_photo_is_sampled_as_all_of_it() -> None:
    ab = torch.randn(2, 16, 16)
    everything = sample_ab(ab, (40, 60), (0.0, 0.0, 40.0, 60.0), (40, 60))
    assert torch.allclose(everything, resize_ab(ab, (40, 60)), atol=1e-5)
    part = sample_ab(ab, (40, 60), (5.0, 30.0, 10.0, 20.0), (10, 20))
    assert torch.allclose(part, everything[:, 5:15, 30:50], atol=1e-5)


def test_a_page_that_is_zoomed_in_gets_its_part(page: Page) -> None:
    page.ask("viewport", rect=[10, 20, 8, 12], shape=[8, 12])
    message, layers = page.posted[-1]
    assert (message["kind"], message["view"], list(message["rect"])) == (
        "crop",
        "v",
        [10, 20, 8, 12],
    )
    assert Image.open(io.BytesIO(layers[0])).size == (12, 8)
    count = len(page.posted)
    page.ask("viewport", rect=None)
    assert len(page.posted) == count


def test_what_was_meant_for_the_photo_before_is_left_out(page: Page) -> None:
    before = page.values["_page"]["photo"]["key"]
    page.ask("viewport", rect=[10, 20, 8, 12], shape=[8, 12], photo=before)
    count = len(page.posted)
    page.session.do(lambda state: state.open(Subject(Photo(PHOTO.rgb[:12, :12], "small"))))
    page.ask("add", row=3, column=4, id="a", photo=before)
    assert page.session.state.points == ()
    status = page.values["_page"]["status"]
    assert status == {
        "text": "small was opened meanwhile: that was for the photo before",
        "level": "info",
    }
    assert page.values["_report"]["acks"] == {"v": page.sent}
    assert len(page.posted) == count  # no part of the new photo where the old one was zoomed in
    page.ask("add", row=3, column=4, id="b", photo=page.values["_page"]["photo"]["key"])
    assert len(page.session.state.points) == 1
    assert not page.error


@pytest.mark.parametrize(
    ("action", "content", "message"),
    [
        ("add", {"row": 99, "column": 0, "id": "x"}, "row 99 of 40 rows"),
        ("move", {"row": 1, "column": 0, "id": "x"}, "gone"),
        ("color", {"hex": "blue"}, "'blue' is no colour"),
        ("model", {"name": "x"}, "no model 'x'"),
        ("open", {"name": "x", "as": "photo"}, "no gallery photo 'x'"),
        ("load", {"text": "{", "name": "h.json"}, "h.json, line 1"),
        ("save", {"as": "gif"}, "png, jpg and json"),
        ("dance", {}, "'dance', which does not exist"),
        ("move", {}, "KeyError"),
    ],
)
def test_what_goes_wrong_is_said_and_changes_nothing(
    page: Page, action: str, content: dict, message: str
) -> None:
    before = page.session.state
    page.ask(action, **content)
    assert message in page.error
    assert message in f"{page.session.last_error!r}"
    assert page.session.state is before
    assert page.values["_report"]["acks"] == {"v": page.sent}  # the page does not wait for ever


def test_an_upload_comes_in_parts(page: Page) -> None:
    stream = io.BytesIO()
    Image.fromarray(PHOTO.rgb[:20]).save(stream, "PNG")
    content = stream.getvalue()
    about = {"upload": 1, "parts": 2, "name": "cat.png", "as": "photo"}
    page.ask("upload", (memoryview(content[:100]),), **about)
    assert page.session.state.photo.name == "noise"
    page.ask("upload", (memoryview(content[100:]),), **about)
    assert page.session.state.photo == Photo(PHOTO.rgb[:20], "cat")
    page.ask("upload", (b"no photo",), **about | {"upload": 2, "parts": 1, "name": "x.jpg"})
    assert page.error.startswith("x.jpg: ")
    assert page.session.state.photo.name == "cat"


def test_files_go_to_the_page_that_asked(page: Page) -> None:
    page.ask("save", **{"as": "png"})
    message, (content,) = page.posted[-1]
    assert (message["view"], message["name"]) == ("v", "noise-coloured.png")
    state = page.session.state
    full = page.session.models.full(state)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), full.rgb)


def test_every_request_has_a_handler_and_thumbnails_come(page: Page) -> None:
    assert {"hello", "bye", "save", "upload"} <= set(REQUESTS)
    page.ask("thumbnails")
    assert Image.open(io.BytesIO(page.values["_sheet"])).size[1] == 96
    page.ask("bye")
    assert page.values["_report"]["acks"] == {}


def test_the_worker_does_the_newest_of_each_kind() -> None:
    done, failed = [], []
    worker = Worker(failed.append)
    gate = threading.Event()
    worker.submit("first", lambda: gate.wait(10) and None)
    for number in range(100):
        worker.submit("same", lambda number=number: done.append(number))
    worker.submit("bad", lambda: 1 / 0)
    gate.set()
    assert worker.wait(10)
    assert done == [99]
    assert [type(error) for error in failed] == [ZeroDivisionError]


def test_models_are_offered_from_dense_to_sparse() -> None:
    names = Models().names
    assert names[0] == "icolorit-t"
    assert Models().first in names
    with pytest.raises(ConfigError, match="no model 'x'"):
        Models().colorizer("x")
    with pytest.raises(CheckpointError):
        Models("no-such-model")


def test_the_panel_from_code(tmp_path: Any) -> None:
    panel = HintPanel(PHOTO, Colorizer(tiny(policy=True)))
    assert repr(panel) == "HintPanel('noise' 40x60, 0 hints, acolvit)"
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


def test_pages_that_do_not_run_notebooks_see_a_picture() -> None:
    panel = HintPanel(PHOTO, Colorizer(tiny(policy=True)))
    panel.add_hint(3, 4, "#ff0000")
    data, _ = panel._repr_mimebundle_()
    assert data["text/plain"] == repr(panel) == "HintPanel('noise' 40x60, 1 hint, acolvit)"
    still = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB"))
    assert still.shape == (40 + painting.LINE, 60, 3)  # the photo, and a line of text below it
    assert still[40:].min() < 128 < still[40:].max()
    panel.wait()


def test_an_export_to_html_shows_the_picture() -> None:
    panel = HintPanel(PHOTO, Colorizer(tiny(policy=True)))
    data, metadata = panel._repr_mimebundle_()
    shown = nbformat.v4.new_output("execute_result", data, metadata=metadata, execution_count=1)
    cell = nbformat.v4.new_code_cell("panel", outputs=[shown], execution_count=1)
    html, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    assert f"data:image/png;base64,{data['image/png']}" in html
    assert "widget-view" not in html
    panel.wait()


def test_the_line_below_a_picture() -> None:
    page = Page()
    page.session.do(lambda state: state.add(3, 4))
    state = page.session.state
    answer = page.session.models.answer(state, state.model)
    layers = f"{answer.preview.kept} of {answer.preview.gates.numel()} layers"
    line = f"noise, 1 hint, acolvit: {layers}, {answer.psnr:.1f} dB"
    assert summary(state, answer) == line


def test_the_page_is_one_module_without_imports() -> None:
    module = page_module()
    assert "import " not in "".join(line[:7] for line in module.splitlines())
    assert module.rstrip().endswith("export default { render };")
    assert "http" not in module.replace("http://www.w3.org/2000/svg", "")  # nothing from afar
