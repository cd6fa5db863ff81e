"""A photo and a few hints in, a colour photo out, at the photo's own size."""

import os
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from colorlib.checkpoints import load_model
from colorlib.color import denormalize_ab, lab_to_srgb, srgb_to_lab
from colorlib.engines import EagerEngine, pick_device
from colorlib.errors import ColorlibError, ConfigError
from colorlib.gates import macs
from colorlib.hints import Hints, photo_input
from colorlib.photos import Photo, open_photo, save_photo
from colorlib.vit import ColViT

# Colours are converted in strips of about this many pixels: 12 megapixels at once would need
# 1 GB for what lies in between, and be slower.
STRIP = 1 << 18


@dataclass(frozen=True, eq=False, repr=False)
class Colorization:
    """A colour photo, and what it took.

    rgb: uint8 [H, W, 3], read-only. ab: float32 [2, H, W], Lab units, as the network gave them
    (`rgb` shows the part of them that sRGB can show). gates: bool [depth, 2], the sub-layers
    (attention, FFN) that ran; kept: how many. macs: the network's multiply-adds.
    milliseconds: the whole call but for opening the photo; network_milliseconds: the network.
    hints: those used. name: the photo's. model: the network's name.
    """

    rgb: np.ndarray
    ab: Tensor
    gates: Tensor
    kept: int
    macs: int
    milliseconds: float
    network_milliseconds: float
    hints: Hints
    name: str
    model: str

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
    best there is, and leaves a ColViT where it is. Raises CheckpointError for a name or file
    that cannot be loaded.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | ColViT = "acolvit-t-0.5",
        device: torch.device | str | None = None,
    ):
        if isinstance(model, ColViT):
            self.name = "icolorit" if not model.policy else "acolvit"
            self.engine = EagerEngine(model, device)
        elif isinstance(model, str | os.PathLike):
            path = Path(model)
            # Names such as acolvit-t-0.5 have a dot, but no suffix.
            self.name = path.stem if path.suffix in (".safetensors", ".pth") else str(model)
            self.engine = EagerEngine(load_model(model), device or pick_device())
        else:
            raise ConfigError(
                f"a model is a name, a path or a ColViT, not a {type(model).__name__}"
            )

    @property
    def model(self) -> ColViT:
        """The network."""
        return self.engine.model

    def __call__(
        self,
        photo: Any,
        hints: Hints | None = None,
        budget: float | None = None,
        gates: Tensor | None = None,
    ) -> Colorization:
        """Colour `photo`, anything that `open_photo` takes, grey or colour, of any size.

        Of its colours nothing is used. Its lightness stays, pixel by pixel; the network's ab
        (224 x 224 for the models of the paper) are resized to meet it. `hints` must be made
        for this photo's size (HintError); None means no hints. `budget` is for models made
        with one, and `gates` bool [depth, 2] overrules the decisions (ConfigError where they
        do not fit). Raises PhotoError when the photo cannot be opened.
        """
        photo = open_photo(photo)
        start = perf_counter()
        hints = Hints.none(photo.shape) if hints is None else hints
        x = photo_input(photo, hints, self.model.img_size)
        network_start = perf_counter()
        answer = self.engine(x, budget, gates)
        network_stop = perf_counter()
        ab = resize_ab(denormalize_ab(answer.ab[0]), photo.shape)
        rgb = apply_ab(photo, ab)
        ran = answer.gates[0] > 0.5
        return Colorization(
            rgb=rgb,
            ab=ab,
            gates=ran,
            kept=int(ran.sum()),
            macs=int(macs(ran, self.model.costs)),
            milliseconds=1e3 * (perf_counter() - start),
            network_milliseconds=1e3 * (network_stop - network_start),
            hints=hints,
            name=photo.name,
            model=self.name,
        )

    def __repr__(self) -> str:
        return f"Colorizer({self.name!r})"


def resize_ab(ab: Tensor, shape: tuple[int, int]) -> Tensor:
    """ab [2, h, w] at `shape` (H, W), bilinear: float32 [2, H, W]."""
    if ab.shape[1:] == shape:
        return ab
    return interpolate(ab[None], size=shape, mode="bilinear", align_corners=False)[0]


def apply_ab(photo: Photo, ab: Tensor) -> np.ndarray:
    """The photo's lightness with the colours `ab` [2, H, W] in Lab units: uint8 [H, W, 3].

    Where sRGB cannot show a colour at that lightness, red, green and blue are cut to what it
    can; elsewhere L is the photo's, but for rounding to 8 bits. The result is read-only.
    Raises ColorlibError when ab is of another size than the photo.
    """
    height, width = photo.shape
    if ab.shape != (2, height, width):
        raise ColorlibError(f"ab is {list(ab.shape)}: [2, {height}, {width}] is right, as {photo}")
    ab = ab.detach()
    rgb = np.empty_like(photo.rgb)
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        strip = slice(top, min(top + rows, height))
        # A copy, as PyTorch wants no read-only memory.
        pixels = torch.tensor(photo.rgb[strip]).permute(2, 0, 1).float().div_(255)
        L, _ = srgb_to_lab(pixels)
        coloured = lab_to_srgb(L, ab[:, strip]).mul_(255).round_().to(torch.uint8)
        rgb[strip] = coloured.permute(1, 2, 0).numpy()
    rgb.setflags(write=False)
    return rgb
