"""What stands in the rows of a table: networks, each at a budget, and two references."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from colorlib import checkpoints
from colorlib.color import denormalize_ab, normalize_ab
from colorlib.evaluate import Evaluation, HintedPhotos
from colorlib.files import ConfigError, sha256
from colorlib.model import macs
from colorlib.tables.levin import colorize

NO_COLOUR = "no-colour"
LEVIN = "levin-2004"
REFERENCES = (NO_COLOUR, LEVIN)
BUDGETS = (0.9, 0.7, 0.5, 0.3)  # of a network with a dial, as the paper's four networks

# Colours photos; and of a network the multiply-adds, int64 [n], that it ran.
Painter = Callable[[HintedPhotos], tuple[Evaluation, Tensor | None]]


@dataclass(frozen=True)
class Row:
    """A checkpoint at a budget (None but for a network with a dial), or a reference."""

    model: str
    budget: float | None = None
    path: Path | None = None
    sha256: str | None = None
    side: int | None = None  # of the network's pictures, in pixels

    @property
    def label(self) -> str:
        """Such as acolvit-t-any@0.5; each row's is its own."""
        return self.model if self.budget is None else f"{self.model}@{self.budget:g}"


def rows_of(names: Sequence[str]) -> list[Row]:
    """The rows that `names` ask for, in their order.

    A name is that of a shipped checkpoint, a path of one, "no-colour" or "levin-2004"; a
    network with a dial gets a row a budget, or one by NAME@BUDGET. Raises CheckpointError
    for a checkpoint that is not there, ConfigError for a row that comes twice or a budget
    where there is none to set.
    """
    rows = [row for name in names for row in _rows_of(name)]
    labels = [row.label for row in rows]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ConfigError(f"rows must differ in their names: {', '.join(twice)} comes twice")
    return rows


def painter(row: Row, side: int, device: torch.device) -> Painter:
    """What colours photos at `side`, in float64, for `row`."""
    if row.model == NO_COLOUR:
        return lambda photos: (photos.grey(), None)
    if row.model == LEVIN:
        return lambda photos: (photos.painted(_levin(photos)), None)
    assert row.path is not None
    model = checkpoints.resized(checkpoints.load_model(row.path), side).double().to(device)

    def paint(photos: HintedPhotos) -> tuple[Evaluation, Tensor]:
        found = photos.run(model, budget=row.budget, batch_size=len(photos.photos))
        return found, macs(found.gates, model.costs)

    return paint


def common_side(rows: Sequence[Row]) -> int:
    """The side in pixels at which all are measured: the largest of the networks', or 224.

    PSNR at one side says nothing beside that at another. A network for smaller pictures is
    resized, as it is when it is shipped (see `training.publish`).
    """
    return max((row.side for row in rows if row.side is not None), default=224)


def _rows_of(name: str) -> list[Row]:
    if name in REFERENCES:
        return [Row(name)]
    asked, _, budget = name.partition("@")
    path = Path(asked)
    # Names such as acolvit-t-0.5 have a dot, but no suffix.
    if path.suffix not in (".safetensors", ".pth"):
        path = checkpoints.checkpoint_dir() / f"{asked}.safetensors"
    model = checkpoints.load_model(path if path.is_file() else asked)  # words the error, too
    try:
        budgets = (float(budget),) if budget else BUDGETS
    except ValueError:
        raise ConfigError(f"{name!r}: the budget behind @ must be a number, 0 to 1") from None
    if not model.config["budget"]:
        if budget:
            raise ConfigError(f"{name!r}: {asked} has no budget to set, ask for it without @")
        return [Row(path.stem, None, path, sha256(path), model.img_size)]
    if not all(0 <= share <= 1 for share in budgets):
        raise ConfigError(f"{name!r}: the budget behind @ is a share to keep, 0 to 1")
    return [Row(path.stem, share, path, sha256(path), model.img_size) for share in budgets]


def _levin(photos: HintedPhotos) -> Tensor:
    """Levin et al.'s ab / 110, from the hints of the network's input."""
    answers = []
    for lightness, x in zip(photos.lightness, photos.inputs, strict=True):
        ab, mask = denormalize_ab(x[1:3]), x[3] > 0
        answers.append(colorize(lightness[0].numpy(), ab.numpy(), mask.numpy()))
    return normalize_ab(torch.from_numpy(np.stack(answers)))
