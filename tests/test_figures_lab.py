"""The pictures of notebook 01 show what they are given."""

import numpy as np
import pytest
import torch

from colorlib import color, photos
from colorlib.course import n01 as lab
from colorlib.course.style import PhotoFigure, PlotFigure


@pytest.fixture(scope="module")
def photo() -> photos.Photo:
    return photos.gallery("flower").resized((30, 45))


@pytest.fixture(scope="module")
def L_ab(photo: photos.Photo) -> tuple[torch.Tensor, torch.Tensor]:
    return color.srgb_to_lab(photo.tensor())


def image(axes: object) -> np.ndarray:
    return np.asarray(axes.images[0].get_array())  # type: ignore[attr-defined]


def L_of(picture: np.ndarray) -> torch.Tensor:
    rgb = torch.tensor(picture, dtype=torch.float32).permute(2, 0, 1)[None]
    return color.srgb_to_lab(rgb)[0]


def test_split(photo: photos.Photo, L_ab: tuple[torch.Tensor, torch.Tensor]) -> None:
    figure = lab.split(photo.rgb, *L_ab)
    whole, lightness, colours = map(image, figure.axes)
    assert isinstance(figure, PhotoFigure)
    assert np.array_equal(whole, photo.rgb)
    assert np.ptp(lightness, axis=2).max() < 1e-3  # grey
    assert torch.allclose(L_of(lightness), L_ab[0], atol=0.05)
    assert np.ptp(colours, axis=2).max() > 0.3


def test_ramps() -> None:
    even = np.linspace(0, 1, 11)
    figure = lab.ramps(even, 100 * even)
    light, lightness = map(image, figure.axes)
    assert isinstance(figure, PlotFigure)
    assert L_of(lightness).flatten().numpy() == pytest.approx(100 * even, abs=0.05)
    # Half the light is L = 116 (1/2)^(1/3) - 16 = 76.07.
    assert L_of(light).flatten()[5].item() == pytest.approx(76.07, abs=0.01)
    assert [text.get_text() for text in figure.axes[0].texts][:3] == ["0%", "10%", "20%"]
    assert [text.get_text() for text in figure.axes[1].texts][-1] == "L = 100"


def test_cards() -> None:
    rgb = np.array([[255, 255, 255], [65, 105, 225]], np.uint8)
    figure = lab.cards(["white", "royal blue"], rgb, np.array([[100, -0.2, 0.1], [47.8, 26, -65]]))
    assert [axes.get_title() for axes in figure.axes] == ["white", "royal blue"]
    assert figure.axes[0].texts[0].get_text() == "L 100\na 0\nb 0"
    assert figure.axes[1].texts[0].get_text() == "L 48\na +26\nb \N{MINUS SIGN}65"
    card = image(figure.axes[1])[:, 0]
    assert card[0].tolist() == [65, 105, 225]
    assert card[2].tolist() == [113, 113, 113]  # the grey of L = 47.8


def test_same_lightness() -> None:
    angle = torch.arange(0, 360, 90).deg2rad()
    ring = 30 * torch.stack((angle.cos(), angle.sin()))[None, :, None]
    colours, greys = map(image, lab.same_lightness(70.0, ring).axes)
    assert L_of(colours).flatten().tolist() == pytest.approx([70] * 4, abs=0.01)
    assert len(np.unique(colours.round(3).reshape(-1, 3), axis=0)) == 4
    assert np.ptp(greys) < 1e-3


def test_channels_have_hue_and_lightness() -> None:
    ab = torch.tensor([[-60.0, 0.0, 60.0], [0.0, 30.0, 100.0]]).reshape(1, 2, 1, 3)
    figure = lab.channels(ab)
    a, b = image(figure.axes[0]), image(figure.axes[1])
    green, grey, magenta = a[0]
    assert green.argmax() == 1
    assert np.ptp(grey) < 1e-3
    assert magenta.argmin() == 1
    assert b[0, 2].argmin() == 2  # yellow: little blue
    for picture in (a, b):
        assert (L_of(picture).flatten().diff() > 0).all()
    assert [axes.get_xlabel() for axes in figure.axes[2:]] == [lab.A_LABEL, lab.B_LABEL]


def test_gamut_slices() -> None:
    slices = {level: color.gamut(level, 10.0) for level in (30.0, 70.0)}
    figure = lab.gamut_slices(slices)
    assert [axes.get_title() for axes in figure.axes] == ["L = 30", "L = 70"]
    for axes, (_, inside) in zip(figure.axes, slices.values(), strict=True):
        grey = np.isclose(image(axes), 0.93).all(-1)
        assert np.array_equal(~grey, inside.numpy())
        assert axes.images[0].origin == "lower"  # b rises upwards


def test_nearest() -> None:
    asked, found = np.array([[90.0, 70.0]]), np.array([[37.0, 64.0]])
    axes = lab.nearest(70.0, asked, found, step=10.0).axes[0]
    crosses, circles = axes.lines[-2:]
    assert crosses.get_xydata().tolist() == asked.tolist()
    assert circles.get_xydata().tolist() == found.tolist()
    assert (axes.get_xlabel(), axes.get_ylabel()) == (lab.A_LABEL, lab.B_LABEL)


def test_cloud_counts_every_pixel() -> None:
    ab = np.array([[1.0, 41.0]] * 3 + [[-1.0, -1.0]])
    figure = lab.cloud(ab)
    plane, bars = figure.axes[0], figure.axes[1]
    shares = 10 ** plane.collections[0].get_array()
    assert np.nansum(shares) == pytest.approx(1)
    row, column = np.unravel_index(np.nanargmax(shares), shares.shape)
    assert (row, column) == (60, 40)  # b from 40 to 42, a from 0 to 2
    assert [round(bar.get_height()) for bar in bars.patches][:9] == [25, 0, 0, 0, 0, 0, 0, 0, 75]


def test_half_grey(photo: photos.Photo) -> None:
    figure = lab.half_grey([photo.rgb], ["flower 16.5 dB"], columns=1)
    picture = image(figure.axes[0])
    assert np.allclose(picture[:, :22], photo.rgb[:, :22] / 255)
    assert np.ptp(picture[:, 22:], axis=2).max() < 1e-3
    assert figure.axes[0].get_title() == "flower 16.5 dB"
