"""colorlib.canvas: the colours of `color`, fast, and what depends on the photo computed once."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2lab
from torch.nn.functional import interpolate

from colorlib import canvas, photos
from colorlib.canvas import Canvas, resize_ab
from colorlib.color import srgb_to_lab
from colorlib.hints import photo_input
from colorlib.photos import Photo

# scikit-image tells of colours that it must cut.
pytestmark = pytest.mark.filterwarnings("ignore:.*negative Z values")


def noise(height: int, width: int) -> Photo:
    rng = np.random.default_rng(0)
    return Photo(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), "noise")


def smooth_ab(height: int = 224, width: int = 224, reach: float = 60.0) -> torch.Tensor:
    coarse = torch.rand(1, 2, 7, 7, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return reach * interpolate(coarse, size=(height, width), mode="bilinear")[0]


def scikit_image_path(photo: Photo, ab: torch.Tensor) -> np.ndarray:
    large = interpolate(ab[None].double(), size=photo.shape, mode="bilinear")[0]
    L = rgb2lab(photo.rgb)[..., :1]
    lab = np.concatenate((L, large.permute(1, 2, 0).numpy()), axis=2)
    return np.rint(255 * lab2rgb(lab)).astype(np.uint8)


@pytest.mark.parametrize("name", ["chelsea", "camera", "spices"])
@pytest.mark.parametrize("source", ["its own", "wild"])
def test_it_is_scikit_images_picture(name, source):
    photo = photos.gallery(name)
    _, own = srgb_to_lab(photo.resized(224).tensor())
    ab = 1.3 * own[0] if source == "its own" else smooth_ab()
    error = Canvas(photo).paint(ab).astype(float) - scikit_image_path(photo, ab)
    assert np.abs(error).max() <= 1
    assert np.square(error).mean() < 255**2 / 10**6  # a PSNR of 60 dB


def test_lightness_is_that_of_color():
    photo = noise(300, 500)
    L, _ = srgb_to_lab(photo.tensor())
    torch.testing.assert_close(116 * Canvas(photo).f_y - 16, L[0, 0], rtol=0, atol=2e-4)


@pytest.mark.parametrize("level", [0, 1, 127, 255])
def test_a_grey_photo_without_colours_stays_as_it_is(level):
    photo = Photo(np.full((5, 7, 3), level, np.uint8))
    assert np.array_equal(Canvas(photo).paint(torch.zeros(2, 4, 4)), photo.rgb)


@pytest.mark.parametrize("shape", [(1, 1), (3, 70), (50, 41), (300, 200)])
def test_any_size_and_no_seams(shape, monkeypatch):
    photo, ab = noise(*shape), smooth_ab(32, 32)
    whole = Canvas(photo).paint(ab)
    assert whole.shape == (*shape, 3)
    assert not whole.flags.writeable
    monkeypatch.setattr(canvas, "STRIP", 7 * shape[1])
    assert np.array_equal(Canvas(photo).paint(ab), whole)


def test_colours_of_the_photos_own_size_are_taken_as_they_are():
    photo, ab = noise(40, 60), smooth_ab(40, 60)
    assert np.abs(Canvas(photo).paint(ab).astype(int) - scikit_image_path(photo, ab)).max() <= 1


def test_the_network_sees_what_photo_input_shows_it():
    photo = photos.gallery("chelsea")
    once = Canvas(photo)
    L = once.small_L(224)
    assert L.numpy().tobytes() == srgb_to_lab(photo.resized(224).tensor())[0].numpy().tobytes()
    assert torch.equal((L - 50) / 100, photo_input(photo)[:, :1])
    assert once.small_L(224) is L
    assert once.small_L(32).shape == (1, 1, 32, 32)
    assert once.f_y is once.f_y


def test_a_preview_keeps_the_aspect():
    once = Canvas(noise(300, 400))
    small = once.reduced(100)
    assert small.photo.shape == (75, 100)
    assert once.reduced(100) is small
    assert once.reduced(400) is once
    assert once.reduced(1000) is once
    assert Canvas(noise(2, 400)).reduced(10).photo.shape == (1, 10)


MEMORY = """
import resource
import numpy as np, torch
from colorlib.canvas import Canvas
from colorlib.photos import Photo
def peak():
    unit = 1 if "darwin" in __import__("sys").platform else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
photo = Photo(np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8))
Canvas(Photo(photo.rgb[:400])).paint(torch.zeros(2, 224, 224))
before = peak()
once = Canvas(photo)
once.small_L(224)
once.paint(torch.zeros(2, 224, 224))
once.reduced(1600).paint(torch.zeros(2, 224, 224))
print((peak() - before) / 1e9)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no getrusage")
def test_twelve_megapixels_take_less_than_half_a_gigabyte():
    ran = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, timeout=600
    )
    # Lightness 48 MB, the answer 36 MB, and what Pillow needs to make it smaller.
    assert float(ran.stdout) < 0.5


def test_ab_at_another_size():
    ab = torch.rand(2, 4, 4)
    assert resize_ab(ab, (4, 4)) is ab
    assert resize_ab(ab, (3, 9)).shape == (2, 3, 9)
