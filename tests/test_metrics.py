"""colorlib.metrics against numbers worked out by hand."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from colorlib.files import ColorlibError
from colorlib.metrics import border_ratio, colorfulness, delta_e, psnr, standard_error


def flat(value: int, *shape: int) -> np.ndarray:
    return np.full((*shape, 3), value, dtype=np.uint8)


def test_psnr_is_scikit_images_below_a_ceiling_of_50_db():
    a, b = np.random.default_rng(0).integers(0, 256, (2, 8, 9, 3), dtype=np.uint8)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b), abs=1e-9)
    # All pixels off by 51 = 0.2: the error is 0.04, and -10 log10 0.04 = 13.9794.
    assert psnr(flat(151, 4, 5), flat(100, 4, 5)) == pytest.approx(13.9794, abs=1e-4)
    # One level in every value is 1 / 65025, 48.1308 dB; in a third of them it would be 52.9 dB.
    off = flat(7, 3, 3)
    assert psnr(off, off + 1) == pytest.approx(48.1308, abs=1e-4)
    off[..., 0] = 8
    assert psnr(flat(7, 3, 3), off) == 50


def test_border_ratio_by_hand():
    """4 x 4 in patches of 2, columns 0, 1, 4, 5 and rows alike: a step of 3 at the border, else 1.

    a has them across, b down; so the distance is |step| everywhere.
    """
    steps = torch.tensor([0.0, 1.0, 4.0, 5.0])
    ab = torch.stack((steps.expand(4, 4), steps.expand(4, 4).T))[None]
    assert border_ratio(ab, patch=2) == pytest.approx(3)


def test_delta_e_by_hand():
    # Black and white differ in L alone, by 100 about L = 50, where S_L is 1.
    assert delta_e(flat(0, 2, 2), flat(255, 2, 2)) == pytest.approx(100, abs=1e-3)
    # Greys 0 and 119, L 0 and 50.034: S_L = 1 + 0.015 * 24.983^2 / sqrt(20 + 24.983^2) = 1.3689.
    assert delta_e(flat(0, 2, 2), flat(119, 2, 2)) == pytest.approx(50.034 / 1.3689, abs=2e-3)
    # sRGB's red and green, as published by many.
    red, green = np.eye(3, dtype=np.uint8)[:2] * 255
    assert delta_e(red[None, None], green[None, None]) == pytest.approx(86.608, abs=1e-3)


def test_colorfulness_by_hand():
    red, cyan, black = (255, 0, 0), (0, 255, 255), (0, 0, 0)
    # Red has rg = 255 and yb = 127.5, cyan the opposite; sqrt(255^2 + 127.5^2) = 285.0987.
    # No spread: 0.3 of it. No mean: the spread is it. With black, spread and mean are half of it.
    for halves, expected in (
        ((red, red), 85.5296),
        ((red, cyan), 285.0987),
        ((red, black), 185.314),
        (((9, 9, 9), (90, 90, 90)), 0),
    ):
        assert colorfulness(np.array([halves], np.uint8)) == pytest.approx(expected, abs=1e-3)


def test_standard_error_by_hand():
    # Mean 3, squares 4 + 1 + 0 + 1 + 4 = 10, over 4 is 2.5, over 5 is 0.5.
    assert standard_error([1, 2, 3, 4, 5]) == pytest.approx(0.5**0.5)
    assert np.isnan(standard_error([7.0]))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (flat(0, 2, 2), flat(0, 2, 3), r"uint8 \[2, 2, 3\] and uint8 \[2, 3, 3\]"),
        (np.zeros((2, 2, 3)), flat(0, 2, 2), r"float64 \[2, 2, 3\] and uint8"),
        (flat(0, 4, 2, 2), flat(0, 4, 2, 2), r"\[H, W, 3\]"),
    ],
)
def test_what_cannot_be_compared(a, b, message):
    for metric in (psnr, delta_e):
        with pytest.raises(ColorlibError, match=message):
            metric(a, b)
