"""A photo and a few hints in, a colour photo out, at the photo's own size."""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from colorlib.canvas import Canvas, resize_ab
from colorlib.checkpoints import load_model
from colorlib.color import denormalize_ab
from colorlib.files import ColorlibError, ConfigError
from colorlib.hints import Hints, photo_input
from colorlib.model import ColViT, Prediction, macs, pick_device, predict
from colorlib.photos import Photo, open_photo, save_photo

EngineName = Literal["onnx", "approximate", "eager"]


@dataclass(frozen=True, eq=False, repr=False)
class Colorization:
    """A colour photo, and what it took.

    rgb: uint8 [H, W, 3], read-only. network_ab: float32 [2, S, S], Lab units, as the network
    gave them (`rgb` shows the part of them that sRGB can show). gates: bool [depth, 2], the
    sub-layers (attention, FFN) that ran; kept: how many. macs: the network's multiply-adds.
    milliseconds: the whole call but for opening the photo; network_milliseconds: the network.
    hints: those used. name: the photo's. model: the network's name.
    """

    rgb: np.ndarray
    network_ab: Tensor
    gates: Tensor
    kept: int
    macs: int
    milliseconds: float
    network_milliseconds: float
    hints: Hints
    name: str
    model: str

    @cached_property
    def ab(self) -> Tensor:
        """The network's ab at the photo's size: float32 [2, H, W], Lab units."""
        height, width, _ = self.rgb.shape
        return resize_ab(self.network_ab, (height, width))

    @property
    def photo(self) -> Photo:
        """The colour photo as a Photo."""
        return Photo(self.rgb, self.name)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save at full size as PNG, JPEG or WebP, by the suffix. Raises PhotoError."""
        save_photo(self.rgb, path)

    def __repr__(self) -> str:
        height, width, _ = self.rgb.shape
        hints = f"{len(self.hints)} hint{'' if len(self.hints) == 1 else 's'}"
        return (
            f"Colorization({self.name!r} {height}x{width}, {hints}, {self.model}: "
            f"kept {self.kept} of {self.gates.numel()}, {self.macs / 1e9:.2f} GMAC, "
            f"{self.milliseconds:.0f} ms)"
        )


class Colorizer:
    """Colours photos with one network.

        Colorizer("acolvit-t-0.5")(photo, hints)

    `model` is the name of a checkpoint, the path of one, or a ColViT. `device` None takes the
    best there is, and leaves a ColViT where it is.

    `engine` is "eager", which is PyTorch; "onnx", ONNX Runtime, the same colours faster, on the
    CPU; or "approximate", faster again and nearly the same (see `onnx.OnnxModel`). None takes
    "onnx" on the CPU and "eager" on a GPU, and "eager" for a ColViT, as its weights may change:
    the other two engines keep those that they were made with.

    What it knows of the last photo is kept, so that a second call with the same Photo has
    only the hints to look at. Raises CheckpointError for a name or file that cannot be loaded,
    ConfigError for an engine that cannot be had.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | ColViT = "acolvit-t-0.5",
        device: torch.device | str | None = None,
        engine: EngineName | None = None,
    ):
        if isinstance(model, ColViT):
            self.name = "icolorit" if not model.policy else "acolvit"
            self.model, self.engine = model, engine or "eager"
        elif isinstance(model, str | os.PathLike):
            path = Path(model)
            # Names such as acolvit-t-0.5 have a dot, but no suffix.
            self.name = path.stem if path.suffix in (".safetensors", ".pth") else str(model)
            if engine in (None, "eager"):
                device = device or pick_device()
            engine = engine or _best_engine(torch.device(device or "cpu"))
            self.model, self.engine = load_model(model), engine
        else:
            raise ConfigError(
                f"a model is a name, a path or a ColViT, not a {type(model).__name__}"
            )
        self.predict = _network(self.model, self.engine, device)
        self._canvas: Canvas | None = None

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        cpu = torch.device("cpu")
        return self.model.pos_embed.device if self.engine == "eager" else cpu

    def __call__(
        self,
        photo: Any,
        hints: Hints | None = None,
        budget: float | None = None,
        gates: Tensor | None = None,
        longest: int | None = None,
    ) -> Colorization:
        """Colour `photo`, anything that `open_photo` takes, grey or colour, of any size.

        Of its colours nothing is used. Its lightness stays, pixel by pixel; the network's ab
        (224 x 224 for the models of the paper) are resized to meet it. `hints` must be made
        for this photo's size (HintError); None means no hints. `budget` is for models made
        with one, and `gates` bool [depth, 2] overrules the decisions (ConfigError where they
        do not fit). `longest` makes a preview: the answer is made smaller so that no side has
        more pixels than that, its colours the same. Raises PhotoError when the photo cannot
        be opened.
        """
        photo = open_photo(photo)
        start = perf_counter()
        hints = Hints.empty(photo.shape) if hints is None else hints
        canvas, side = self._canvas_of(photo), self.model.img_size
        x = photo_input(photo, hints, side, canvas.small_L(side))
        network_start = perf_counter()
        answer = self.predict(x, budget, gates)
        network_stop = perf_counter()
        ab = denormalize_ab(answer.ab[0])
        rgb = (canvas if longest is None else canvas.reduced(longest)).paint(ab)
        ran = answer.gates[0] > 0.5
        return Colorization(
            rgb=rgb,
            network_ab=ab,
            gates=ran,
            kept=int(ran.sum()),
            macs=int(macs(ran, self.model.costs)),
            milliseconds=1e3 * (perf_counter() - start),
            network_milliseconds=1e3 * (network_stop - network_start),
            hints=hints,
            name=photo.name,
            model=self.name,
        )

    def _canvas_of(self, photo: Photo) -> Canvas:
        if self._canvas is None or self._canvas.photo is not photo:
            self._canvas = Canvas(photo)
        return self._canvas

    def __repr__(self) -> str:
        return f"Colorizer({self.name!r})"


