"""colorlib.hints: positions, drawing, the hint map, the network's input, and files."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from colorlib.color import srgb_to_lab
from colorlib.files import ColorlibError
from colorlib.hints import (
    Hints,
    cells_hint_map,
    draw_cells,
    draw_icolorit,
    evaluation_hints,
    hint_map,
    network_input,
    photo_input,
    read_icolorit,
    sample_cells,
    widened,
    write_icolorit,
)
from colorlib.photos import Photo

at_leisure = settings(max_examples=15, deadline=None)


def photo(height: int, width: int, seed: int = 0, name: str = "noise") -> Photo:
    rng = np.random.default_rng(seed)
    return Photo(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), name)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


TWO = Hints([3, 0], [4, 5], [(10.5, -20.25), (0, 1)], (6, 8), size=2)


# Hints


def test_hints_are_immutable_copies():
    rows = np.array([3])
    hints = Hints(rows, [4], [(1, 2)], (6, 8))
    rows[0] = 5
    assert hints.rows.tolist() == [3]
    for array in (hints.rows, hints.cols, hints.ab):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError):
        hints.size = 1


def test_add_move_remove_return_new_hints():
    hints = Hints.empty((6, 8)).add(3, 4, (10.5, -20.25)).add(0, 5, (0, 1))
    assert hints == TWO
    assert hints.move(0, 5, 7) == Hints([5, 0], [7, 5], TWO.ab, (6, 8))
    assert hints.remove(0) == Hints([0], [5], [(0, 1)], (6, 8))
    assert hints == TWO
    assert hints.remove(1).remove(0) == Hints.empty((6, 8))
    assert hints != Hints(TWO.rows, TWO.cols, TWO.ab, (6, 9))
    assert repr(hints) == "Hints(2 on 6x8, size 2)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": [6, 0]}, "hints lie outside the photo: row 6 of 6 rows"),
        ({"rows": [0, 0.5]}, "whole numbers rows .*hint 1 is in row 0.5, column 5"),
        ({"rows": [1]}, "same shape"),
        ({"ab": [(1, 2), (3, float("nan"))]}, "hint 1 has the colour a = 3, b = nan"),
        ({"ab": [(1, 2), (200, 4)]}, "both lie within -128 to 128"),
        ({"size": 1.5}, "size of at least 1"),
    ],
)
def test_impossible_hints_are_refused(changes, message):
    right = {"rows": [3, 0], "cols": [4, 5], "ab": [(1, 2), (3, 4)], "shape": (6, 8), "size": 2}
    with pytest.raises(ColorlibError, match=message):
        Hints(**(right | changes))


# The grid of cells and the hint map


def test_positions_by_hand():
    # 480 rows on 224: row 100 has its centre at 100.5 * 224 / 480 = 46.9, in cell 23 of 2 pixels.
    hints = Hints([0, 100, 479], [0, 100, 639], np.zeros((3, 2)), (480, 640))
    assert hints.cells().tolist() == [[0, 0], [23, 17], [111, 111]]
    # A cell's centre is in the photo's pixel floor((23 + 0.5) * 2 * 480 / 224) = 100.
    assert Hints.from_photo(photo(480, 640), [(23, 17)]).rows.tolist() == [100]


@at_leisure
@given(
    grid=st.integers(2, 12),
    size=st.integers(1, 3),
    extra=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    data=st.data(),
)
def test_hints_of_cells_mark_exactly_those_cells(grid, size, extra, data):
    side = grid * size
    picture = photo(grid + extra[0], grid + extra[1])
    count = data.draw(st.integers(0, grid * grid))
    cells = sample_cells(count, side, size, generator=data.draw(st.integers(0, 1000)))
    hints = Hints.from_photo(picture, cells, size, side)
    drawn = hint_map(hints, side)
    expected = np.zeros((grid, grid))
    expected[cells[:, 0], cells[:, 1]] = 1
    assert np.array_equal(drawn[0, 2].numpy(), np.kron(expected, np.ones((size, size))))
    assert hints.cells(side).tolist() == cells.tolist()
    # And the training's way to the same map, bit for bit.
    _, ab = srgb_to_lab(picture.resized(side).tensor())
    trained = cells_hint_map(ab, torch.from_numpy(expected > 0)[None], size)
    assert trained.numpy().tobytes() == drawn.numpy().tobytes()


def test_training_and_evaluation_give_the_network_the_same_input_bit_for_bit():
    """Training draws a batch at once."""
    pictures = [photo(300, 451, 1, "one"), photo(224, 224, 2, "two")]
    cells = draw_cells(2, 128, generator=generator(3))
    L, ab = srgb_to_lab(torch.cat([picture.resized(224).tensor() for picture in pictures]))
    batch = network_input(L, cells_hint_map(ab, cells))
    for index, picture in enumerate(pictures):
        hints = Hints.from_photo(picture, cells[index].nonzero())
        assert photo_input(picture, hints).numpy().tobytes() == batch[index].numpy().tobytes()


@at_leisure
@given(seed=st.integers(0, 1000), width=st.integers(1, 9), count=st.integers(0, 40))
def test_wide_hints_are_squares_of_cells(seed, width, count):
    """Also at the photo's edge; where they meet, the later in order of rows wins."""
    cells = sample_cells(count, generator=seed)
    narrow = hint_map(Hints.from_photo(photo(224, 224, seed), cells))
    expected = torch.zeros(3, 112, 112)
    for cell in sorted(cells.tolist()):
        rows, cols = (slice(max(0, at - (width - 1) // 2), at + width // 2 + 1) for at in cell)
        row, col = cell
        expected[:, rows, cols] = narrow[0, :, 2 * row, 2 * col, None, None]
    assert torch.equal(widened(narrow, width)[0, :, ::2, ::2], expected)
    assert torch.equal(widened(narrow, width)[0, :, 1::2, 1::2], expected)


def test_a_colour_is_the_mean_of_its_cell():
    picture = photo(8, 8)
    _, ab = srgb_to_lab(picture.tensor())
    hints = Hints.from_photo(picture, [(1, 2)], size=2, side=8)
    np.testing.assert_allclose(hints.ab[0], ab[0, :, 2:4, 4:6].mean((1, 2)), rtol=1e-5)
    assert (hints.rows.item(), hints.cols.item()) == (3, 5)


def test_later_hints_win_in_a_shared_cell():
    hints = Hints([0, 1, 1], [0, 0, 1], [(1, 1), (2, 2), (3, 3)], (224, 224))
    drawn = hint_map(hints)
    assert drawn[0, :, 0, 0].tolist() == [3, 3, 1]
    assert drawn[0, 2].sum() == 4


def test_network_input_is_equation_1():
    L = torch.full((1, 1, 8, 8), 75.0)
    x = network_input(L, hint_map(TWO, side=8))
    assert x.shape == (1, 4, 8, 8)
    assert x[0, 0].unique().tolist() == [0.25]
    # Row 3 of 6, column 4 of 8: the cell (floor(3.5 * 4 / 6), floor(4.5 * 4 / 8)) = (2, 2).
    assert x[0, 1:, 4, 4].tolist() == pytest.approx([10.5 / 110, -20.25 / 110, 1])
    assert x[0, 3].sum() == 8


def test_what_does_not_fit_is_named():
    with pytest.raises(ColorlibError, match="size 2 do not divide a network side of 7"):
        hint_map(TWO, side=7)
    with pytest.raises(ColorlibError, match="cannot draw 17 hints: the grid has 4 x 4 cells"):
        sample_cells(17, side=8)
    with pytest.raises(ColorlibError, match="dark is grey"):
        Hints.random(Photo(np.zeros((5, 5, 3), np.uint8), "dark"), 1)
    with pytest.raises(ColorlibError, match="made for a photo of 6x8, and 'cat' has 7x8"):
        photo_input(photo(7, 8, name="cat"), TWO)


# Drawing


def test_uniform_counts_and_cells_are_uniform():
    drawn = draw_cells(4000, 16, side=8, generator=generator())
    counts = drawn.sum((1, 2))
    assert sorted(counts.unique().tolist()) == list(range(17))
    # 17 counts, 4000 draws: 235 each, with a standard deviation of 15.
    assert counts.bincount().min() > 235 - 75
    assert counts.bincount().max() < 235 + 75
    # Each of 16 cells is in half of the images, with a standard deviation under 32.
    assert (drawn.sum(0) - 2000).abs().max() < 160


def test_gaussian_counts_are_geometric_and_cells_central():
    drawn = draw_cells(1000, 128, method="gaussian", generator=generator())
    counts = drawn.sum((1, 2)).double()
    # The mean is 7 (0 with probability 1/8), the standard deviation 7.5; some fall together.
    assert counts.mean() == pytest.approx(7, abs=0.7)
    assert (counts == 0).double().mean() == pytest.approx(1 / 8, abs=0.03)
    places = drawn.nonzero()[:, 1:].double()
    assert places.mean() == pytest.approx(55.5, abs=1)
    # A quarter of 112 cells, a little less as the ends are clipped.
    assert 25 < places.std() < 28
    assert draw_cells(99, 3, method="gaussian", generator=generator()).sum((1, 2)).max() == 3


@pytest.mark.parametrize("method", ["uniform", "gaussian"])
def test_drawing_follows_the_generator_alone(method):
    first = draw_cells(3, 20, method=method, generator=generator(5))
    torch.rand(1)
    assert torch.equal(first, draw_cells(3, 20, method=method, generator=generator(5)))
    assert not torch.equal(first, draw_cells(3, 20, method=method, generator=generator(6)))
    cells = sample_cells(20, method=method, generator=5)
    assert np.array_equal(cells, sample_cells(20, method=method, generator=generator(5)))


def test_evaluation_hints_depend_on_name_and_count_alone():
    one, again = photo(112, 130, 1, "cat"), photo(224, 150, 2, "cat")
    ten = evaluation_hints(one, 10)
    assert ten.cells().tolist() == evaluation_hints(again, 10).cells().tolist()
    assert len({tuple(cell) for cell in ten.cells().tolist()}) == 10
    other = evaluation_hints(photo(112, 130, 1, "dog"), 10)
    assert other.cells().tolist() != ten.cells().tolist()
    assert evaluation_hints(one, 11).cells().tolist()[:10] != ten.cells().tolist()
    # Fixed for ever: these cells may not change with a version of anything.
    three = evaluation_hints(photo(448, 448, name="cat"), 3)
    assert three.cells().tolist() == [[75, 9], [12, 95], [5, 21]]
    # A file name may hold bytes that are no UTF-8.
    assert len(evaluation_hints(photo(9, 9, name="cat\udcff"), 2)) == 2


# Files


def test_json_file_is_readable_and_versioned(tmp_path):
    path = tmp_path / "hints.json"
    TWO.save(path, photo="café")
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "format": "colorlib-hints",
        "version": 1,
        "photo": "café",
        "shape": [6, 8],
        "size": 2,
        "hints": [
            {"row": 3, "col": 4, "a": 10.5, "b": -20.25},
            {"row": 0, "col": 5, "a": 0.0, "b": 1.0},
        ],
    }
    # Whole numbers and a byte order mark as other programs write them.
    path.write_text(TWO.to_json().replace('"row": 3', '"row": 3.0'), encoding="utf-8-sig")
    assert Hints.load(path) == TWO
    # Exact also where colours are not round.
    many = evaluation_hints(photo(50, 70), 100, size=1)
    assert Hints.from_json(many.to_json()) == many


def broken(**changes: object) -> str:
    return json.dumps(json.loads(TWO.to_json()) | changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format":\n "colorlib-hints",,', "line 2"),
        (broken(hints=[{"row": 1, "col": 1, "a": 1}]), "hints 0 b: Field required"),
        (broken(hints=[{"row": 99, "col": 1, "a": 1, "b": 1}]), "row 99 of 6 rows"),
    ],
)
def test_broken_json_names_file_and_place(tmp_path, text, message):
    path = tmp_path / "broken.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ColorlibError, match=rf"broken\.json(?s:.*){message}"):
        Hints.load(path)
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ColorlibError, match=r"broken\.json.*not a text file"):
        Hints.load(path)


