"""Notebook 09: photos over their histograms; checks of levels, a plate's colours, and white."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from colorlib.color import linear_of_srgb, srgb_of_linear
from colorlib.course.grading import call, exercise
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


def _levels(grey: np.ndarray, share: float) -> np.ndarray:
    low, high = np.percentile(grey, (share, 100 - share))
    return np.asarray(255 * (grey - low) / (high - low))


_FADED = np.random.default_rng(9).normal(130, 18, (40, 50)).clip(60, 200).astype(np.uint8)

exercise(
    "09.1",
    "Whatever lies beyond the two ends is lost, so keep the share small.",
    right=lambda grey, share: _levels(grey, share).clip(0, 255).astype(np.uint8),
    cases=[(_FADED, 1.0), (_FADED, 10.0)],
    mistakes={
        "The darkest and the lightest pixel are often dust: take np.percentile(grey, share), and "
        "100 - share, in their place": lambda grey, share: _levels(grey, 0).astype(np.uint8),
        "Beyond the two ends uint8 begins anew (256 is 0): clip to 0 and 255 before you convert": (
            lambda grey, share: _levels(grey, share).astype(int).astype(np.uint8)
        ),
        "This goes from 0 to 1; 8 bits go from 0 to 255": (
            lambda grey, share: _levels(grey, share).clip(0, 255) / 255
        ),
        "Convert it to uint8 at the end": lambda grey, share: _levels(grey, share).clip(0, 255),
    },
    ask=lambda *asked: np.append(x := np.asarray(call(*asked)), 255 * (x.dtype == np.uint8)),
    tolerance=1.01,  # rounded or cut
)


def _together(
    blue: np.ndarray, green: np.ndarray, red: np.ndarray, blue_move: Any, red_move: Any
) -> np.ndarray:
    blue, red = np.roll(blue, blue_move, (0, 1)), np.roll(red, red_move, (0, 1))
    return np.stack((red, green, blue), axis=-1)


def _with_moves(change: Callable[[tuple[int, int]], Any]) -> Callable[..., np.ndarray]:
    return lambda blue, green, red, *moves: _together(blue, green, red, *map(change, moves))


exercise(
    "09.2",
    "Three grey photos, one photo in colour: that is all there was to it, in 1905.",
    right=_together,
    cases=[(*(np.random.default_rng(seed).random((7, 9)) for seed in range(3)), (-2, -1), (3, 1))],
    mistakes={
        "The plate has blue on top, but a picture's channels are red, green, blue": (
            lambda *case: _together(*case)[..., ::-1]
        ),
        "It moves the other way: a move says by how much to roll, not to roll back": (
            _with_moves(lambda move: (-move[0], -move[1]))
        ),
        "Down comes first: a move is (rows, columns), and np.roll takes axis=(0, 1)": (
            _with_moves(lambda move: move[::-1])
        ),
        "The three are not aligned: roll red and blue before you stack them": (
            _with_moves(lambda move: (0, 0))
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
