"""PSNR of a network on photos with hints, and what each of its sub-layers is worth."""

import copy
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from colorlib.color import denormalize_ab, lab_to_srgb, normalize_ab, srgb_to_lab
from colorlib.errors import ConfigError
from colorlib.hints import Hints, evaluation_hints, hint_map, network_input, widened
from colorlib.metrics import psnr
from colorlib.model import ColViT
from colorlib.photos import Photo
from colorlib.training.losses import huber


class HintsOf(Protocol):
    """Where a photo's hints come from, as `evaluation_hints`; `ab` is the resized photo's."""

    def __call__(self, photo: Photo, count: int, *, side: int, ab: Tensor) -> Hints: ...


class Validation:
    """Photos squashed to `side` (iColoriT's protocol), with the hints of each for `count`.

    The PSNR is of 8-bit pictures at that side (see `metrics.psnr`), so it is comparable
    over models, not over sides. `dtype` is that of all that comes before the 8 bits; a
    network must have it too.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        count: int = 10,
        side: int = 224,
        hints_of: HintsOf = evaluation_hints,
        dtype: torch.dtype = torch.float32,
    ):
        rgb = torch.cat([photo.resized(side).tensor() for photo in photos]).to(dtype)
        self.photos = photos
        self.hints_of = hints_of
        self.lightness, self.ab = srgb_to_lab(rgb)
        self.truth = to_uint8(rgb)
        self.inputs = self._inputs(count)

    def with_hints(self, count: int) -> "Validation":
        """The same photos, resized and converted no second time, with `count` hints each."""
        other = copy.copy(self)
        other.inputs = self._inputs(count)
        return other

    def with_blocks(self, width: int) -> "Validation":
        """The same hints, each width x width cells wide (see `hints.widened`)."""
        other = copy.copy(self)
        X = self.inputs
        other.inputs = torch.cat((X[:, :1], widened(X[:, 1:], width)), dim=1)
        return other

    def hint_error(self, colours: Tensor) -> float:
        """How far ab / 110 [n, 2, S, S] are from the hints at their own pixels: mean, Lab units."""
        ab, mask = denormalize_ab(colours - self.inputs[:, 1:3]), self.inputs[:, 3] > 0
        return float(ab.norm(dim=1)[mask].mean())

    def _inputs(self, count: int) -> Tensor:
        side = self.truth.shape[1]
        pairs = zip(self.photos, self.ab.split(1), strict=True)
        hints = [self.hints_of(photo, count, side=side, ab=ab) for photo, ab in pairs]
        return network_input(self.lightness, hint_map(hints, side=side))

    @torch.inference_mode()
    def answers(
        self,
        model: ColViT,
        gates: Tensor | None = None,
        budget: float | None = None,
        batch_size: int = 8,
    ) -> tuple[Tensor, Tensor]:
        """The network's ab / 110, [n, 2, S, S], and the gates that ran, bool [n, depth, 2].

        `gates` [depth, 2], or [n, depth, 2] with a pattern a photo, overrules the model's
        decisions; `budget` (0 to 1) is for models made with budget=True. Raises ConfigError
        for gates of another shape and a budget that the model does not take.
        """
        count = len(self.inputs)
        if gates is not None and gates.ndim == 3 and len(gates) != count:
            raise ConfigError(f"gates are given for {len(gates)} photos, and there are {count}")
        training = model.training
        model.eval()
        device = next(model.parameters()).device
        colours, ran = [], []
        for first in range(0, count, batch_size):
            part = slice(first, first + batch_size)
            own = gates[part] if gates is not None and gates.ndim == 3 else gates
            answer = model(self.inputs[part].to(device), budget, gates=own)
            colours.append(answer.ab.to(self.lightness.dtype).cpu())
            ran.append(answer.gates.cpu())
        model.train(training)
        return torch.cat(colours), torch.cat(ran)

    def measure(
        self,
        model: ColViT,
        gates: Tensor | None = None,
        budget: float | None = None,
        batch_size: int = 8,
    ) -> tuple[Tensor, Tensor]:
        """PSNR of each photo, dB, float64 [n], and the gates that ran, bool [n, depth, 2].

        `gates` and `budget` are as in `answers`.
        """
        colours, ran = self.answers(model, gates, budget, batch_size)
        return self._psnr_of(colours), ran

    def pictures(self, colours: Tensor) -> Tensor:
        """ab / 110 [n, 2, S, S] with the photos' lightness, in 8 bits: uint8 [n, S, S, 3]."""
        # One by one: float colours of a whole set would take several times the memory.
        pairs = zip(self.lightness, colours, strict=True)
        rgb = [to_uint8(lab_to_srgb(L[None], denormalize_ab(ab[None]))) for L, ab in pairs]
        return torch.cat(rgb)

    def losses(self, model: ColViT) -> Tensor:
        """The Huber loss of each photo by itself (see `losses.huber`), float64 [n]."""
        colours, _ = self.answers(model)
        pairs = zip(colours.split(1), normalize_ab(self.ab).split(1), strict=True)
        return torch.tensor([float(huber(one, true)) for one, true in pairs], dtype=torch.float64)

    def psnr(self, model: ColViT, gates: Tensor | None = None) -> Tensor:
        """PSNR of each photo, dB, float64 [n]."""
        return self.measure(model, gates)[0]

    def grey_psnr(self) -> Tensor:
        """PSNR of the photos without their colours, L alone, dB, float64 [n]: the line to beat."""
        return self._psnr_of(torch.zeros_like(self.ab))

    def _psnr_of(self, colours: Tensor) -> Tensor:
        pairs = zip(self.pictures(colours).numpy(), self.truth.numpy(), strict=True)
        return torch.tensor([float(psnr(one, true)) for one, true in pairs], dtype=torch.float64)


def to_uint8(rgb: Tensor) -> Tensor:
    """[B, 3, S, S] in [0, 1] -> uint8 [B, S, S, 3], rounded."""
    return (rgb.permute(0, 2, 3, 1) * 255).round().to(torch.uint8)


def importance(model: ColViT, validation: Validation) -> Tensor:
    """What the network loses when one sub-layer is dropped: mean PSNR, dB, [depth, 2]."""
    depth = len(model.blocks)
    full = torch.ones(depth, 2)
    whole = validation.psnr(model, full).mean()
    lost = torch.empty(depth, 2)
    for block in range(depth):
        for kind in range(2):
            gates = full.clone()
            gates[block, kind] = 0
            lost[block, kind] = whole - validation.psnr(model, gates).mean()
    return lost