def _best_engine(device: torch.device) -> EngineName:
    if device.type != "cpu":
        return "eager"
    missing = _missing()
    if missing:
        warnings.warn(f"PyTorch runs the network, slower than need be: {missing}", stacklevel=3)
        return "eager"
    return "onnx"


def _network(
    model: ColViT, engine: EngineName, device: torch.device | str | None
) -> Callable[..., Prediction]:
    """Return what runs `model`: X [B, 4, S, S], budget, gates -> Prediction."""
    if engine not in get_args(EngineName):
        names = ", ".join(get_args(EngineName))
        raise ConfigError(f"engine is {engine!r}; it must be one of {names}")
    if engine == "eager":
        return partial(predict, model if device is None else model.to(device))
    if device is not None and torch.device(device).type != "cpu":
        raise ConfigError(f"the engine {engine!r} runs on the CPU, not on {device}: take 'eager'")
    missing = _missing()
    if missing:
        raise ConfigError(f"the engine {engine!r} needs ONNX Runtime: {missing}")
    # Here, as it need not be installed.
    from colorlib.onnx import OnnxModel

    return OnnxModel(model, approximate=engine == "approximate")


def _missing() -> str | None:
    """Return how to install what ONNX Runtime lacks here; None where nothing is missing."""
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    names = " and ".join(missing)
    return f"{names} not installed: pip install {' '.join(missing)}" if missing else None


def apply_ab(photo: Photo, ab: Tensor) -> np.ndarray:
    """The photo's lightness with the colours `ab` [2, H, W] in Lab units: uint8 [H, W, 3].

    Where sRGB cannot show a colour at that lightness, red, green and blue are cut to what it
    can; elsewhere L is the photo's, but for rounding to 8 bits. The result is read-only.
    Raises ColorlibError when ab is of another size than the photo.
    """
    height, width = photo.shape
    if ab.shape != (2, height, width):
        raise ColorlibError(f"ab is {list(ab.shape)}: [2, {height}, {width}] is right, as {photo}")
    return Canvas(photo).paint(ab)
