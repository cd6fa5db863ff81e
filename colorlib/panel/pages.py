"""What the pages get of a State: the models' answers, values about it, and pictures."""

import io
import os
import threading
from base64 import b64encode
from cmath import rect as polar
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from math import radians
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps
from skimage.color import deltaE_ciede2000
from torch import Tensor

from colorlib import checkpoints, colorizer
from colorlib.color import gamut, lab_to_srgb
from colorlib.colorizer import Colorization, Colorizer, Painter, ab_at, sample
from colorlib.evaluate import HintedPhotos
from colorlib.model import threads
from colorlib.panel.state import Scene, State, Subject, possible
from colorlib.photos import Photo, gallery, gallery_names

DEFAULT = "acolvit-t-0.5"
ENGINES = {"eager": "PyTorch", "onnx": "ONNX Runtime", "approximate": "ONNX Runtime with 8 bits"}
LINE = 24  # pixels of a caption
SMALL = 400  # pixels on the longer side of pictures that nobody works on

Model = str | os.PathLike[str] | Colorizer

# Models and their answers

_loading = threading.Lock()


@cache
def _shared(weights: Path) -> Colorizer:
    """Load a network once for all panels of a kernel."""
    # The page draws meanwhile: with all cores taken both would be slower.
    with threads(max(1, torch.get_num_threads() - 1)):
        return Colorizer(weights)


@dataclass(frozen=True, eq=False)
class Answer(colorizer.Answer):
    """A Colorizer's answer, and PSNR: that of the evaluation, of the network's own colours."""

    psnr: float | None  # dB; None where the photo is grey

    @property
    def share(self) -> float:
        """The share of sub-layers that ran."""
        return self.kept / self.gates.numel()


class Models:
    """All shipped checkpoints, and `first`: a name, the path of a checkpoint, or a Colorizer.

    `codes` has each one's Python expression, by name. May be used from several threads.
    """

    def __init__(self, first: Model = DEFAULT):
        # The dense network, then those that keep less and less, then those with a budget.
        names = sorted(
            checkpoints.available(),
            key=lambda name: (name.startswith("icolorit"), not name.endswith("any"), name),
            reverse=True,
        )
        self.codes = {name: f'colorlib.Colorizer("{name}")' for name in names}
        self._own: dict[str, Colorizer] = {}  # what no name of a checkpoint loads
        self.first = str(first)
        if self.first not in names:
            made = first if isinstance(first, Colorizer) else Colorizer(first)
            code = "colorizer" if made is first else f"colorlib.Colorizer({self.first!r})"
            # Another than the shipped one of its name, or that with another engine.
            self.first = made.name if made.name not in names else f"{made.name}, own"
            self._own[self.first], self.codes[self.first] = made, code
        self._lock = threading.Lock()
        self._answer = lru_cache(12)(self._ask)  # undo comes back to those before
        self._resized = lru_cache(2)(lambda subject, side: HintedPhotos([subject.photo], 0, side))
        self.caches = self._answer, self._resized

    def colorizer(self, name: str) -> Colorizer:
        """Return the Colorizer of a model, loaded at its first use. ColorlibError if unknown."""
        with _loading:
            return self._own.get(name) or _shared(checkpoints.resolve(name))

    def takes_budget(self, name: str) -> bool:
        """Tell whether a model was made with a budget; the network need not be loaded for it."""
        own = self._own.get(name)
        return bool((own.model.config if own else checkpoints.card(name)["model"]).get("budget"))

    def answer(self, state: State, name: str) -> Answer:
        """Return a model's answer to a state's hints; what was asked before is remembered."""
        budget = state.budget if self.takes_budget(name) else None
        with self._lock:
            return self._answer(state.in_use, name, budget)

    def _ask(self, scene: Scene, name: str, budget: float | None) -> Answer:
        asked, photo = self.colorizer(name), scene.subject.photo
        resized = self._resized(scene.subject, asked.model.img_size)
        answer, ab = asked.answer(photo, scene.hints, resized.lightness, budget)
        psnr = None if photo.is_grey else float(resized.painted(ab).psnr)
        return Answer(**vars(answer) | {"model": name}, psnr=psnr)

    def full(self, state: State) -> Colorization:
        """Return the photo in colour at its full size. Takes a while for many megapixels."""
        budget = state.budget if self.takes_budget(state.model) else None
        return self.colorizer(state.model)(state.photo, state.hints, budget=budget)


