"""Checks of the exercises in notebook 02, hints and their sampling."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from colorlib.color import lab_to_srgb, srgb_to_lab
from colorlib.exercises.verdict import Wrong, call, exercise
from colorlib.hints import Hints, evaluation_hints, hint_map, photo_input
from colorlib.metrics import psnr
from colorlib.photos import Photo, gallery

CONTEST_PHOTOS = ("coffee", "flower", "heron")
CONTEST_HINTS = 10
CONTEST_MARGIN = 0.5


@exercise("02.1", "The same rule serves a thumbnail and a 12-megapixel photo.")
def check_02_1(cell_of: Any) -> None:
    """`cell_of(row, col, shape)`: the cell (row, column) of a pixel on the 112 x 112 grid."""
    rng = np.random.default_rng()
    shapes = [(300, 451), (1024, 683), (100, 80), tuple(rng.integers(90, 900, 2).tolist())]
    for shape in shapes:
        pixels = rng.integers(0, shape, (40, 2)).tolist()
        for row, col in [*pixels, [0, 0], [shape[0] - 1, shape[1] - 1]]:
            given = call(cell_of, row, col, shape)
            _compare_cell(given, row, col, shape)


def _compare_cell(given: Any, row: int, col: int, shape: tuple[int, int]) -> None:
    try:
        found = tuple(float(value) for value in given)
    except (TypeError, ValueError):
        raise Wrong(f"a pair (row, column) was expected, and {given!r} came back") from None
    places = np.array([(row + 0.5) / shape[0], (col + 0.5) / shape[1]])
    right = tuple(np.floor(places * 112).tolist())
    if found == right:
        return
    text = f"pixel ({row}, {col}) of a {shape[0]} x {shape[1]} photo lies in cell {_pair(right)}"
    text += f", and you say {_pair(found)}"
    swapped = np.array([(row + 0.5) / shape[1], (col + 0.5) / shape[0]])
    corner = np.array([row / shape[0], col / shape[1]])
    reasons = (
        (tuple(places * 112), "cut the fraction off, whole cells are asked for (math.floor)"),
        (right[::-1], "row comes first, then column"),
        (tuple(np.floor(places * 224)), "that is the network's pixel, and a cell is 2 x 2 of them"),
        (tuple(np.floor(swapped * 112)), "shape is (height, width): rows go with shape[0]"),
        (tuple(np.round(places * 112)), "cut the fraction off instead of rounding"),
        (tuple(np.floor(corner * 112)), "a pixel counts by its centre, at row + 0.5"),
    )
    for value, reason in reasons:
        if np.allclose(found, value):
            raise Wrong(f"{text}: {reason}")
    raise Wrong(text)


def _pair(values: tuple[float, ...]) -> str:
    return "({})".format(", ".join(f"{value:g}" for value in values))


@exercise("02.2", "Even 126 clicks leave 99 of 100 pixels to the network.")
def check_02_2(count: Any) -> None:
    """The least number of hints that cover 1 % of 224 x 224 pixels: 126."""
    if isinstance(count, bool) or not isinstance(count, int | float | np.number):
        raise Wrong(f"a whole number of hints was expected, not {count!r}")
    reasons = {
        501: "that is pixels; a hint has 2 x 2 of them",
        502: "that is pixels; a hint has 2 x 2 of them",
        125: "125 hints are 500 pixels, a little under 1 % of 50,176",
        251: "a hint is 2 pixels high and 2 wide: 4 pixels",
        13: "1 % is a hundredth, not a thousandth",
        1255: "1 % is a hundredth, not a tenth",
        31: "the network has 224 x 224 pixels; 112 x 112 counts cells",
        32: "the network has 224 x 224 pixels; 112 x 112 counts cells",
    }
    if count == 126:
        return
    if 125 < count < 126:
        raise Wrong("hints come whole: which is the first count that reaches 1 %?")
    if count in reasons:
        raise Wrong(reasons[int(count)])
    raise Wrong(f"{count:,} hints cover {4 * count / 50176:.2%} of the network's 50,176 pixels")


@exercise("02.3", "That is the hint map: the last three channels of eq. 1, before they are scaled.")
def check_02_3(draw_map: Any) -> None:
    """`draw_map(cells, ab)`: int64 [n, 2] and float32 [n, 2] -> hint map float32 [3, 224, 224]."""
    rng = np.random.default_rng()
    flat = rng.choice(112 * 112, 6, replace=False)
    cells = np.stack((flat // 112, flat % 112), -1)
    ab = rng.uniform(-60, 60, (6, 2)).astype(np.float32)
    right = _library_map(cells, ab)
    given = _as_map(call(draw_map, cells.copy(), ab.copy()))
    if not torch.allclose(given, right, atol=1e-4):
        _explain_map(given, right)
    again, last = np.concatenate((cells, cells[:1])), np.concatenate((ab, -ab[:1]))
    given = _as_map(call(draw_map, again.copy(), last.copy()))
    if not torch.allclose(given, _library_map(again, last), atol=1e-4):
        raise Wrong("where two hints fall in one cell, the later one must win")


def _library_map(cells: np.ndarray, ab: np.ndarray) -> Tensor:
    # On a photo of 112 x 112 pixels, pixels are cells.
    return hint_map(Hints(cells[:, 0], cells[:, 1], ab, (112, 112)))[0]


def _as_map(given: Any) -> Tensor:
    try:
        drawn = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"a map [3, 224, 224] was expected, not {type(given).__name__}") from None
    if drawn.shape != (3, 224, 224):
        raise Wrong(f"a map [3, 224, 224] was expected, and {list(drawn.shape)} came back")
    return drawn.float()


def _explain_map(given: Tensor, right: Tensor) -> None:
    mask, drawn = right[2], given[2].sum().item()
    if torch.allclose(given, right.transpose(1, 2), atol=1e-4):
        raise Wrong("rows and columns are swapped: cells are (row, column), maps [:, row, column]")
    if torch.allclose(given[2], 1 - mask):
        raise Wrong("the mask is the wrong way round: 1 at hints, 0 elsewhere")
    if torch.allclose(given[:2] * 110, right[:2], atol=1e-2):
        raise Wrong("the hint map is in Lab units: network_input divides by 110")
    if torch.allclose(given[[1, 0, 2]], right, atol=1e-4):
        raise Wrong("a and b are swapped: channel 0 is a, channel 1 is b")
    if torch.allclose(given[[1, 2, 0]], right, atol=1e-4):
        raise Wrong("the mask comes last: channels are a, b, mask")
    if drawn == len(torch.nonzero(mask)) / 4:
        raise Wrong("only one pixel of each cell is marked: a hint fills its 2 x 2 pixels")
    if torch.equal(given[2], mask):
        raise Wrong("the mask is right, but a and b are not the hints' colours, or not 0 elsewhere")
    if not given[2].any():
        raise Wrong("the mask is empty: it is 1 in all pixels of a hint")
    raise Wrong(
        f"the mask is 1 in {drawn:g} pixels, and {mask.sum():g} are right, at rows 2 * row and "
        "2 * row + 1, columns alike"
    )


@exercise("02.4", "You beat the baseline by looking at more than distance. A network may, too.")
def check_02_4(paint: Any) -> None:
    """`paint(X)`: ab [1, 2, 224, 224] in Lab units, better than the nearest hint's colour."""
    gains = []
    for name in CONTEST_PHOTOS:
        photo = gallery(name).resized(224)
        X = photo_input(photo, evaluation_hints(photo, CONTEST_HINTS))
        given_X = X.clone()
        given = call(paint, given_X)
        if not torch.equal(given_X, X):
            raise Wrong("your function changed X: make new tensors")
        gains.append(_score(photo, _as_ab(given)) - _score(photo, _nearest_hint(X)))
    mean = float(np.mean(gains))
    if mean < CONTEST_MARGIN:
        each = ", ".join(
            f"{name} {gain:+.1f}" for name, gain in zip(CONTEST_PHOTOS, gains, strict=True)
        )
        raise Wrong(
            f"against the nearest hint you gain {mean:+.2f} dB with {CONTEST_HINTS} hints "
            f"({each}), and {CONTEST_MARGIN:+.1f} is asked. Mix several hints, the near ones more; "
            "and a pixel of a hint's own lightness is likelier to share its colour"
        )


