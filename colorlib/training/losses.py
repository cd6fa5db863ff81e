"""What training minimises: eqs. 9 and 10."""

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

HUBER_DELTA = 0.01  # iColoriT's, on ab / 110


def huber(
    prediction: Tensor, target: Tensor, reduction: Literal["mean", "none"] = "mean"
) -> Tensor:
    """iColoriT's Huber loss of ab [B, 2, S, S] in [-1, 1]: a scalar, or with "none" [B].

    With d the difference and delta = 0.01: d^2 / (2 delta) where |d| < delta, else
    |d| - delta / 2; summed over a and b, averaged over pixels and, unless "none", images.
    """
    pixelwise = F.smooth_l1_loss(
        prediction.float(), target.float(), reduction="none", beta=HUBER_DELTA
    )
    loss = pixelwise.sum(dim=1).flatten(1).mean(dim=1)
    return loss.mean() if reduction == "mean" else loss


def gradient_difference(prediction: Tensor, target: Tensor) -> Tensor:
    """Return how far the steps between neighbouring pixels are from the target's; a scalar (ours).

    Of ab [B, 2, S, S] in [-1, 1]: |d(prediction) - d(target)|, d the difference to the pixel on
    the right and to the one below, summed over a, b and both directions, averaged over pixels and
    images (the gradient difference loss of Mathieu et al. 2016, alpha = 1). The Huber loss hardly
    sees a step of some Lab units along a patch border; a viewer sees little else.
    """
    error = prediction.float() - target.float()
    steps = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.shape[1] * steps


def sparsity(
    gates: Tensor, budget: float | Tensor, reading: Literal["image", "batch", "joint"] = "batch"
) -> Tensor:
    """Eq. 9: how far the kept shares of attention and of FFN are from the budget; a scalar.

    gates [B, depth, 2], 0 or 1 with a straight-through gradient; budget a number, or [B]
    with reading "image". The paper does not say whether its mean over layers is taken per
    image or over the batch as well. Per "image" every photo must meet the budget by itself,
    so none can spend more than another; over the "batch" only their average must, which
    leaves room for hard photos to take from easy ones. The authors' code reads it "joint":
    attention and FFN share one mean over the batch, so that one kind may spend what the other
    saves. Over several processes the batch is each process's own.
    """
    if reading == "joint":
        return (gates.mean() - budget) ** 2
    share = gates.mean(dim=1)
    if reading == "batch":
        share = share.mean(dim=0, keepdim=True)
    else:
        budget = budget[:, None] if isinstance(budget, Tensor) else budget
    return ((share - budget) ** 2).sum(dim=-1).mean()


def hardness_target(loss: Tensor, budget: float, spread: float) -> Tensor:
    """The share that each image should keep, [B]: hard ones more, `budget` on average (ours).

    `loss` [B] is what a dense network loses on the images. With rank r from 0 (easiest of the
    batch) to 1 (hardest): budget + width (r - 1/2), where width is `spread`, or less where a
    target would leave [0, 1]. A lone image gets the budget. Over several processes the batch is
    each process's own.
    """
    width = min(spread, 2 * budget, 2 * (1 - budget))
    ranks = loss.argsort().argsort().float()
    return budget + width * (ranks / max(len(loss) - 1, 1) - 0.5 * (len(loss) > 1))
