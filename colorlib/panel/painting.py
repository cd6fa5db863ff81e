"""Pictures of a State: the photo coloured, what it is compared with, the picker's colours."""

import io
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps
from torch import Tensor
from torch.nn.functional import grid_sample

from colorlib.color import gamut
from colorlib.colorizer import Painter
from colorlib.panel.models import Answer
from colorlib.panel.points import Subject, levels, seen
from colorlib.panel.state import State
from colorlib.photos import Photo, gallery, gallery_names

EXTENT = 110  # of the colour picker, in a and b
LINE = 24  # pixels of a caption
_JPEG: dict[str, Any] = {"format": "JPEG", "quality": 90, "subsampling": 0}

Rect = tuple[float, float, float, float]  # top, left, height, width in the photo's pixels


@dataclass(frozen=True, eq=False)
class View:
    """A photo of `shape` on a screen, or `rect` of it."""

    painter: Painter
    shape: tuple[int, int]
    rect: Rect | None = None

    def colored(self, answer: Answer) -> np.ndarray:
        """Return the photo in the answer's colours."""
        if self.rect is None:
            return self.painter.paint(answer.ab)
        ab = sample_ab(answer.ab, self.shape, self.rect, self.painter.photo.shape)
        return self.painter.paint(ab)

    def beside(self, state: State, other: Answer | None) -> np.ndarray | None:
        """Return what the coloured photo is compared with, if anything."""
        if state.compare == "grey":
            return self.painter.paint(torch.zeros(2, 1, 1))
        if state.compare == "original":
            return self.painter.photo.rgb
        return None if other is None else self.colored(other)


def whole(subject: Subject, longest: int) -> View:
    """Return a View of all of a photo, no side longer than `longest`."""
    return View(Painter(subject.photo).reduced(longest), subject.photo.shape)


def part(subject: Subject, rect: Rect, shape: tuple[int, int]) -> View:
    """Return a View of `rect` of a photo, at `shape` (h, w)."""
    top, left, height, width = rect
    box = left, top, left + width, top + height
    image = Image.fromarray(subject.photo.rgb)
    image = image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR, box=box)
    return View(Painter(Photo(np.asarray(image))), subject.photo.shape, rect)


def sample_ab(ab: Tensor, photo: tuple[int, int], rect: Rect, shape: tuple[int, int]) -> Tensor:
    """Return ab [2, s, s] of a whole `photo` (H, W), bilinear, on `rect` at `shape`: [2, h, w].

    For the whole photo this is `colorizer.resize_ab`.
    """
    y, x = (
        start + (torch.arange(count) + 0.5) * (extent / count)
        for count, start, extent in zip(shape, rect[:2], rect[2:], strict=True)
    )
    return ab_at(ab, photo, *torch.meshgrid(y, x, indexing="ij"))


def ab_at(ab: Tensor, photo: tuple[int, int], y: Tensor, x: Tensor) -> Tensor:
    """Return ab [2, s, s] of a `photo` (H, W) at y, x [h, w] in its pixels: [2, h, w]."""
    grid = torch.stack((2 * x / photo[1] - 1, 2 * y / photo[0] - 1), dim=-1)[None].float()
    return grid_sample(ab[None], grid, padding_mode="border", align_corners=False)[0]


def static_png(rgb: np.ndarray, state: State, caption: str) -> bytes:
    """Return a PNG of the coloured photo with its hints, small enough for a notebook's file.

    The caption stands below: a page that shows the picture leaves out the text beside it.
    """
    height, width, _ = rgb.shape
    picture = Image.new("RGB", (width, height + LINE), "white")
    picture.paste(Image.fromarray(rgb))
    draw = ImageDraw.Draw(picture)
    draw.text((4, height + LINE / 2), caption, "#333", ImageFont.load_default(13), "lm")
    scale = width / state.photo.shape[1]
    points = state.points_in_use
    for point, given in zip(points, seen(state.scene.subject, points), strict=True):
        x, y = (point.column + 0.5) * scale, (point.row + 0.5) * scale
        for radius, color in ((7, "black"), (6, "white"), (4, given)):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
    # 256 colours: a quarter of the bytes, and no difference that an eye would see.
    small = picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    return _file(small, format="PNG", optimize=True)


@lru_cache(maxsize=101)
def gamut_png(L: int) -> bytes:
    """Return the ab plane at L as PNG: 221 x 221, a rightwards, b upwards, clear outside sRGB."""
    ab, inside = gamut(float(L), extent=float(EXTENT))
    rgb = levels(torch.full((1, *inside.shape), float(L)), ab)
    alpha = inside.to(torch.uint8).mul(255).numpy()[..., None]
    picture = Image.fromarray(np.concatenate((rgb, alpha), axis=2)[::-1])
    return _file(picture, format="PNG", compress_level=1)


@cache
def contact_sheet(side: int = 96) -> bytes:
    """Return the middles of the gallery's photos side by side, each side x side, as JPEG."""
    names = gallery_names()
    sheet = Image.new("RGB", (side * len(names), side))
    for index, name in enumerate(names):
        photo = Image.fromarray(gallery(name).rgb)
        sheet.paste(ImageOps.fit(photo, (side, side), Image.Resampling.BILINEAR), (side * index, 0))
    return _file(sheet, **_JPEG)


def jpeg(rgb: np.ndarray | None) -> bytes:
    """Return JPEG of uint8 [h, w, 3], with colour at full resolution; nothing for no picture."""
    return b"" if rgb is None else _file(Image.fromarray(rgb), **_JPEG)


def image_file(rgb: np.ndarray, kind: str) -> bytes:
    """Return the bytes of a file to keep: "png", or "jpg" of quality 95."""
    options = {"format": "PNG"} if kind == "png" else {**_JPEG, "quality": 95}
    return _file(Image.fromarray(rgb), **options)


def _file(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, **options)
    return stream.getvalue()
