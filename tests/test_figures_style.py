"""How pictures look, and how a notebook shows them."""

import io
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

from colorlib.course.style import (
    MODEL_COLORS,
    STYLE,
    PhotoFigure,
    PlotFigure,
    new_figure,
    photo_figure,
    pictures,
    show_picture,
    styled,
)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What IPython displays, as MIME bundles."""
    bundles: list[Any] = []
    shell = InteractiveShell.instance()
    monkeypatch.setattr(
        shell.display_pub, "publish", lambda data, metadata, **_: bundles.append(data)
    )
    yield bundles
    InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("make", "kind", "mime"),
    [(new_figure, PlotFigure, "image/png"), (photo_figure, PhotoFigure, "image/jpeg")],
)
def test_a_notebook_shows_one_picture(shown: list[Any], make: Any, kind: type, mime: str) -> None:
    with styled():
        figure, axes = make(1, 2, size=(5, 2))
    show_picture(axes[0, 0], np.zeros((4, 6, 3)), "left")
    assert isinstance(figure, kind)
    assert axes.shape == (1, 2)
    nothing_more = InteractiveShell.instance().display_formatter.format(figure)
    assert nothing_more == ({}, {})
    assert [set(bundle) for bundle in shown] == [{mime, "text/plain"}]
    assert shown[0]["text/plain"] == f"<{kind.__name__} size 480x192 with 2 Axes>"
    picture = Image.open(io.BytesIO(shown[0][mime]))
    assert picture.get_format_mimetype() == mime
    assert picture.size[0] == pytest.approx(480, abs=20)


def test_the_readers_settings_come_back() -> None:
    before = plt.rcParams["font.size"]
    with styled():
        assert plt.rcParams["font.size"] == 13
    assert plt.rcParams["font.size"] == before


def test_labels_can_be_read_on_a_projector() -> None:
    assert min(value for name, value in STYLE.items() if "size" in name) >= 12


def test_models_differ_in_colour() -> None:
    assert len(set(MODEL_COLORS.values())) == len(MODEL_COLORS)


def test_pictures_in_rows() -> None:
    photos = [np.full((30, 40, 3), value, np.uint8) for value in (0, 100, 200)]
    figure = pictures(photos, ["a", "b", "c"], columns=2, width=8)
    assert isinstance(figure, PhotoFigure)
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c", ""]
    assert not figure.axes[3].axison
    for axes, photo in zip(figure.axes, photos, strict=False):
        assert np.array_equal(axes.images[0].get_array(), photo)
    assert figure.get_size_inches()[0] == 8
    assert len(pictures(photos, ["a", "b", "c"]).axes) == 3
