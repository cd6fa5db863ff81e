"""What a State looks like: the network's answer, pictures of it, and what to say about it.

The network sees the photo at its own side, 224, whatever the photo's size, so it is asked about
the photo resized: a click costs the same on 12 megapixels. Its ab meet the photo's lightness at
the size that is on the screen.
"""

import io
from cmath import rect as polar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import radians
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from skimage.color import deltaE_ciede2000
from torch import Tensor
from torch.nn.functional import grid_sample

from colorlib.color import gamut, lab_to_srgb, nearest_in_gamut, srgb_to_lab
from colorlib.colorizer import Colorization, Colorizer
from colorlib.hints import Hints
from colorlib.metrics import psnr
from colorlib.panel.caches import Newest
from colorlib.panel.colors import hex_of, snap
from colorlib.panel.state import Point, State, Subject
from colorlib.photos import Photo

Rect = tuple[float, float, float, float]  # top, left, height, width in the photo's pixels

EXTENT = 110  # of the colour picker, in a and b
_JPEG: dict[str, Any] = {"format": "JPEG", "quality": 90, "subsampling": 0}


@dataclass(frozen=True, eq=False)
class Answer:
    """A model's answer: the Colorization of the photo at the network's side, and its PSNR in dB.

    The PSNR is that of the evaluation, at the network's side; None where the photo is grey.
    """

    small: Colorization
    psnr: float | None

    @property
    def share(self) -> float:
        """The share of sub-layers that ran."""
        return self.small.kept / self.small.gates.numel()


def network_hints(hints: Hints, side: int) -> Hints:
    """`hints` on the photo resized to the network's side: the same cells, in the same order.

    A hint's pixel there is the first of its cell's.
    """
    rows, columns = (hints.cells(side) * hints.size).T
    return Hints(rows, columns, hints.ab, (side, side), hints.size)


def ask(colorizer: Colorizer, subject: Subject, hints: Hints, budget: float | None) -> Answer:
    """The answer for a photo and its hints; the network's input is the evaluation's, bit for bit.

    Resizing a photo that has the network's size already changes nothing, and `network_hints`
    keeps every cell.
    """
    side = colorizer.model.img_size
    photo = _small(subject, side)
    result = colorizer(photo, network_hints(hints, side), budget=budget)
    truth = None if subject.is_grey else float(psnr(result.rgb, photo.rgb))
    return Answer(result, truth)


class Painter:
    """Pictures, uint8 [h, w, 3], of rectangles of photos; remembers the lightness it needed."""

    def __init__(self) -> None:
        self._lightness = Newest(4)

    def colored(
        self, subject: Subject, ab: Tensor, shape: tuple[int, int], rect: Rect
    ) -> np.ndarray:
        """`rect` of the photo at `shape` (h, w), coloured by ab [2, s, s] of the whole photo."""
        L = self.lightness(subject, shape, rect)
        return _rgb(lab_to_srgb(L, sample_ab(ab, subject.photo.shape, shape, rect)))

    def grey(self, subject: Subject, shape: tuple[int, int], rect: Rect) -> np.ndarray:
        """`rect` without colour."""
        L = self.lightness(subject, shape, rect)
        return _rgb(lab_to_srgb(L, L.new_zeros(2, *shape)))

    def original(self, subject: Subject, shape: tuple[int, int], rect: Rect) -> np.ndarray:
        """`rect` as the photo has it."""
        return _cut(subject.photo, shape, rect)

    def lightness(self, subject: Subject, shape: tuple[int, int], rect: Rect) -> Tensor:
        """L [1, h, w] of `rect` of the photo at `shape`."""

        def make() -> Tensor:
            pixels = torch.tensor(_cut(subject.photo, shape, rect)).permute(2, 0, 1)
            return srgb_to_lab(pixels.float().div_(255))[0]

        return self._lightness.get((subject, shape, rect), make)


def whole(photo: Photo) -> Rect:
    """The rectangle of all of a photo."""
    return 0.0, 0.0, float(photo.shape[0]), float(photo.shape[1])


