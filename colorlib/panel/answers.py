"""A model's answer to a State, and what there is to say about it."""

from cmath import rect as polar
from collections.abc import Sequence
from dataclasses import dataclass
from math import radians
from typing import Any

import torch
from skimage.color import deltaE_ciede2000
from torch import Tensor
from torch.nn.functional import grid_sample

from colorlib.color import nearest_in_gamut, srgb_to_lab
from colorlib.colorizer import Colorization
from colorlib.panel.colors import hexes
from colorlib.panel.points import Point, Subject
from colorlib.panel.state import State

Rect = tuple[float, float, float, float]  # top, left, height, width in the photo's pixels


@dataclass(frozen=True, eq=False)
class Answer:
    """A model's answer: a preview (its ab, gates and multiply-adds are the answer's), PSNR in dB.

    The PSNR is that of the evaluation, at the network's side; None where the photo is grey.
    """

    preview: Colorization
    psnr: float | None

    @property
    def ab(self) -> Tensor:
        """What the network gave: float32 [2, S, S], Lab units."""
        return self.preview.ab

    @property
    def share(self) -> float:
        """The share of sub-layers that ran."""
        return self.preview.kept / self.preview.gates.numel()


def sample_ab(ab: Tensor, photo: tuple[int, int], rect: Rect, shape: tuple[int, int]) -> Tensor:
    """ab [2, s, s] of a whole `photo` (H, W), bilinear, on `rect` of it at `shape`: [2, h, w].

    For the whole photo this is `colorizer.resize_ab`.
    """
    y, x = (
        start + (torch.arange(count) + 0.5) * (extent / count)
        for count, start, extent in zip(shape, rect[:2], rect[2:], strict=True)
    )
    return _sample(ab, photo, *torch.meshgrid(y, x, indexing="ij"))


def seen(subject: Subject, points: Sequence[Point]) -> list[str]:
    """ "#rrggbb" of each point's colour as it is at its place."""
    if not points:
        return []
    return hexes(_lightness(subject, points), _row([point.ab for point in points]))


def reports(subject: Subject, points: Sequence[Point], ab: Tensor) -> list[dict[str, Any]]:
    """For each point what was asked for, what came out at its place, and the ΔE between.

    ΔE is CIEDE2000, of the colour given to the network and the answer's, both as they can be
    shown at the point's lightness.
    """
    if not points:
        return []
    L = _lightness(subject, points)
    y = torch.tensor([[point.row + 0.5 for point in points]])
    x = torch.tensor([[point.column + 0.5 for point in points]])
    both = torch.cat((_sample(ab, subject.photo.shape, y, x), _row([p.ab for p in points])), dim=2)
    came, given = nearest_in_gamut(L.repeat(1, 1, 2), both).chunk(2, dim=2)
    labs = [torch.cat((L, pair)).permute(1, 2, 0).double().numpy()[0] for pair in (given, came)]
    found = zip(points, hexes(L, came), deltaE_ciede2000(*labs), strict=True)
    return [
        {"id": point.id, "asked": point.asked.hex, "obtained": obtained, "delta_e": float(delta)}
        for point, obtained, delta in found
    ]


def suggestions(state: State, ab: Tensor) -> list[dict[str, Any]]:
    """Colours for the place the picker looks at: the model's own, at turned hues, and grey.

    Each exists at the lightness there. Empty where the picker looks nowhere yet.
    """
    if state.place is None:
        return []
    row, column = state.place
    L = state.lightness
    own = complex(*sample_ab(ab, state.photo.shape, (row, column, 1, 1), (1, 1)).flatten().tolist())
    # Where the model sees hardly any colour, the turned ones should still be colours.
    full = own * max(1.0, 30.0 / max(abs(own), 1.0))
    turned = {f"{turn:+d}°": full * polar(1.0, radians(turn)) for turn in (-90, -45, 45, 90)}
    wanted = {"model": own, **turned, "grey": 0j}
    light = torch.full((1, 1, len(wanted)), L)
    nearest = nearest_in_gamut(light, _row([(one.real, one.imag) for one in wanted.values()]))
    found = zip(wanted, nearest[:, 0].T.tolist(), hexes(light, nearest), strict=True)
    return [{"name": name, "a": a, "b": b, "hex": color} for name, (a, b), color in found]


def _sample(ab: Tensor, photo: tuple[int, int], y: Tensor, x: Tensor) -> Tensor:
    """ab [2, s, s] at places y, x [h, w] in the photo's pixels: [2, h, w]."""
    grid = torch.stack((2 * x / photo[1] - 1, 2 * y / photo[0] - 1), dim=-1)[None].float()
    return grid_sample(ab[None], grid, padding_mode="border", align_corners=False)[0]


def _lightness(subject: Subject, points: Sequence[Point]) -> Tensor:
    """L [1, 1, n] of the points' pixels."""
    rows, columns = zip(*((point.row, point.column) for point in points), strict=True)
    pixels = subject.photo.rgb[list(rows), list(columns)]
    return srgb_to_lab(torch.tensor(pixels).float().div_(255).T[:, None])[0]


def _row(pairs: Sequence[tuple[float, float]]) -> Tensor:
    return torch.tensor(pairs, dtype=torch.float32).T[:, None].contiguous()
