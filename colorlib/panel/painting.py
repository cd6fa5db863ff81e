"""Pictures of a State: the photo coloured, what it is compared with, the picker's colours."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from colorlib.color import gamut
from colorlib.colorizer import Painter
from colorlib.panel.answers import Answer, Rect, sample_ab, seen
from colorlib.panel.caches import Newest
from colorlib.panel.colors import levels
from colorlib.panel.points import Subject
from colorlib.panel.state import State
from colorlib.photos import Photo

EXTENT = 110  # of the colour picker, in a and b
LINE = 24  # pixels of a caption
_JPEG: dict[str, Any] = {"format": "JPEG", "quality": 90, "subsampling": 0}


@dataclass(frozen=True, eq=False)
class View:
    """A photo of `shape` on a screen, or `rect` of it."""

    painter: Painter
    shape: tuple[int, int]
    rect: Rect | None = None

    def colored(self, answer: Answer) -> np.ndarray:
        """The photo in the answer's colours."""
        if self.rect is None:
            return self.painter.paint(answer.ab)
        ab = sample_ab(answer.ab, self.shape, self.rect, self.painter.photo.shape)
        return self.painter.paint(ab)

    def beside(self, state: State, other: Answer | None) -> np.ndarray | None:
        """What the coloured photo is compared with, if anything."""
        if state.compare == "grey":
            return self.painter.paint(torch.zeros(2, 1, 1))
        if state.compare == "original":
            return self.painter.photo.rgb
        return None if other is None else self.colored(other)

    def layers(self, state: State, answer: Answer, other: Answer | None) -> list[bytes]:
        """JPEGs of both, or of the coloured photo alone."""
        pictures = (self.colored(answer), self.beside(state, other))
        return [jpeg(picture) for picture in pictures if picture is not None]


class Views:
    """The newest Views, as they know what of a photo does not depend on its colours."""

    def __init__(self) -> None:
        self._known = Newest(6)

    def whole(self, subject: Subject, longest: int) -> View:
        """All of a photo, no side longer than `longest`."""

        def make() -> View:
            return View(Painter(subject.photo).reduced(longest), subject.photo.shape)

        return self._known.get((subject, longest), make)

    def part(self, subject: Subject, rect: Rect, shape: tuple[int, int]) -> View:
        """`rect` of a photo at `shape` (h, w)."""

        def make() -> View:
            return View(Painter(Photo(_cut(subject.photo, rect, shape))), subject.photo.shape, rect)

        return self._known.get((subject, rect, shape), make)


def static_png(rgb: np.ndarray, state: State, caption: str) -> bytes:
    """PNG of the coloured photo with its hints marked, small enough for a notebook's file.

    The caption stands below: a page that shows the picture leaves out the text beside it.
    """
    height, width, _ = rgb.shape
    picture = Image.new("RGB", (width, height + LINE), "white")
    picture.paste(Image.fromarray(rgb))
    draw = ImageDraw.Draw(picture)
    draw.text((4, height + LINE / 2), caption, "#333", ImageFont.load_default(13), "lm")
    scale = width / state.photo.shape[1]
    points = state.points[: state.shown]
    for point, given in zip(points, seen(state.scene.subject, points), strict=True):
        x, y = (point.column + 0.5) * scale, (point.row + 0.5) * scale
        for radius, color in ((7, "black"), (6, "white"), (4, given)):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
    # 256 colours: a quarter of the bytes, and no difference that an eye would see.
    small = picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    return _file(small, format="PNG", optimize=True)


@lru_cache(maxsize=101)
def gamut_png(L: int) -> bytes:
    """PNG of the ab plane at L: 221 x 221, a rightwards, b upwards, clear where sRGB has none."""
    ab, inside = gamut(float(L), extent=float(EXTENT))
    rgb = levels(torch.full((1, *inside.shape), float(L)), ab)
    alpha = inside.to(torch.uint8).mul(255).numpy()[..., None]
    return _file(
        Image.fromarray(np.concatenate((rgb, alpha), axis=2)[::-1]), format="PNG", compress_level=1
    )


def jpeg(rgb: np.ndarray | None) -> bytes:
    """JPEG of uint8 [h, w, 3], with colour at full resolution; nothing of no picture."""
    return b"" if rgb is None else _file(Image.fromarray(rgb), **_JPEG)


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
        tiles.append(_cut(photo, rect, (side, side)))
    return jpeg(np.concatenate(tiles, axis=1))


def _cut(photo: Photo, rect: Rect, shape: tuple[int, int]) -> np.ndarray:
    top, left, height, width = rect
    box = (left, top, left + width, top + height)
    image = Image.fromarray(photo.rgb).resize(
        (shape[1], shape[0]), Image.Resampling.BILINEAR, box=box
    )
    return np.asarray(image)


def _file(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, **options)
    return stream.getvalue()