# Values


def page_state(state: State) -> dict[str, Any]:
    """Return what the page shows of a State."""
    here = possible(state.lightness, [state.color.ab])[0]
    same = "shown", "model", "models", "budget", "compare", "other_model"
    return {
        "photo": _about(state.scene.subject),
        "reference": state.reference and _about(state.reference),
        "points": [
            {"id": one.id, "row": one.row, "column": one.column, "asked": one.asked.hex}
            | one.here._asdict()
            for one in state.points
        ],
        "color": {"hex": state.color.hex, "here": here.hex, "at": here.ab},
        "lightness": round(state.lightness),
        "recent": [color.hex for color in state.recent],
        "undo": len(state.past),
        "redo": len(state.future),
        **{name: getattr(state, name) for name in same},
    }


def _about(subject: Subject) -> dict[str, Any]:
    height, width = subject.photo.shape
    about = {"name": subject.photo.name, "height": height, "width": width}
    return about | {"key": subject.number, "grey": subject.photo.is_grey}


def report(state: State, answer: Answer, other: Answer | str) -> dict[str, Any]:
    """Return what the page tells of an answer, and of the network that it is compared with."""
    return {
        "photo": state.scene.subject.number,
        **_numbers(answer),
        "other": _numbers(other) if isinstance(other, Answer) else None,
        "hints": _hints(state, answer.colors),
        "suggestions": _suggestions(state, answer.colors),
    }


def _numbers(answer: Answer) -> dict[str, Any]:
    same = {name: getattr(answer, name) for name in ("model", "kept", "milliseconds", "psnr")}
    return same | {"gates": answer.gates.int().tolist(), "gmac": answer.macs / 1e9}


def _hints(state: State, colors: Tensor) -> list[dict[str, Any]]:
    """Return for each point what was asked for, what came out at its pixel, and the difference.

    That is CIEDE2000, of the colour given to the network and the answer's, both as they can be
    shown at the point's lightness.
    """
    points = state.in_use.points
    if not points:
        return []
    pixels = [(point.row, point.column) for point in points]
    L = state.scene.subject.lightness(pixels)
    came = possible(L, colors_at(colors, state.photo, pixels, L))
    labs = [np.column_stack((L.flatten(), [one.ab for one in each])) for each in (points, came)]
    return [
        {"id": point.id, "asked": point.asked.hex, "obtained": color.hex, "delta_e": float(delta)}
        for point, color, delta in zip(points, came, deltaE_ciede2000(*labs), strict=True)
    ]


def _suggestions(state: State, colors: Tensor) -> list[dict[str, Any]]:
    """Return colours that exist where the picker looks: the model's own, turned hues, and grey."""
    if state.pixel is None:
        return []
    own = complex(*colors_at(colors, state.photo, [state.pixel], torch.tensor(state.lightness))[0])
    # Where the model sees hardly any colour, the turned ones should still be colours.
    full = own * max(1.0, 30.0 / max(abs(own), 1.0))
    turned = {f"{turn:+d}°": full * polar(1.0, radians(turn)) for turn in (-90, -45, 45, 90)}
    wanted = {"model": own, **turned, "grey": 0j}
    shown = possible(state.lightness, [(one.real, one.imag) for one in wanted.values()])
    return [{"name": name, **color._asdict()} for name, color in zip(wanted, shown, strict=True)]


# Pictures


