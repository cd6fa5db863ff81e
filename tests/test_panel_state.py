"""The panel without its widget: actions, undo, colours that exist, and the network's input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from colorlib.color import in_gamut
from colorlib.files import ColorlibError
from colorlib.hints import Hints
from colorlib.panel.state import Scene, State, Subject, parse_color, possible
from colorlib.photos import Photo

RED = "#ff0000"
MODELS = ("icolorit-t", "acolvit-t-0.5")


def noise(height: int = 40, width: int = 60, name: str = "noise") -> Photo:
    rgb = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)
    return Photo(rgb, name)


def plain() -> Photo:
    return Photo(np.full((40, 60, 3), 120, np.uint8), "plain")


@pytest.fixture
def state() -> State:
    return State(Scene(Subject(noise())), MODELS[1], MODELS)


# Colours


def test_a_colour_is_read_from_text_and_numbers() -> None:
    # scikit-image: rgb2lab of (1, 0, 0) is L 53.24, a 80.09, b 67.20.
    color = parse_color(RED)
    assert color.ab == pytest.approx((80.0925, 67.2032), abs=2e-3)
    assert color.hex == RED
    assert parse_color("f00") == parse_color(" #FF0000 ") == parse_color("Red") == color
    # CSS's SkyBlue, and of the xkcd survey a colour that CSS has no name for.
    assert parse_color("Sky Blue").hex == parse_color("skyblue").hex == "#87ceeb"
    assert parse_color("ugly green").hex == "#7a9703"
    assert parse_color((255, 0, 0)) == parse_color(np.array([255, 0, 0], np.uint8)) == color
    for bad in ("bleu", "#12345", "", (1, 2), (0, 0, 256), (0, 0, 1.5), (0, 0, -1), None, 7):
        with pytest.raises(ColorlibError, match="is no colour: '#rrggbb' is right"):
            parse_color(bad)


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 100), st.floats(-110, 110), st.floats(-110, 110))
def test_a_possible_colour_exists_and_stays(L: float, a: float, b: float) -> None:
    (color,) = possible(L, [(a, b)])
    assert in_gamut(torch.full((1, 1, 1), L), torch.tensor(color.ab).reshape(2, 1, 1)).all()
    assert possible(L, [color.ab]) == [color]
    assert np.float32(color.ab).tolist() == list(color.ab)


def test_red_at_a_dark_pixel_is_a_dark_red(state: State) -> None:
    dark = Photo(np.full((4, 4, 3), 40, np.uint8))
    (point,) = state.open(Subject(dark)).add(3, 3, RED).points
    assert point.asked.hex == RED
    # What is shown keeps the pixel's lightness, as the answer will.
    red, green, blue = bytes.fromhex(point.here.hex[1:])
    assert red > 70 > 30 > max(green, blue)


# Points


def test_a_moved_hint_wants_its_first_colour_again() -> None:
    """Over a dark pixel and back to a bright one nothing is lost."""
    subject = Subject(Photo(np.repeat(np.uint8([[[10] * 3, [150] * 3]]), 4, axis=0)))
    state = State(Scene(subject), "m", ("m",)).add(0, 1, RED, id="x")
    before = state.points[0].ab
    assert state.move("x", 0, 0).points[0].ab != before
    assert state.move("x", 0, 0).move("x", 0, 1).points[0].ab == before


def test_what_cannot_be_is_refused(state: State) -> None:
    for row, column in ((-1, 0), (40, 0), (0, -1), (0, 60), (1.5, 0)):
        with pytest.raises(ColorlibError, match=r"row|col"):
            state.add(row, column)
    with pytest.raises(ColorlibError, match="no model 'x': there are icolorit-t"):
        state.update(model="x")
    with pytest.raises(ColorlibError, match="share from 0 to 1"):
        state.update(budget=1.5)


# Hints for the network


def test_hints_like_the_papers_are_the_photos_own(state: State) -> None:
    state = state.open(Subject(noise(224, 300))).add(0, 0).paper(10, seed=3)
    own = Hints.from_photo(state.photo, state.hints.cells())
    assert np.array_equal(state.hints.ab, own.ab)
    assert state.paper(10, seed=3).hints == state.hints != state.paper(10, seed=4).hints
    assert len(state.undo().points) == 1
    with pytest.raises(ColorlibError, match="plain is grey"):
        state.open(Subject(plain())).paper(3)


def test_a_replay_shows_the_first_hints_and_ends_with_the_next_action(state: State) -> None:
    state = state.paper(5)
    replayed = state.update(shown=2)
    assert (len(replayed.hints), len(replayed.points)) == (2, 5)
    assert len(replayed.add(0, 0).hints) == 6
    assert len(replayed.update(shown=None).hints) == 5


def test_the_eyedropper_takes_the_mean_about_a_pixel(state: State) -> None:
    with pytest.raises(ColorlibError, match="second photo"):
        state.pick(None, 0, 0)
    blue = Photo(np.full((9, 9, 3), (20, 40, 160), np.uint8))
    picked = state.update(reference=Subject(blue)).pick(None, 4, 4)
    with pytest.raises(ColorlibError, match="outside"):
        state.update(reference=Subject(blue)).pick(None, -1, 4)
    assert picked.color.ab == pytest.approx(parse_color((20, 40, 160)).ab, abs=1e-3)
    assert picked.color.hex == "#1428a0"


# History


def test_a_drag_is_one_step(state: State) -> None:
    """And the same gesture on another hint is another step."""
    state = state.add(0, 0, id="a").add(1, 1, id="b")
    first = state
    for row in range(1, 9):
        first = first.move("a", row, row, gesture="keys").recolor("a", RED, gesture="keys")
    both = first.move("b", 7, 8, gesture="keys")
    assert both.undo().points == first.points
    assert both.undo().undo().points == state.points


def test_a_colour_counts_as_used_when_the_hand_lets_go(state: State) -> None:
    state = state.add(0, 0, RED, id="a")
    for green in range(20):
        state = state.recolor("a", (0, green, 200), gesture="drag")
    assert [color.hex for color in state.recent] == [RED]
    state = state.recolor("a", (0, 19, 200))
    assert [color.hex for color in state.recent] == ["#0013c8", RED]
    assert len(state.past) == 2  # that it let go is no step of its own


def test_undo_brings_photo_and_hints_back_and_leaves_settings(state: State) -> None:
    first = state.add(1, 1).update(compare="original")
    other = first.open(Subject(plain())).update(model="icolorit-t", budget=0.3)
    assert other.compare == "nothing"  # a grey photo has no original to compare with
    back = other.undo()
    assert back.scene is first.scene
    assert (back.model, back.budget) == ("icolorit-t", 0.3)
    assert back.update(compare="original").redo().compare == "nothing"


class Actions(RuleBasedStateMachine):
    """Random actions beside a plain list of scenes."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State(Scene(Subject(noise())), MODELS[0], MODELS)
        self.scenes = [self.state.scene]
        self.at = 0

    def done(self, state: State) -> None:
        changed = state.scene != self.state.scene
        self.state = state
        if changed:
            self.scenes[self.at + 1 :] = [state.scene]
            self.at += 1

    @rule(at=st.tuples(*[st.integers(0, 7)] * 2), rgb=st.tuples(*[st.integers(0, 255)] * 3))
    def add(self, at: tuple[int, int], rgb: tuple[int, int, int]) -> None:
        self.done(self.state.add(*at, rgb))

    @precondition(lambda self: self.state.points)
    @rule(data=st.data(), at=st.tuples(*[st.integers(0, 7)] * 2))
    def change(self, data: st.DataObject, at: tuple[int, int]) -> None:
        id = data.draw(st.sampled_from(self.state.points)).id
        states = [self.state.move(id, *at), self.state.remove(id), self.state.clear()]
        self.done(data.draw(st.sampled_from(states)))

    @rule()
    def open(self) -> None:
        self.done(self.state.open(Subject(noise(8, 9))))

    @rule()
    def undo(self) -> None:
        self.state = self.state.undo()
        self.at = max(0, self.at - 1)

    @rule()
    def redo(self) -> None:
        self.state = self.state.redo()
        self.at = min(len(self.scenes) - 1, self.at + 1)

    @invariant()
    def is_the_list_of_scenes(self) -> None:
        assert self.state.scene == self.scenes[self.at]
        after = len(self.scenes) - 1 - self.at
        assert (len(self.state.past), len(self.state.future)) == (self.at, after)
        assert self.state.hints.shape == self.state.photo.shape
        ids = [point.id for point in self.state.points]
        assert len(set(ids)) == len(ids)


Actions.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestActions = Actions.TestCase