def fitted(shape: tuple[float, float], longest: int) -> tuple[int, int]:
    """`shape` scaled down so that its longer side is at most `longest`."""
    scale = min(1.0, longest / max(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def sample_ab(ab: Tensor, photo: tuple[int, int], shape: tuple[int, int], rect: Rect) -> Tensor:
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
    return _hexes(_lightness(subject, points), _row([point.ab for point in points]))


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
    came = nearest_in_gamut(L, _sample(ab, subject.photo.shape, y, x))
    given = nearest_in_gamut(L, _row([point.ab for point in points]))
    labs = [torch.cat((L, pair)).permute(1, 2, 0).double().numpy()[0] for pair in (given, came)]
    found = zip(points, _hexes(L, came), deltaE_ciede2000(*labs), strict=True)
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
    own = complex(*sample_ab(ab, state.photo.shape, (1, 1), (row, column, 1, 1)).flatten().tolist())
    # Where the model sees hardly any colour, the turned ones should still be colours.
    full = own * max(1.0, 30.0 / max(abs(own), 1.0))
    turned = {f"{turn:+d}°": full * polar(1.0, radians(turn)) for turn in (-90, -45, 45, 90)}
    found = []
    for name, color in {"model": own, **turned, "grey": 0j}.items():
        a, b = snap(L, (color.real, color.imag))
        found.append({"name": name, "a": a, "b": b, "hex": hex_of(L, (a, b))})
    return found


@lru_cache(maxsize=101)
def gamut_png(L: int) -> bytes:
    """PNG of the ab plane at L: 221 x 221, a rightwards, b upwards, clear where sRGB has none."""
    ab, inside = gamut(float(L), extent=float(EXTENT))
    rgb = _rgb(lab_to_srgb(torch.full((1, *inside.shape), float(L)), ab))
    alpha = inside.to(torch.uint8).mul(255).numpy()[..., None]
    return _file(Image.fromarray(np.concatenate((rgb, alpha), axis=2)[::-1]), format="PNG")


def static_png(rgb: np.ndarray, state: State) -> bytes:
    """PNG of the coloured photo with its hints marked, small enough for a notebook's file."""
    picture = Image.fromarray(rgb)
    draw = ImageDraw.Draw(picture)
    scale = max(rgb.shape[:2]) / max(state.photo.shape)
    points = state.points[: state.shown]
    for point, given in zip(points, seen(state.scene.subject, points), strict=True):
        x, y = (point.column + 0.5) * scale, (point.row + 0.5) * scale
        for radius, color in ((7, "black"), (6, "white")):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=given)
    # 256 colours: a quarter of the bytes, and no difference that an eye would see.
    small = picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    return _file(small, format="PNG", optimize=True)


def jpeg(rgb: np.ndarray) -> bytes:
    """JPEG of uint8 [h, w, 3], with colour at full resolution."""
    return _file(Image.fromarray(rgb), **_JPEG)


def image_file(rgb: np.ndarray, kind: str) -> bytes:
    """The bytes of a file to keep: "png", or "jpg" of quality 95."""
    options = {"format": "PNG"} if kind == "png" else {**_JPEG, "quality": 95}
    return _file(Image.fromarray(rgb), **options)


def contact_sheet(photos: Iterable[Photo], side: int = 96) -> bytes:
    """JPEG of the photos' middles side by side, each side x side."""
    tiles = []
    for photo in photos:
        height, width = photo.shape
        square = min(height, width)
        rect = ((height - square) / 2, (width - square) / 2, square, square)
        tiles.append(_cut(photo, (side, side), rect))
    return jpeg(np.concatenate(tiles, axis=1))


def _small(subject: Subject, side: int) -> Photo:
    # On the subject itself, so that it goes with it.
    known: dict[int, Photo] = subject.__dict__.setdefault("_resized", {})
    if side not in known:
        known[side] = subject.photo.resized(side)
    return known[side]


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


def _hexes(L: Tensor, ab: Tensor) -> list[str]:
    return ["#" + rgb.tobytes().hex() for rgb in _rgb(lab_to_srgb(L, ab))[0]]


def _cut(photo: Photo, shape: tuple[int, int], rect: Rect) -> np.ndarray:
    top, left, height, width = rect
    if shape == photo.shape and rect == whole(photo):
        return photo.rgb
    box = (left, top, left + width, top + height)
    size = (shape[1], shape[0])
    image = Image.fromarray(photo.rgb)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, box=box))


def _rgb(rgb: Tensor) -> np.ndarray:
    return rgb.mul(255).round_().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _file(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, **options)
    return stream.getvalue()
