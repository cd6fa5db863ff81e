"""How far the gates of a network follow the photo, and what that is worth.

A network may meet its budget with one pattern for all photos. What is said here of its gates
on a set of photos tells whether it does: how the number of kept sub-layers spreads, whether
harder photos keep more, and what is lost when photos exchange their patterns.
"""

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from colorlib.errors import DataError
from colorlib.metrics import standard_error
from colorlib.model import ColViT
from colorlib.training.validation import Validation


def kept_counts(gates: Tensor) -> Tensor:
    """How many sub-layers of each photo ran: gates [n, depth, 2] -> float64 [n]."""
    return (gates > 0.5).flatten(1).sum(dim=1).double()


def pattern_figures(gates: Tensor) -> dict[str, float]:
    """What the patterns [n, depth, 2] of a set are like.

    kept_mean, kept_std (over the photos, population), kept_p5, kept_p95 and kept_range, their
    difference: of the number of kept sub-layers, 0 to 2 depth. static: the share of sub-layers
    whose gate is the same for all photos. patterns: how many different ones there are.
    """
    kept = kept_counts(gates).numpy()
    patterns = (gates > 0.5).flatten(1)
    low, high = np.percentile(kept, [5, 95])
    return {
        "kept_mean": float(kept.mean()),
        "kept_std": float(kept.std()),
        "kept_p5": float(low),
        "kept_p95": float(high),
        "kept_range": float(high - low),
        "static": float((patterns == patterns[0]).all(dim=0).double().mean()),
        "patterns": len(patterns.unique(dim=0)),
    }


def rank_correlation(kept: Tensor, hardness: Tensor) -> float:
    """Spearman's rank correlation of two [n]; NaN where either is constant."""
    if len(kept.unique()) < 2 or len(hardness.unique()) < 2:
        return float("nan")  # scipy's answer too, with a warning
    return float(spearmanr(kept.numpy(), hardness.numpy()).statistic)


def exchanged(gates: Tensor, hardness: Tensor) -> Tensor:
    """The patterns [n, depth, 2] given to other photos, each pattern to one, none to its own.

    The photos are put in order of the number they keep, those that keep as many in order of
    their hardness [n], and each takes the pattern of the one half the set further on (in a
    circle). So the multiply-adds of the set stay what they were, nothing is left to chance or
    to the names of the photos, and a photo gets the pattern of one that was treated, or at
    least is, as differently as the set allows: were patterns fitted to photos, it would cost
    the most. Raises DataError for fewer than two photos, which have nothing to exchange.
    """
    if len(gates) < 2:
        raise DataError(f"{len(gates)} photo(s) cannot exchange patterns: two or more can")
    order = torch.from_numpy(np.lexsort((hardness.numpy(), kept_counts(gates).numpy())))
    result = torch.empty_like(gates)
    result[order] = gates[order.roll(-(len(order) // 2))]
    return result


def one_for_all(gates: Tensor) -> Tensor:
    """One pattern for all photos, bool [depth, 2], that keeps as many as they do: [n, depth, 2].

    The sub-layers that most photos keep; of equals the first.
    """
    votes = (gates > 0.5).sum(dim=0).flatten()
    count = round(float((gates > 0.5).double().sum() / len(gates)))
    pattern = torch.zeros_like(votes, dtype=torch.bool)
    pattern[votes.argsort(descending=True, stable=True)[:count]] = True
    return pattern.reshape(gates.shape[1:])


def adaptivity(
    model: ColViT,
    own: tuple[Tensor, Tensor],
    hardness: Tensor,
    validation: Validation,
    budget: float | None = None,
) -> dict[str, float]:
    """The figures of a gated `model` on the photos of `validation` with its hints.

    `own` is what `validation.measure(model, budget=budget)` gave, PSNR [n] and gates
    [n, depth, 2]. `hardness` [n] is the loss of a dense network on the same photos and hints
    (`validation.losses(dense)`), so that it does not depend on what the gates left out.

    Besides `pattern_figures`: spearman, of the kept number with the hardness (NaN for a
    constant one); swap_db, mean PSNR with a photo's own pattern minus that with another's
    (`exchanged`; positive: own patterns are worth something), and swap_db_se, the standard error
    of this difference, taken photo by photo; all_kept_db, mean PSNR with everything kept minus
    that with own patterns.
    """
    psnr, gates = own
    others, _ = validation.measure(model, exchanged(gates, hardness), budget)
    everything, _ = validation.measure(model, torch.ones_like(gates), budget)
    return {
        **pattern_figures(gates),
        "spearman": rank_correlation(kept_counts(gates), hardness),
        "swap_db": float((psnr - others).mean()),
        "swap_db_se": standard_error((psnr - others).numpy()),
        "all_kept_db": float((everything - psnr).mean()),
    }
