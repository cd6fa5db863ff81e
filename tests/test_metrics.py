"""colorlib.metrics against numbers worked out by hand."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from colorlib.errors import ColorlibError
from colorlib.metrics import psnr


def flat(value: int, *shape: int) -> np.ndarray:
    return np.full((*shape, 3), value, dtype=np.uint8)


def test_by_hand():
    # All pixels off by 51 = 0.2: the error is 0.04, and -10 log10 0.04 = 13.9794.
    assert psnr(flat(100, 4, 5), flat(151, 4, 5)) == pytest.approx(13.9794, abs=1e-4)
    # Which of the two is brighter does not matter, and 0 to 255 is 0 dB.
    assert psnr(flat(151, 4, 5), flat(100, 4, 5)) == pytest.approx(13.9794, abs=1e-4)
    assert psnr(flat(0, 2, 2), flat(255, 2, 2)) == 0
    # One channel of 25 pixels off by 255: 1 / 75, 18.7506 dB.
    other = flat(0, 5, 5)
    other[2, 2, 1] = 255
    assert psnr(flat(0, 5, 5), other) == pytest.approx(18.7506, abs=1e-4)


def test_the_floor_is_50_db():
    assert psnr(flat(7, 3, 3), flat(7, 3, 3)) == 50
    # One level in every value is 1 / 65025, over the floor: 48.1308 dB.
    assert psnr(flat(7, 3, 3), flat(8, 3, 3)) == pytest.approx(48.1308, abs=1e-4)
    # One level in a third of the values would be 52.9 dB, and is cut.
    off = flat(7, 3, 3)
    off[..., 0] = 8
    assert psnr(flat(7, 3, 3), off) == 50


def test_of_many_photos_each_for_itself():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 2, 4, 8, 9, 3), dtype=np.uint8)
    values = psnr(a, b)
    assert values.shape == (2, 4)
    assert values.dtype == np.float64
    for index in np.ndindex(2, 4):
        expected = peak_signal_noise_ratio(a[index], b[index])
        assert values[index] == pytest.approx(expected, abs=1e-9)
        assert psnr(a[index], b[index]).shape == ()


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (flat(0, 2, 2), flat(0, 2, 3), r"\[2, 2, 3\] and \[2, 3, 3\]"),
        (np.zeros((2, 2, 3)), flat(0, 2, 2), "float64 and uint8"),
        (flat(0, 2), flat(0, 2), r"\[..., H, W, 3\]"),
    ],
)
def test_what_cannot_be_compared(a, b, message):
    with pytest.raises(ColorlibError, match=message):
        psnr(a, b)