class Part(Painter):
    """`rect` of a photo at `shape` (h, w), which is painted in the colours of the whole photo."""

    def __init__(self, photo: Photo, rect: Sequence[float], shape: tuple[int, int]):
        top, left, height, width = rect  # in the photo's pixels
        box = left, top, left + width, top + height
        image = Image.fromarray(photo.rgb)
        image = image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR, box=box)
        super().__init__(Photo(np.asarray(image)))
        self.whole, self.rect = photo, rect

    def paint(self, colors: Tensor, kind: type = np.uint8) -> np.ndarray:
        """Paint it with the colours [2 or 4, s, s] of the whole photo: see `Painter.paint`."""
        (top, left, tall, wide), (height, width) = self.rect, self.whole.shape
        rows, columns = self.photo.shape
        y = (top + (torch.arange(rows) + 0.5) * (tall / rows)) / height
        x = (left + (torch.arange(columns) + 0.5) * (wide / columns)) / width
        places = torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1)
        return super().paint(sample(colors, places), kind)


def picture(painter: Painter, colors: Answer | str) -> bytes:
    """Return a photo as JPEG in an answer's colours, in "grey" or "original"; else no bytes."""
    if isinstance(colors, Answer):
        return file(painter.paint(colors.colors))
    if colors == "original":
        return file(painter.photo.rgb)
    return file(painter.paint(torch.zeros(2, 1, 1))) if colors == "grey" else b""


def colors_at(
    colors: Tensor, photo: Photo, pixels: Sequence[tuple[int, int]], L: Tensor
) -> list[tuple[float, float]]:
    """Return a and b of colours [4, s, s] at pixels, (row, column), whose lightness is L."""
    places = (torch.tensor(pixels) + 0.5) / torch.tensor(photo.shape)
    return [(a, b) for a, b in ab_at(colors, places[None], L.flatten()).tolist()]


def static_png(state: State, answer: Answer) -> bytes:
    """Return a PNG of the coloured photo with its hints, small enough for a notebook's file.

    A line of text stands below: a page that shows the picture leaves out the text beside it.
    """
    rgb, points = Painter(state.photo).reduced(SMALL).paint(answer.colors), state.in_use.points
    caption = f"{state.photo.name}, {len(points)} hint{'' if len(points) == 1 else 's'}"
    caption += f", {answer.model}: {answer.kept} of {answer.gates.numel()} layers"
    caption += "" if answer.psnr is None else f", {answer.psnr:.1f} dB"
    picture = ImageOps.expand(Image.fromarray(rgb), (0, 0, 0, LINE), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((4, len(rgb) + LINE / 2), caption, "#333", ImageFont.load_default(13), "lm")
    scale = picture.width / state.photo.shape[1]
    for point in points:
        x, y = (point.column + 0.5) * scale, (point.row + 0.5) * scale
        for radius, fill in ((7, "black"), (6, "white"), (4, point.here.hex)):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill)
    # 256 colours: a quarter of the bytes, and no difference that an eye would see.
    small = picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    return file(small, "PNG", optimize=True)


@lru_cache(maxsize=101)
def gamut_png(L: int) -> bytes:
    """Return the ab plane at L as PNG: 221 x 221, a rightwards, b upwards, clear outside sRGB."""
    ab, inside = gamut(float(L))  # to 110 either way, as panel.js has it
    rgb = lab_to_srgb(torch.full((1, *inside.shape), float(L)), ab)
    rgba = torch.cat((rgb, inside[None])).mul(255).round().byte().permute(1, 2, 0).flip(0)
    return file(rgba.numpy(), "PNG", compress_level=1)


@cache
def contact_sheet(side: int = 96) -> str:
    """Return the URL of the middles of the gallery's photos, side by side, each side x side."""
    photos = [Image.fromarray(gallery(name).rgb) for name in gallery_names()]
    middles = [ImageOps.fit(one, (side, side), Image.Resampling.BILINEAR) for one in photos]
    return data_url(file(np.hstack([np.asarray(one) for one in middles])))


def data_url(jpeg: bytes) -> str:
    """Return a JPEG as the URL of a picture."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"


def file(rgb: np.ndarray | Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    """Return the bytes of an image file of uint8 [h, w, 3], colour at full resolution."""
    stream = io.BytesIO()
    image = rgb if isinstance(rgb, Image.Image) else Image.fromarray(rgb)
    image.save(stream, form, **{"quality": 90, "subsampling": 0} | options)
    return stream.getvalue()
