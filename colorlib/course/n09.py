"""Notebook 09: photos over their histograms; checks of levels, a plate's colours, and white."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from colorlib.color import linear_of_srgb, srgb_of_linear
from colorlib.course.grading import exercise
from colorlib.course.style import photo_figure, show_picture, styled


@styled()
def tones(photos: Mapping[str, np.ndarray]) -> Figure:
    """Draw photos uint8 [H, W, 3] by their titles, beside each how many pixels have which grey."""
    figure, axes = photo_figure(1, 2 * len(photos), size=(11, 5))
    for shown, panel, (title, rgb) in zip(axes[::2], axes[1::2], photos.items(), strict=True):
        show_picture(shown, rgb, title)
        panel.hist(rgb[..., 0].ravel(), np.arange(0, 257, 4), color="#4d4d4d")
        panel.set(xlabel="grey level", xlim=(0, 255), xticks=[0, 128, 255], yticks=[])
        panel.set_box_aspect(1.0)
    return figure


def _levels(grey: np.ndarray, share: float, whole: bool = False) -> np.ndarray:
    low, high = np.percentile(grey, (0, 100) if whole else (share, 100 - share))
    return np.asarray(255 * (grey - low) / (high - low))


_FADED = np.random.default_rng(9).normal(130, 18, (40, 50)).clip(60, 200).astype(np.uint8)

exercise(
    "09.1",
    "Whatever lies beyond the two ends is lost, so keep the share small.",
    right=lambda grey, share: _levels(grey, share).clip(0, 255).astype(np.uint8),
    cases=[(_FADED, 1.0), (_FADED, 10.0)],
    mistakes={
        "The darkest and the lightest pixel are often dust: take np.percentile(grey, share), and "
        "100 - share, in their place": (
            lambda grey, share: _levels(grey, share, whole=True).astype(np.uint8)
        ),
        "Beyond the two ends uint8 begins anew (256 is 0): clip to 0 and 255 before you convert": (
            lambda grey, share: _levels(grey, share).astype(int).astype(np.uint8)
        ),
        "This goes from 0 to 1; 8 bits go from 0 to 255": (
            lambda grey, share: _levels(grey, share).clip(0, 255) / 255
        ),
    },
    tolerance=1.01,  # rounded or cut
)


def _stacked(plates: Sequence[np.ndarray], moves: Sequence[tuple[int, int]]) -> np.ndarray:
    moved = [np.roll(one, move, (0, 1)) for one, move in zip(plates, moves, strict=True)]
    return np.stack(moved, axis=-1)


_PLATES = tuple(np.random.default_rng(seed).random((6, 8)) for seed in range(3))
_SWAPPED = "Down comes first: a move is (rows, columns), and np.roll takes axis=(0, 1)"

exercise(
    "09.2",
    "Three grey photos, one photo in colour: that is all there was to it, in 1905.",
    right=lambda blue, green, red, blue_move, red_move: _stacked(
        (red, green, blue), (red_move, (0, 0), blue_move)
    ),
    cases=[(*_PLATES, (-2, -1), (3, 1))],
    mistakes={
        "The plate has blue on top, but a picture's channels are red, green, blue": (
            lambda blue, green, red, blue_move, red_move: _stacked(
                (blue, green, red), (blue_move, (0, 0), red_move)
            )
        ),
        "It moves the other way: a move says by how much to roll, not to roll back": (
            lambda blue, green, red, blue_move, red_move: _stacked(
                (red, green, blue),
                (tuple(-np.array(red_move)), (0, 0), tuple(-np.array(blue_move))),
            )
        ),
        _SWAPPED: lambda blue, green, red, blue_move, red_move: _stacked(
            (red, green, blue), (red_move[::-1], (0, 0), blue_move[::-1])
        ),
        "The three are not aligned: roll red and blue before you stack them": (
            lambda blue, green, red, blue_move, red_move: _stacked(
                (red, green, blue), ((0, 0),) * 3
            )
        ),
    },
)


def _white(rgb: Tensor, white: Tensor) -> Tensor:
    return linear_of_srgb(rgb) / linear_of_srgb(white)[:, None, None]


exercise(
    "09.3",
    "This is what a camera calls its white balance.",
    right=lambda rgb, white: srgb_of_linear(_white(rgb, white).clamp(0, 1)),
    cases=[
        (torch.rand(3, 5, 6, generator=torch.Generator().manual_seed(9)), torch.tensor(white))
        for white in ([0.9, 0.8, 0.6], [0.7, 0.8, 0.95])
    ],
    mistakes={
        "sRGB is not light: color.linear_of_srgb first, as in notebook 01": (
            lambda rgb, white: (rgb / white[:, None, None]).clamp(0, 1)
        ),
        "That is light; color.srgb_of_linear makes it sRGB again": (
            lambda rgb, white: _white(rgb, white).clamp(0, 1)
        ),
        "Some of it is brighter than white: cut it to 1": (
            lambda rgb, white: srgb_of_linear(_white(rgb, white))
        ),
    },
    tolerance=1e-3,
)
