"""PSNR of a network on photos with hints, and what each of its sub-layers is worth."""

from collections.abc import Sequence

import torch
from torch import Tensor

from colorlib.color import denormalize_ab, lab_to_srgb, srgb_to_lab
from colorlib.hints import evaluation_hints, hint_map, network_input
from colorlib.metrics import psnr
from colorlib.photos import Photo
from colorlib.vit import ColViT


class Validation:
    """Photos squashed to `side` (iColoriT's protocol), with the hints of each for `count`.

    The PSNR is of 8-bit pictures at that side (see `metrics.psnr`), so it is comparable
    over models, not over sides.
    """

    def __init__(self, photos: Sequence[Photo], count: int = 10, side: int = 224):
        rgb = torch.cat([photo.resized(side).tensor() for photo in photos])
        self.lightness, _ = srgb_to_lab(rgb)
        hints = [evaluation_hints(photo, count, side=side) for photo in photos]
        self.inputs = network_input(self.lightness, hint_map(hints, side=side))
        self.truth = to_uint8(rgb)

    @torch.inference_mode()
    def measure(
        self, model: ColViT, gates: Tensor | None = None, batch_size: int = 8
    ) -> tuple[Tensor, Tensor]:
        """PSNR of each photo, dB, float64 [n], and the gates that ran, bool [n, depth, 2].

        `gates` [depth, 2] overrules the model's decisions.
        """
        training = model.training
        model.eval()
        device = next(model.parameters()).device
        scores, ran = [], []
        for first in range(0, len(self.inputs), batch_size):
            part = slice(first, first + batch_size)
            answer = model(self.inputs[part].to(device), gates=gates)
            rgb = lab_to_srgb(self.lightness[part], denormalize_ab(answer.ab.float().cpu()))
            scores.append(torch.as_tensor(psnr(to_uint8(rgb).numpy(), self.truth[part].numpy())))
            ran.append(answer.gates.cpu())
        model.train(training)
        return torch.cat(scores), torch.cat(ran)

    def psnr(self, model: ColViT, gates: Tensor | None = None) -> Tensor:
        """PSNR of each photo, dB, float64 [n]."""
        return self.measure(model, gates)[0]

    def grey_psnr(self) -> Tensor:
        """PSNR of the photos without their colours, L alone, dB, float64 [n]: the line to beat."""
        no_colour = torch.zeros(len(self.truth), 2, *self.lightness.shape[2:])
        grey = to_uint8(lab_to_srgb(self.lightness, no_colour))
        return torch.as_tensor(psnr(grey.numpy(), self.truth.numpy()))


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
