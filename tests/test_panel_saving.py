"""Hints saved from the panel load again exactly, and the cell of Python makes the same."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import tiny

from colorlib.checkpoints import save_model
from colorlib.colorizer import Colorizer
from colorlib.files import ColorlibError
from colorlib.hints import Hints
from colorlib.panel import HintPanel, saving
from colorlib.panel.pages import Models
from colorlib.panel.state import Scene, State, Subject
from colorlib.photos import Photo

MODELS = ("icolorit-t", "acolvit-t-0.5")
PHOTO = Photo(np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8), "noise")


@pytest.fixture
def state() -> State:
    return State(Scene(Subject(PHOTO, "colorlib.open_photo(PHOTO)")), MODELS[1], MODELS)


colors = st.tuples(*[st.integers(0, 255)] * 3)
clicks = st.lists(st.tuples(st.integers(0, 29), st.integers(0, 49), colors))


@settings(deadline=None, max_examples=30)
@given(clicks)
def test_what_is_saved_loads_again_exactly(clicks: list) -> None:
    state = State(Scene(Subject(PHOTO)), MODELS[1], MODELS)
    for click in clicks:
        state = state.add(*click)
    text = saving.dump(state)
    loaded, said = saving.load(state.clear().update(model="icolorit-t"), text)
    assert said == f"{len(clicks)} hint{'' if len(clicks) == 1 else 's'} loaded from the file"
    assert [p.ab for p in loaded.points] == [p.ab for p in state.points]
    assert [p.asked for p in loaded.points] == [p.asked for p in state.points]
    assert loaded.hints == state.hints == Hints.from_json(text)
    assert loaded.model == MODELS[1]
    assert loaded.undo().points == ()
    loaded, said = saving.load(state, text.replace(MODELS[1], "acolvit-t-9"))
    assert said.endswith("'acolvit-t-9' is not here, acolvit-t-0.5 stays")


def test_hints_of_another_photo_are_said_to_be(state: State) -> None:
    # By the pixels' SHA-256 after a line with the size, as sha256sum has it of the same bytes.
    assert hashlib.sha256(b"30x50\n" + PHOTO.rgb.tobytes()).hexdigest() in saving.dump(state)
    other = state.open(Subject(Photo(255 - PHOTO.rgb, "negative")))
    _, said = saving.load(other, saving.dump(state.add(1, 1)))
    assert said == (
        "1 hint loaded from the file; they were made for another photo of the same size"
    )


@pytest.mark.parametrize("plain", [False, True])
def test_hints_are_fitted_to_another_photo_when_asked(state: State, plain: bool) -> None:
    text = saving.dump(state.add(10, 20).add(29, 49))
    if plain:
        text = Hints.from_json(text).to_json()
    other = state.open(Subject(Photo(np.full((90, 100, 3), 99, np.uint8), "larger")))
    with pytest.raises(ColorlibError, match="30x50, and 'larger' has 90x100: ask for"):
        saving.load(other, text)
    fitted, said = saving.load(other, text, fit=True)
    # The middle of row 10 is at 10.5 / 30 of the height, which is within row 31 of 90.
    assert [(one.row, one.column) for one in fitted.points] == [(31, 41), (88, 99)]
    assert plain or said.endswith("another photo of 30 x 50 pixels")


def test_a_file_of_an_older_panel_loads_as_its_hints(state: State) -> None:
    # It had the points a second time, as row, column, a, b ..., and not what was asked for alone.
    text = saving.dump(state.add(1, 2).add(1, 3)).replace('"asked":[[', '"points":[[1,2,')
    loaded, _ = saving.load(state, text)
    assert loaded.hints == Hints.from_json(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "{", "h.json is not a hints file: .* line 1"),
        (lambda text: "[]", "h.json is not a hints file"),
        (lambda text: text.replace("[30, 50]", "[31, 50]"), "made for a photo of 31x50"),
        (lambda text: text.replace('"panel": {"version":1', '"panel": {"version":2'), "version"),
        (lambda text: text.replace('"sha256"', '"sha"'), "sha256: Field required"),
        (lambda text: text.replace('"#d9822b"', '"orange"'), "asked, 0, 2: "),
        (lambda text: text.replace('"asked":[[', '"asked":[[1,'), "asked, 0"),
        (lambda text: text.replace('"size": 2', '"size": 4').split(', "panel"')[0] + "}", "size 4"),
    ],
)  # fmt: skip
def test_a_damaged_file_changes_nothing_and_says_why(state: State, change, message: str) -> None:
    text = change(saving.dump(state.add(1, 2)))
    with pytest.raises(ColorlibError, match=message):
        saving.load(state, text, "h.json")


def made(code: str, **names: object) -> dict:
    """Run an exported cell but for its last line, which writes a file."""
    lines = code.splitlines()
    assert lines[-1].startswith("result.save(")
    exec("\n".join(lines[:-1]), names)
    return names


def test_the_cell_of_python_makes_the_same_hints(state: State) -> None:
    clicked = state.add(1, 2, "#ff0000").update(budget=0.25).add(20, 30, "#00f")
    for done, takes_budget in ((clicked, True), (clicked, False), (clicked.clear(), False)):
        code = saving.code(done, "colorizer", takes_budget)
        cell = made(code, PHOTO=PHOTO, colorizer=lambda *given, **more: (*given, more))
        assert cell["result"] == (PHOTO, done.hints, {"budget": 0.25} if takes_budget else {})
    code = saving.code(state, Models().codes["acolvit-t-0.5"])
    assert 'result = colorlib.Colorizer("acolvit-t-0.5")(photo, hints)' in code


def test_the_cell_of_python_runs_whatever_photo_and_model_are_called(tmp_path: Path) -> None:
    weights = tmp_path / 'it\'s a "network".safetensors'
    save_model(tiny(policy=True), weights, {})
    panel = HintPanel(Photo(PHOTO.rgb, 'a "b"/c\\d\n'), weights)
    cell = made(panel.code(), photo=panel.photo)
    assert np.array_equal(cell["result"].rgb, panel.result().rgb)
    assert panel.code().splitlines()[-1] == 'result.save("a _b__c_d_-coloured.png")'
    panel = HintPanel(PHOTO, Colorizer(tiny(policy=True)))
    cell = made(panel.code(), photo=PHOTO, colorizer=panel._models.colorizer(panel.model))
    assert np.array_equal(cell["result"].rgb, panel.result().rgb)


def test_many_hints_are_read_from_their_file(state: State) -> None:
    assert 'Hints.load("noise-hints.json")' in saving.code(state.paper(50), "colorizer")
