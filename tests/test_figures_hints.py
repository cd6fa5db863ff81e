"""The pictures of notebook 02 show what they are given."""

import numpy as np
import pytest
from torch import Tensor

from colorlib import Hints, color, hints, photos
from colorlib.course import n02 as draw
from colorlib.course.style import PhotoFigure


@pytest.fixture(scope="module")
def photo() -> photos.Photo:
    return photos.gallery("flower").resized(224)


@pytest.fixture(scope="module")
def L_ab(photo: photos.Photo) -> tuple[Tensor, Tensor]:
    return color.srgb_to_lab(photo.tensor())


def image(axes: object) -> np.ndarray:
    return np.asarray(axes.images[0].get_array())  # type: ignore[attr-defined]


def chroma(picture: np.ndarray) -> np.ndarray:
    return np.ptp(picture, axis=2)


@pytest.mark.parametrize("cell", [(50, 62), (0, 0), (111, 111)])
def test_one_hint(photo: photos.Photo, L_ab: tuple[Tensor, Tensor], cell: tuple[int, int]) -> None:
    one = Hints.from_photo(photo, [cell])
    figure = draw.one_hint(*L_ab, hints.hint_map(one), cell, size=2)
    _, pixels, got = map(image, figure.axes)
    assert pixels.shape == got.shape == (16, 16, 3)
    coloured = np.argwhere(chroma(got) > 1e-3)
    box = figure.axes[2].patches[0]
    # The box lies about the 2 x 2 coloured pixels, between pixel centres.
    assert coloured.min(0).tolist() == [box.get_y() + 0.5, box.get_x() + 0.5]
    assert coloured.max(0).tolist() == [box.get_y() + 1.5, box.get_x() + 1.5]
    assert len(coloured) == 4


def test_four_channels(photo: photos.Photo) -> None:
    some = hints.evaluation_hints(photo, 10)
    X = hints.photo_input(photo, some)
    figure = draw.four_channels(X, window=28)
    full, part = figure.axes[:4], figure.axes[4:]
    assert [axes.get_title()[:4] for axes in full] == ["X[0]", "X[1]", "X[2]", "X[3]"]
    assert np.array_equal(image(full[3])[..., 0], X[0, 3].numpy())
    assert (chroma(image(full[1])) > 1e-3).sum() <= 40
    # Rings about hinted pixels, in (column, row).
    rings = full[3].collections[0].get_offsets()
    assert X[0, 3][rings[:, 1].astype(int), rings[:, 0].astype(int)].all()
    assert all(image(axes).shape == (28, 28, 3) for axes in part)
    assert image(part[3]).max() == 1  # the part has a hint in it


def test_to_scale(photo: photos.Photo, L_ab: tuple[Tensor, Tensor]) -> None:
    maps = [hints.hint_map(hints.evaluation_hints(photo, count)) for count in (1, 10)]
    figure = draw.to_scale(L_ab[0], maps)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["1 hint, to scale", "10 hints, to scale"]
    for axes, drawn in zip(figure.axes, maps, strict=True):
        assert not (chroma(image(axes)) > 1e-3)[drawn[0, 2].numpy() == 0].any()


def test_densities() -> None:
    drawn = [hints.sample_cells(500, method=name, generator=0) for name in ("uniform", "gaussian")]
    figure = draw.densities(*drawn, grid=112)
    uniform, gaussian, side = figure.axes
    offsets = uniform.collections[0].get_offsets()
    assert np.array_equal(offsets[:, ::-1] - 0.5, drawn[0])
    assert uniform.get_title() == "uniform, 500"
    flat, bell = (line.get_ydata() for line in side.lines)
    assert flat.sum() == pytest.approx(100)
    assert bell[6:8].sum() > 1.2 * flat[6:8].sum()
    assert gaussian.get_ylim() == (112, 0)  # rows run down, as in a photo


def test_counts() -> None:
    expected = {"uniform": np.full(129, 1 / 129), "gaussian": (7 / 8) ** np.arange(129) / 8}
    figure = draw.counts({"uniform": [0, 128, 128, 5], "gaussian": [0, 0, 3, 1]}, expected)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert (heights[0], heights[5], heights[128]) == (25, 25, 50)
    assert figure.axes[1].lines[0].get_ydata()[0] == 12.5
    assert [axes.get_title() for axes in figure.axes] == ["uniform", "gaussian"]


def test_hinted_puts_dots_on_their_pixels() -> None:
    some = Hints.empty((20, 30)).add(4, 7, (60, 40)).add(10, 20, (-40, 40))
    greys = [np.full((20, 30, 3), 0.5)] * 2
    figure = draw.hinted(greys, [some, Hints.empty((20, 30))], ["two", "none"], columns=2)
    assert isinstance(figure, PhotoFigure)
    dots = figure.axes[0].collections[0]
    assert dots.get_offsets().tolist() == [[7.5, 4.5], [20.5, 10.5]]  # (x, y)
    red, green = dots.get_facecolors()[:, :3]
    assert (red.argmax(), green.argmax()) == (0, 1)
    assert len(figure.axes[1].collections[0].get_offsets()) == 0


def test_spreading(photo: photos.Photo) -> None:
    sets = [hints.evaluation_hints(photo, count) for count in (0, 100)]
    painted = [np.full_like(photo.rgb, 10), np.full_like(photo.rgb, 20)]
    figure = draw.spreading(photo.rgb, sets, painted, ["0 hints", "100 hints"])
    assert [axes.get_title() for axes in figure.axes] == ["0 hints", "100 hints", "the photo"]
    assert [image(axes)[0, 0, 0] for axes in figure.axes[:2]] == [10, 20]
    assert np.array_equal(image(figure.axes[2]), photo.rgb)
    assert len(figure.axes[1].collections[0].get_offsets()) == 100


def test_psnr_by_count() -> None:
    values = {"one": [10.0, 20.0], "two": [12.0, 20.2], "three": [14.0, 30.0]}
    axes = draw.psnr_by_count(values, (0, 10)).axes[0]
    assert axes.lines[-1].get_ydata() == pytest.approx([12, 23.4])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "10"]
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert heights["two"] - heights["one"] > 0.8  # names do not lie across each other
    assert heights["three"] == 30