text_ = st.text('a0.,:"[{}\udcdf祖', max_size=4)  # what JSON is made of, and what no UTF-8 has
plain = st.sampled_from([None, True, 10**400, -1, 0, 3, 3.0, 2.5, "3", 2**31, 1e308, float("nan")])
anything = plain | text_ | st.lists(plain, max_size=3) | st.dictionaries(text_, plain, max_size=2)


@settings(max_examples=100, deadline=None)
@given(value=anything, mark=text_ | st.just("[" * 9999), data=st.data())
def test_a_hints_file_of_any_content_is_hints_or_an_error(value, mark, data):
    """One of its values is something else; or the text itself is cut or mangled."""
    content = json.loads(TWO.to_json("one"))
    place = data.draw(st.sampled_from([content, *content["hints"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = value
    text = json.dumps(content, ensure_ascii=False)
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + mark + text[at + 2 :]
    try:
        hints = Hints.from_json(text, "file.json")
    except ColorlibError as error:
        assert "file.json" in str(error)  # noqa: PT017
        return
    assert Hints.from_json(hints.to_json()) == hints
    assert hints.cells(side=224 * hints.size).shape == (len(hints), 2)


def test_icolorit_files_by_hand(tmp_path):
    path = tmp_path / "ILSVRC2012_val_00000001.txt"
    # Drawn with replacement: one cell comes twice, so three lines are two hints.
    path.write_bytes(b"0 222\r\n100 34\n0 222\n")
    picture = photo(480, 640)
    hints = read_icolorit(path, picture)
    assert hints == Hints.from_photo(picture, [(0, 111), (50, 17)])
    write_icolorit(hints, path)
    assert path.read_bytes() == b"0 222\n100 34\n"
    assert read_icolorit(path, picture) == hints
    path.write_text("")
    assert read_icolorit(path, picture) == Hints.empty((480, 640))


def test_the_papers_hints_drawn_again(tmp_path):
    """What the authors' preparation/make_mask.py writes for a folder of these three files."""
    draw_icolorit(["b.jpg", "a.jpg", "c.jpg"], tmp_path)
    found = {name: (tmp_path / "h2-n1" / f"{name}.txt").read_text() for name in "abc"}
    assert found == {"a": "198 112\n", "b": "28 0\n", "c": "22 206\n"}
    five = (tmp_path / "h2-n5" / "b.txt").read_text()
    assert five == "6 200\n4 88\n164 158\n122 156\n118 38\n"


def test_broken_icolorit_files_name_file_and_line(tmp_path):
    path = tmp_path / "broken.txt"
    for text in ("0 0\n1 2\n", "0 0\n224 0", "0 0\n-2 0"):
        path.write_text(text, encoding="utf-8")
        message = r"broken\.txt.*line 2: '.*' is not .*, multiples of 2 from 0 to 222"
        with pytest.raises(ColorlibError, match=message):
            read_icolorit(path, photo(9, 9))
