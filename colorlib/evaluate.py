"""A network on photos with hints: its colours, PSNR and gates; importance; the swap test.

    given = HintedPhotos(photos, count=10)
    given.run(model).psnr.mean()

Training's validation, both tables, the cards of checkpoints and notebook 07 all measure so. The
PSNR is of 8-bit pictures (see `metrics.psnr`).
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from torch import Tensor

from colorlib.color import denormalize_ab, lab_to_srgb, normalize_ab, srgb_to_lab
from colorlib.files import ColorlibError
from colorlib.hints import Hints, evaluation_hints, hint_map, network_input, widened
from colorlib.metrics import psnr, standard_error
from colorlib.model import ColViT, predict
from colorlib.photos import Photo


class HintedPhotos:
    """Photos squashed to `side` (iColoriT's protocol), with `count` hints each.

    lightness [n, 1, S, S] and ab [n, 2, S, S] in Lab units, truth uint8 [n, S, S, 3], and inputs
    [n, 4, S, S], the network's X. PSNR can be compared between models, not between sides.
    `hints_of` takes the arguments of `evaluation_hints`. `dtype` is the precision of everything
    before the rounding to 8 bits; the network must have it.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        count: int = 10,
        side: int = 224,
        hints_of: Callable[..., Hints] = evaluation_hints,
        dtype: torch.dtype = torch.float32,
    ):
        rgb = torch.cat([photo.resized(side).tensor() for photo in photos]).to(dtype)
        self.photos = photos
        self.hints_of = hints_of
        self.lightness, self.ab = srgb_to_lab(rgb)
        self.truth = to_uint8(rgb)
        self.inputs = self._inputs(count)

    def with_hints(self, count: int) -> "HintedPhotos":
        """Return the same photos with `count` hints each, without resizing them again."""
        other = copy.copy(self)
        other.inputs = self._inputs(count)
        return other

    def with_blocks(self, width: int) -> "HintedPhotos":
        """Return the same hints, each width x width cells wide (see `hints.widened`)."""
        other = copy.copy(self)
        X = self.inputs
        other.inputs = torch.cat((X[:, :1], widened(X[:, 1:], width)), dim=1)
        return other

    def _inputs(self, count: int) -> Tensor:
        side = self.truth.shape[1]
        pairs = zip(self.photos, self.ab.split(1), strict=True)
        hints = [self.hints_of(photo, count, side=side, ab=ab) for photo, ab in pairs]
        return network_input(self.lightness, hint_map(hints, side=side))

    def run(
        self,
        model: ColViT,
        budget: float | None = None,
        gates: Tensor | None = None,
        batch_size: int = 8,
    ) -> "Evaluation":
        """Run `model` once on every photo, in evaluation mode (see `model.predict`).

        `budget` (0 to 1) is for models conditioned on one; `gates` [depth, 2], or [n, depth, 2]
        with a pattern for each photo, overrules the model's decisions. Raises ColorlibError for a
        budget that the model does not take.
        """
        count = len(self.inputs)
        assert gates is None or gates.ndim == 2 or len(gates) == count, gates.shape
        made = []
        for first in range(0, count, batch_size):
            part = slice(first, first + batch_size)
            own = gates[part] if gates is not None and gates.ndim == 3 else gates
            made.append(predict(model, self.inputs[part], budget, own))
        ab = torch.cat([one.ab for one in made]).to(self.lightness.dtype)
        return Evaluation(self, ab, torch.cat([one.gates for one in made]))

    def grey(self) -> "Evaluation":
        """Return the photos without their colours, L alone: the line to beat."""
        return self.painted(torch.zeros_like(self.ab))

    def painted(self, ab: Tensor) -> "Evaluation":
        """Take colours ab / 110 [n, 2, S, S] from elsewhere."""
        return Evaluation(self, ab, torch.zeros(len(ab), 0, 2, dtype=torch.bool))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What came out for the photos of `given`: ab / 110 [n, 2, S, S], gates bool [n, depth, 2].

    `HintedPhotos.run` makes one of a network's colours; other colours come without gates, which
    are then [n, 0, 2]. The rest is computed when it is first asked for.
    """

    given: HintedPhotos
    ab: Tensor
    gates: Tensor

    @cached_property
    def pictures(self) -> Tensor:
        """The colours with the photos' lightness, in 8 bits: uint8 [n, S, S, 3]."""
        # One by one: float colours of a whole set would take several times the memory.
        pairs = zip(self.given.lightness, self.ab, strict=True)
        rgb = [to_uint8(lab_to_srgb(L[None], denormalize_ab(ab[None]))) for L, ab in pairs]
        return torch.cat(rgb)

    @cached_property
    def psnr(self) -> Tensor:
        """PSNR of each photo, dB, float64 [n]."""
        pairs = zip(self.pictures.numpy(), self.given.truth.numpy(), strict=True)
        return torch.tensor([psnr(one, true) for one, true in pairs], dtype=torch.float64)

    @property
    def hint_error(self) -> float:
        """The mean distance of the colours from the hints at the hints' own pixels, Lab units."""
        X = self.given.inputs
        distance = denormalize_ab(self.ab - X[:, 1:3]).norm(dim=1)
        return float(distance[X[:, 3] > 0].mean())

    def losses(self, loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Return `loss(ab, true ab)`, both / 110, of each photo by itself, float64 [n]."""
        pairs = zip(self.ab.split(1), normalize_ab(self.given.ab).split(1), strict=True)
        return torch.tensor([float(loss(one, true)) for one, true in pairs], dtype=torch.float64)


def to_uint8(rgb: Tensor) -> Tensor:
    """Round [B, 3, S, S] in [0, 1] to uint8 [B, S, S, 3]."""
    return (rgb.permute(0, 2, 3, 1) * 255).round().to(torch.uint8)


def importance(model: ColViT, given: HintedPhotos) -> Tensor:
    """Return the mean PSNR, dB, that dropping each sub-layer alone costs: [depth, 2]."""
    full = torch.ones(len(model.blocks), 2)
    whole = given.run(model, gates=full).psnr.mean()
    lost = torch.empty_like(full)
    for block, kind in np.ndindex(*full.shape):
        gates = full.clone()
        gates[block, kind] = 0
        lost[block, kind] = whole - given.run(model, gates=gates).psnr.mean()
    return lost


# How far the gates of a network follow the photo. A network may meet its budget with one pattern
# for all photos; the following tell: how the number of kept sub-layers spreads, whether harder
# photos keep more, and what is lost when photos exchange their patterns (the swap test).


def kept_counts(gates: Tensor) -> Tensor:
    """Count the sub-layers of each photo that ran: gates [n, depth, 2] -> float64 [n]."""
    return (gates > 0.5).flatten(1).sum(dim=1).double()


def pattern_figures(gates: Tensor) -> dict[str, float]:
    """Describe the patterns [n, depth, 2] of a set.

    kept_mean, kept_std (over the photos, population) and kept_range, from the 5th percentile to
    the 95th, of the number of kept sub-layers, 0 to 2 depth. static: the share of sub-layers
    whose gate is the same for all photos.
    """
    kept, patterns = kept_counts(gates).numpy(), gates > 0.5
    return {
        "kept_mean": float(kept.mean()),
        "kept_std": float(kept.std()),
        "kept_range": float(np.ptp(np.percentile(kept, [5, 95]))),
        "static": float((patterns == patterns[0]).all(dim=0).double().mean()),
    }


def rank_correlation(one: ArrayLike, other: ArrayLike) -> np.ndarray:
    """Return Spearman's rank correlation of two [..., n], float64 [...]; NaN for a constant."""
    ranks = [rankdata(values, axis=-1) for values in (one, other)]
    a, b = (values - values.mean(axis=-1, keepdims=True) for values in ranks)
    scale = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    products = (a * b).sum(axis=-1)
    return np.divide(products, scale, out=np.full_like(scale, np.nan), where=scale > 0)


def exchanged(gates: Tensor, hardness: Tensor) -> Tensor:
    """Give the patterns [n, depth, 2] to other photos, each pattern to one, none to its own.

    The photos are sorted by how many sub-layers they keep, ties by their hardness [n], and each
    takes the pattern of the photo half the set further on, cyclically. So the set's multiply-adds
    do not change and nothing is random. Each photo gets the pattern of one with a very different
    count or, where counts tie, hardness: if patterns fit their photos, this exchange costs the
    most. Raises ColorlibError for fewer than two photos, which have nothing to exchange.
    """
    if len(gates) < 2:
        raise ColorlibError(f"{len(gates)} photo(s) cannot exchange patterns: two or more can")
    order = torch.from_numpy(np.lexsort((hardness.numpy(), kept_counts(gates).numpy())))
    result = torch.empty_like(gates)
    result[order] = gates[order.roll(-(len(order) // 2))]
    return result


def one_for_all(gates: Tensor) -> Tensor:
    """Return one pattern, bool [depth, 2], that keeps as many as the photos' [n, depth, 2] do.

    It keeps the sub-layers that most photos keep; of equals the first.
    """
    votes = (gates > 0.5).sum(dim=0).flatten()
    count = round(float((gates > 0.5).double().sum() / len(gates)))
    pattern = torch.zeros_like(votes, dtype=torch.bool)
    pattern[votes.argsort(descending=True, stable=True)[:count]] = True
    return pattern.reshape(gates.shape[1:])


def adaptivity(
    model: ColViT, own: Evaluation, hardness: Tensor, budget: float | None = None
) -> dict[str, float]:
    """Measure how far the gates of `model` follow the photos that it gave `own` for.

    `own` is `given.run(model, budget=budget)`. `hardness` [n] is the loss of a dense network on
    the same photos and hints (`given.run(dense).losses(huber)`), so that it does not depend on
    what the gates left out.

    Besides `pattern_figures`: spearman, of the kept number with the hardness (NaN for a
    constant one); swap_db, mean PSNR with a photo's own pattern minus that with another's
    (`exchanged`; positive: own patterns are worth something), and swap_db_se, the standard error
    of this difference, taken photo by photo.
    """
    gates = own.gates
    swapped = own.psnr - own.given.run(model, budget, exchanged(gates, hardness)).psnr
    return {
        **pattern_figures(gates),
        "spearman": float(rank_correlation(kept_counts(gates), hardness)),
        "swap_db": float(swapped.mean()),
        "swap_db_se": standard_error(swapped.numpy()),
    }