def _as_ab(given: Any) -> Tensor:
    if not isinstance(given, Tensor) or given.shape != (1, 2, 224, 224):
        shape = list(given.shape) if hasattr(given, "shape") else type(given).__name__
        raise Wrong(f"a tensor [1, 2, 224, 224] was expected, and {shape} came back")
    if not given.isfinite().all():
        raise Wrong(
            "there is NaN or infinity in it. Does a weight divide by a distance of 0, or by "
            "a sum of 0?"
        )
    if given.abs().max() <= 1:
        raise Wrong("that looks like ab / 110, as X has it: give back Lab units, times 110")
    return given.detach().float()


def _score(photo: Photo, ab: Tensor) -> float:
    L, _ = srgb_to_lab(photo.tensor())
    rgb = lab_to_srgb(L, ab)[0].permute(1, 2, 0).mul(255).round().byte().numpy()
    return float(psnr(rgb, photo.rgb))


def _nearest_hint(X: Tensor) -> Tensor:
    rows, cols = torch.nonzero(X[0, 3], as_tuple=True)
    down, right = torch.arange(224)[:, None, None], torch.arange(224)[None, :, None]
    nearest = ((down - rows) ** 2 + (right - cols) ** 2).argmin(-1)
    return 110 * X[:, 1:3, rows, cols][:, :, nearest]
