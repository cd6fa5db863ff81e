"""The cells of a table: a row on a set at each number of hints, photo by photo.

The same numbers must come out whatever the batch size, the number of processes and, to the
printed digit, the machine. Sums of floats differ in their last bits with all of these, and a
last bit may turn a gate or an 8-bit level. So everything before the 8-bit pictures is in
float64: there the sums differ by about 1e-15, and a logit or level so near to its threshold
does not come up. From the 8-bit pictures on each photo is measured by itself.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from torch import Tensor
from tqdm.auto import tqdm

from colorlib.evaluate import Evaluation, HintedPhotos
from colorlib.hints import Hints, evaluation_hints, read_icolorit
from colorlib.metrics import Lpips, colorfulness, delta_e, psnr, why_not_lpips
from colorlib.metrics.perceptual import INPUT_RANGES, NETWORKS
from colorlib.model import ATTENTION, FFN
from colorlib.photos import Photo, open_photo
from colorlib.tables.rows import Painter, Row, painter
from colorlib.tables.sets import shared

# Column of a table -> network and input range of LPIPS.
LPIPS_COLUMNS = {
    f"lpips_{net}" + ("" if fed == "lpips" else f"_{fed}"): (net, fed)
    for net in NETWORKS
    for fed in ("lpips", *(name for name in INPUT_RANGES if name != "lpips"))
}
METRICS = ("psnr", *LPIPS_COLUMNS, "delta_e", "colorfulness")
SHARES = ("gmac", "kept_attention", "kept_ffn")

Values = dict[str, np.ndarray]  # by column, a number a photo [n]; gates bool [n, depth, 2]


@dataclass(frozen=True)
class HintSource:
    """Where hints come from: the photo's name (`evaluation_hints`), or iColoriT's files.

    `folder` has a folder h2-nCOUNT for each count, with NAME.txt in it for each photo.
    """

    folder: Path | None = None

    @property
    def name(self) -> str:
        """ "hash" or "files", as it stands in a table."""
        return "hash" if self.folder is None else "files"

    def __call__(self, photo: Photo, count: int, *, side: int, ab: Tensor) -> Hints:
        """See `evaluate.HintsOf`. Raises HintError, which names the file, for a bad file."""
        if self.folder is None:
            return evaluation_hints(photo, count, side=side, ab=ab)
        return read_icolorit(self._file(photo.name, count), photo, side=side)

    def fingerprint(self, names: Sequence[str], count: int) -> str:
        """Another one for other hints of the photos `names`."""
        if self.folder is None:
            return self.name
        digest = hashlib.sha256()
        for path in (self._file(name, count) for name in names):
            digest.update(path.read_bytes() if path.is_file() else b"none")
        return digest.hexdigest()

    def _file(self, name: str, count: int) -> Path:
        assert self.folder is not None
        return self.folder / f"h2-n{count}" / f"{name}.txt"


@dataclass
class Ruler:
    """What measures, the same for all cells of a table; `missing` says why LPIPS is not."""

    side: int
    hints: HintSource
    batch_size: int = 8
    bar: bool = False
    missing: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        state = PartialState()
        # Apple's GPUs have no float64.
        self.device = torch.device("cpu") if state.device.type == "mps" else state.device
        self.bar = self.bar and state.is_main_process
        reasons = {net: why_not_lpips(net) for net in NETWORKS}
        self.missing = {net: why for net, why in reasons.items() if why is not None}
        self.lpips = {net: Lpips(net, self.device) for net in NETWORKS if net not in self.missing}

    def measure(
        self, row: Row, paths: Sequence[Path], counts: Sequence[int], title: str = ""
    ) -> dict[int, Values]:
        """`row` on the photos at `paths`, by number of hints; the same in all processes.

        All `counts` in one pass, as opening a photo and LPIPS of the truth need no repeating.
        """
        paint = painter(row, self.side, self.device)

        def work(own: Sequence[Path]) -> list[dict[int, dict[str, Any]]]:
            found = []
            with tqdm(total=len(own), desc=title, disable=not self.bar, leave=False) as bar:
                for first in range(0, len(own), self.batch_size):
                    photos = [open_photo(path) for path in own[first : first + self.batch_size]]
                    found += self._measured(paint, photos, counts)
                    bar.update(len(photos))
            return found

        each = shared(paths, work)
        return {
            count: {key: np.stack([one[count][key] for one in each]) for key in each[0][count]}
            for count in counts
        }

    def _measured(
        self, paint: Painter, photos: list[Photo], counts: Sequence[int]
    ) -> list[dict[int, dict[str, Any]]]:
        """Of each photo, by number of hints: its numbers."""
        first, *others = counts
        given = HintedPhotos(photos, first, self.side, self.hints, torch.float64)
        painted = {first: paint(given)}
        painted |= {count: paint(given.with_hints(count)) for count in others}
        # Photo by photo, as LPIPS remembers one truth.
        return [
            {count: self._numbers(*answer, truth, index) for count, answer in painted.items()}
            for index, truth in enumerate(given.truth.numpy())
        ]

    def _numbers(
        self, painted: Evaluation, macs: Tensor | None, truth: np.ndarray, index: int
    ) -> dict[str, Any]:
        """Of the picture at `index`."""
        found = self._compared(painted.pictures[index].numpy(), truth)
        if macs is not None:
            gates = painted.gates[index]
            shares = gates.double().mean(dim=0)
            found["gmac"] = float(macs[index]) / 1e9
            found["kept_attention"] = float(shares[ATTENTION])
            found["kept_ffn"] = float(shares[FFN])
            found["gates"] = gates.numpy()
        return found

    def _compared(self, picture: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
        result = {
            "psnr": psnr(picture, truth),
            "delta_e": delta_e(picture, truth),
            "colorfulness": colorfulness(picture) - colorfulness(truth),
        }
        for column, (net, fed) in LPIPS_COLUMNS.items():
            if net in self.lpips:
                result[column] = self.lpips[net](picture, truth, fed)
        return result
