"""The refined picture: no squares, the hints' colours kept."""

import numpy as np
import pytest
import torch
from networks import tiny
from skimage.color import deltaE_ciede2000
from torch.nn.functional import interpolate

from colorlib.color import nearest_in_gamut, srgb_to_lab
from colorlib.colorizer import Colorization, Colorizer, paint, refined
from colorlib.hints import Hints, evaluation_hints, small_lightness
from colorlib.metrics import border_ratio, psnr
from colorlib.photos import Photo, gallery, gallery_names

SIDE = 224


def ab_of(photo: Photo, colors: torch.Tensor) -> torch.Tensor:
    """Return the ab [2, H, W] that refined colours are on a photo."""
    L, _ = srgb_to_lab(photo.tensor())
    base, growth = interpolate(colors[None], size=photo.shape, mode="bilinear").split(2, dim=1)
    return (base + growth * L)[0]


def at_hints(photo: Photo, result: Colorization) -> np.ndarray:
    """Return CIEDE2000 between what the hints ask for, as far as it exists, and what they got."""
    where = result.hints.rows, result.hints.cols
    L, _ = srgb_to_lab(Photo(photo.rgb[where][None]).tensor())
    asked = nearest_in_gamut(L[0], torch.tensor(result.hints.ab).T[:, None])
    painted = torch.cat(srgb_to_lab(Photo(result.rgb[where][None]).tensor()), dim=1)[0]
    pair = (torch.cat((L[0], asked)), painted)
    return deltaE_ciede2000(*(one[:, 0].T.numpy() for one in pair))


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer("acolvit-t-0.5", "cpu")


def test_squares_go_and_the_picture_gains(colorizer):
    gains, small = [], {True: [], False: []}
    for photo in map(gallery, gallery_names()):
        if photo.is_grey:
            continue
        result = colorizer(photo, evaluation_hints(photo, 10))
        made = {True: result.rgb, False: paint(photo, result.ab)}
        gains.append(psnr(made[True], photo.rgb) - psnr(made[False], photo.rgb))
        for refine, rgb in made.items():
            small[refine].append(srgb_to_lab(Photo(rgb).resized(SIDE).tensor())[1])
    border = {refine: border_ratio(torch.cat(ab)) for refine, ab in small.items()}
    assert np.mean(gains) > 0.1
    assert border[True] < 1.1 < border[False]


@pytest.mark.parametrize("name", ["chelsea", "lake"])
def test_a_hundred_hints_are_all_met(name, colorizer):
    photo = gallery(name)
    given = evaluation_hints(photo, 100)
    met, not_met = (
        at_hints(photo, colorizer(photo, given, refine=refine)).mean() for refine in (True, False)
    )
    assert met < 0.5 < not_met


@pytest.mark.parametrize("apart", [1, 7, 12, 40])
def test_two_colours_close_together(apart, colorizer):
    """From a pixel and a half of the network on; in one cell of 2 x 2 the later one counts."""
    photo = gallery("lake")
    given = Hints([100, 100], [202, 202 + apart], [(45, 30), (-40, 20)], photo.shape)
    result = colorizer(photo, given)
    cells = given.cells(SIDE).tolist()
    counting = slice(1 if cells[0] == cells[1] else 0, None)
    assert at_hints(photo, result)[counting].mean() < 0.5
    # No spot of a colour that nobody asked for.
    ab = refined(photo, given, torch.zeros(2, SIDE, SIDE), small_lightness(photo, SIDE))
    assert ab_of(photo, ab).abs().max() < 1.5 * 45


def test_colours_follow_the_photos_edge():
    """A step of ab beside a step of lightness comes to lie on it."""
    rgb = np.full((SIDE, SIDE, 3), 60, np.uint8)
    rgb[:, 110:] = 190
    photo = Photo(rgb)
    ab = torch.zeros(2, SIDE, SIDE)
    ab[0, :, 112:] = 40  # where a patch of 16 begins, 2 pixels off
    L, _ = srgb_to_lab(photo.tensor())
    colors = refined(photo, Hints.empty(photo.shape), ab, L)
    a = ab_of(photo, colors)[0, 100]
    assert a[:110].abs().max() < 10 < 20 < a[110:].min()
    # Where the photo has no edge, steps of patches are smoothed away.
    flat = Photo(np.full((SIDE, SIDE, 3), 120, np.uint8))
    L, _ = srgb_to_lab(flat.tensor())
    colors = refined(flat, Hints.empty(flat.shape), ab, L)
    assert ab_of(flat, colors)[0, 100].diff().abs().max() < 40 / 8


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (31, 17)])
def test_any_size(shape):
    photo = Photo(np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8))
    given = Hints([0], [shape[1] - 1], [(20, 10)], shape)
    result = Colorizer(tiny())(photo, given)
    assert result.rgb.shape == photo.rgb.shape
    assert at_hints(photo, result).max() < 0.5
