"""Table 1: the quality of every model on every set of photos, beside what the paper prints.

    colorlib table1 --data DATASETS --out table1.csv

Writes OUT (a line for each set, model and number of hints; the columns are `COLUMNS`), beside it
OUT with .json (how it was made, of what, and what was left out) and .npz (the numbers of each
photo). What is done is kept in the folder OUT with .parts; the same command goes on. To use two
processes, give each some of the sets (--sets) and an OUT of its own.

`make_table` measures, `read_table` and `per_photo` read what it wrote, `beside_paper` compares,
and `paired` is the difference of two rows photo by photo, with its uncertainty.
"""

import argparse
import hashlib
import itertools
import json
import math
import os
import platform
import re
import shlex
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from scipy.stats import t as students_t
from torch import Tensor
from tqdm.auto import tqdm

from colorlib import __version__, checkpoints
from colorlib.color import denormalize_ab, normalize_ab
from colorlib.evaluate import Evaluation, HintedPhotos
from colorlib.files import (
    ColorlibError,
    PhotoError,
    atomic_write,
    commit,
    data_dir,
    one_line_errors,
    sha256,
    write_text,
)
from colorlib.hints import Hints, evaluation_hints, read_icolorit
from colorlib.levin import colorize
from colorlib.metrics import (
    NETWORKS,
    Lpips,
    colorfulness,
    delta_e,
    standard_error,
    why_not_lpips,
)
from colorlib.model import ATTENTION, FFN, Costs, macs
from colorlib.paper import DENSE, PAPER, PAPER_DIFFERENCES
from colorlib.photos import Photo, PhotoSet, cub200, imagenet, open_photo, oxford102

# Column -> network and input range of LPIPS.
LPIPS_COLUMNS = {
    "lpips_alex": ("alex", "lpips"),
    "lpips_alex_icolorit": ("alex", "icolorit"),
    "lpips_vgg": ("vgg", "lpips"),
    "lpips_vgg_icolorit": ("vgg", "icolorit"),
}
METRICS = ("psnr", *LPIPS_COLUMNS, "delta_e", "colorfulness")
SHARES = ("gmac", "kept_attention", "kept_ffn")
COLUMNS = (
    *("set", "model", "budget", "hints", "photos"),
    *SHARES,
    *(column for metric in METRICS for column in (metric, f"{metric}_se")),
    *("hint_source", "note"),
)
# Digits after the point of the means and their standard errors; 4 of the others.
DIGITS = {"psnr": 3, "delta_e": 3, "colorfulness": 3}
PROTOCOL = (
    "Photos squashed to the network's side (bilinear, antialiased), hints of 2 x 2 pixels with "
    "the photo's own colours, the photo's lightness with the predicted ab, in 8 bits. PSNR: dB "
    "of each picture (at most 50), mean over the photos. lpips_NET: fed [-1, 1] as lpips asks; "
    "lpips_NET_icolorit: fed [0, 1], as iColoriT's evaluation. delta_e: mean CIEDE2000. "
    "colorfulness: Hasler and Süsstrunk's M, less that of the true photo. gmac: 1e9 "
    "multiply-adds of what ran. _se: standard error of the mean over the photos."
)
PROTOCOL_NUMBER = 1  # raise it with any change of what is measured: older parts are not used
PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "pillow", "lpips")

Values = dict[str, np.ndarray]  # by column, a number a photo [n]; gates bool [n, depth, 2]


# The rows: networks, each at a budget, and two references.

NO_COLOUR = "no-colour"
LEVIN = "levin-2004"
REFERENCES = (NO_COLOUR, LEVIN)
BUDGETS = (0.9, 0.7, 0.5, 0.3)  # of a network conditioned on a budget: those of the paper's four


def row_name(model: str, budget: float | None) -> str:
    """Return the unique name of a row: the model, or e.g. acolvit-t-any@0.5."""
    return model if budget is None or math.isnan(budget) else f"{model}@{budget:g}"


@dataclass(frozen=True)
class Row:
    """A checkpoint, at a budget if it is conditioned on one, or a reference."""

    model: str
    budget: float | None = None
    path: Path | None = None
    sha256: str | None = None
    side: int | None = None  # of the network's pictures, in pixels

    @property
    def name(self) -> str:
        return row_name(self.model, self.budget)


def rows_of(names: Sequence[str]) -> list[Row]:
    """Return the rows that `names` ask for, in their order.

    A name is that of a shipped checkpoint, a path of one, "no-colour" or "levin-2004"; a network
    conditioned on a budget gets a row for each of `BUDGETS`, or one by NAME@BUDGET. Raises
    ColorlibError for a checkpoint that is not there, a row that comes twice, or a budget where
    there is none to set.
    """
    rows = []
    for name in names:
        if name in REFERENCES:
            rows.append(Row(name))
            continue
        asked, _, budget = name.partition("@")
        path = checkpoints.resolve(asked)
        model = checkpoints.load_model(path)
        if budget and not model.config["budget"]:
            raise ColorlibError(f"{name!r}: {asked} has no budget to set, ask for it without @")
        shares: Sequence[float | None] = BUDGETS if model.config["budget"] else [None]
        if budget:
            shares = [_share(name, budget)]
        rows += [Row(path.stem, share, path, sha256(path), model.img_size) for share in shares]
    for name, times in Counter(row.name for row in rows).items():
        if times > 1:
            raise ColorlibError(f"rows must differ in their names: {name} comes twice")
    return rows


def _share(name: str, budget: str) -> float:
    try:
        share = float(budget)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise ColorlibError(f"{name!r}: the budget after @ must be a number, 0 to 1")
    return share


def _painter(
    row: Row, side: int, device: torch.device
) -> tuple[Callable[[HintedPhotos], Evaluation], Costs | None]:
    """Return what colours photos at `side`, in float64, for `row`, and a network's costs."""
    if row.path is None:
        reference = HintedPhotos.grey if row.model == NO_COLOUR else _levin
        return reference, None
    model = checkpoints.resized(checkpoints.load_model(row.path), side).double().to(device)
    return lambda given: given.run(model, row.budget, batch_size=len(given.photos)), model.costs


def _levin(given: HintedPhotos) -> Evaluation:
    """Colour by Levin et al., from the hints of the network's input."""
    found = []
    for lightness, x in zip(given.lightness, given.inputs, strict=True):
        ab, mask = denormalize_ab(x[1:3]), x[3] > 0
        found.append(colorize(lightness[0].numpy(), ab.numpy(), mask.numpy()))
    return given.painted(normalize_ab(torch.from_numpy(np.stack(found))))


# The sets: the paper's, as they lie below a folder, or the gallery.

GALLERY = "gallery"
# Where below the root a set may lie. Oxford 17 has the layout of Oxford 102.
FOLDERS = {
    "imagenet": ("imagenet", "ILSVRC"),
    "oxford102": ("oxford102",),
    "oxford17": ("oxford17",),
    "cub200": ("cub200", "CUB_200_2011"),
}


def spread(paths: Sequence[Path], count: int | None) -> Sequence[Path]:
    """Return `count` of the photos, evenly spread over the set; all of them for None."""
    if count is None or count >= len(paths):
        return paths
    return [paths[k * len(paths) // count] for k in range(count)]


def find_sets(
    root: Path | None,
    names: Sequence[str] | None = None,
    imagenet_list: Path | None = None,
    grey: bool = False,
) -> tuple[list[PhotoSet], dict[str, str]]:
    """Find the test sets below `root`, or the gallery for None; and why others are not there.

    `names` chooses among them; what is named must be there. `imagenet_list` is the official
    list of ctest10k. Every photo is opened once: those that cannot be are left out, and so are
    grey ones unless `grey`, as by iColoriT: any network colours them near 50 dB. A set's `missing`
    has a line for each photo that is left out, NAME: why. Raises ColorlibError when no set is
    found.
    """
    if root is None:
        paths = tuple(sorted((data_dir() / "photos").glob("*.jpg")))
        return [_usable(PhotoSet(GALLERY, paths, official=len(paths)), grey)], {}
    found, absent = [], {}
    for name in names or FOLDERS:
        try:
            found.append(replace(_open(name, root, imagenet_list), name=name))
        except ColorlibError as error:
            if names:
                raise
            absent[name] = str(error)
    if not found:
        raise ColorlibError(
            f"no test set below {root}: there must be one of the folders {', '.join(FOLDERS)}, "
            f"each in its official layout. {' '.join(absent.values())}"
        )
    return [_usable(photos, grey) for photos in found], absent


def not_measured(sets: Sequence[PhotoSet], absent: Mapping[str, str]) -> list[str]:
    """Return a line for each set that `find_sets` did not find and each photo it left out."""
    return [
        *(f"{name}: not measured: {why}" for name, why in absent.items()),
        *(f"{one.name}: left out: {photo}" for one in sets for photo in one.missing),
    ]


def _open(name: str, root: Path, imagenet_list: Path | None) -> PhotoSet:
    if name not in FOLDERS:
        raise ColorlibError(f"no test set {name!r}: there are {', '.join(FOLDERS)}")
    folder = next((root / part for part in FOLDERS[name] if (root / part).is_dir()), None)
    if folder is None:
        raise ColorlibError(f"there is no folder {root / FOLDERS[name][0]}")
    if name == "imagenet":
        return imagenet(folder, imagenet_list)
    return cub200(folder) if name == "cub200" else oxford102(folder)


def _usable(photos: PhotoSet, grey: bool) -> PhotoSet:
    usable, left_out = [], [f"{one}: missing" for one in photos.missing]
    for path in photos.paths:
        try:
            if open_photo(path).is_grey and not grey:
                left_out.append(f"{path.name}: grey, without colours to compare with")
            else:
                usable.append(path)
        except PhotoError as error:
            left_out.append(f"{path.name}: {str(error).replace(str(path), path.name)}")
    if not usable:
        why = left_out[-1] if left_out else "there are none"
        raise ColorlibError(f"{photos.name}: none of its {len(photos)} photos can be used: {why}")
    return replace(photos, paths=tuple(usable), missing=tuple(left_out))


# Measuring. The same numbers must come out whatever the batch size and, to the printed digit, the
# machine. Sums of floats differ in their last bits with both, and a last bit may turn a gate or an
# 8-bit level. So everything before the 8-bit pictures is in float64: there the sums differ by
# about 1e-15, and a logit or level so near to its threshold does not come up. From the 8-bit
# pictures on each photo is measured by itself.


@dataclass
class Ruler:
    """What all rows of a table are measured with; LPIPS by those networks that are there.

    Hints come from the photo's name, or from iColoriT's files: `hint_files` has a folder
    h2-nCOUNT for each count, with NAME.txt in it for each photo.
    """

    side: int
    hint_files: Path | None = None
    batch_size: int = 8
    bar: bool = False
    cpu: bool = False

    def __post_init__(self) -> None:
        # Apple's GPUs have no float64.
        cuda = torch.cuda.is_available() and not self.cpu
        self.device = torch.device("cuda" if cuda else "cpu")
        self.hint_source = "hash" if self.hint_files is None else "files"
        there = [net for net in NETWORKS if why_not_lpips(net) is None]
        self.lpips = {net: Lpips(net, self.device) for net in there}

    def hints(self, photo: Photo, count: int, *, side: int, ab: Tensor) -> Hints:
        """See `evaluate.HintsOf`. Raises ColorlibError, which names the file, for a bad file."""
        if self.hint_files is None:
            return evaluation_hints(photo, count, side=side, ab=ab)
        return read_icolorit(self._hint_file(photo.name, count), photo, side=side)

    def _hint_file(self, name: str, count: int) -> Path:
        assert self.hint_files is not None
        return self.hint_files / f"h2-n{count}" / f"{name}.txt"

    def measure(
        self, row: Row, paths: Sequence[Path], counts: Sequence[int], title: str = ""
    ) -> dict[int, Values]:
        """Measure `row` on the photos at `paths`, by number of hints.

        All `counts` in one pass, as opening a photo and LPIPS of the truth need no repeating.
        """
        paint, costs = _painter(row, self.side, self.device)
        found: dict[int, list[dict[str, Any]]] = {count: [] for count in counts}
        with tqdm(total=len(paths), desc=title, disable=not self.bar, leave=False) as bar:
            for first in range(0, len(paths), self.batch_size):
                photos = [open_photo(path) for path in paths[first : first + self.batch_size]]
                given = HintedPhotos(photos, counts[0], self.side, self.hints, torch.float64)
                painted = {counts[0]: paint(given)}
                painted |= {count: paint(given.with_hints(count)) for count in counts[1:]}
                # Photo by photo, as LPIPS remembers one truth.
                for index in range(len(photos)):
                    for count, one in painted.items():
                        found[count].append(self._numbers(one, index, costs))
                bar.update(len(photos))
        return {
            count: {key: np.stack([one[key] for one in each]) for key in each[0]}
            for count, each in found.items()
        }

    def _numbers(self, painted: Evaluation, index: int, costs: Costs | None) -> dict[str, Any]:
        picture, truth = painted.pictures[index].numpy(), painted.given.truth[index].numpy()
        result = {
            "psnr": painted.psnr[index].numpy(),
            "delta_e": delta_e(picture, truth),
            "colorfulness": colorfulness(picture) - colorfulness(truth),
        }
        for column, (net, fed) in LPIPS_COLUMNS.items():
            if net in self.lpips:
                result[column] = self.lpips[net](picture, truth, fed)
        if costs is not None:
            gates = painted.gates[index]
            shares = gates.double().mean(dim=0).numpy()
            result["gmac"] = macs(gates, costs).double().numpy() / 1e9
            result["kept_attention"], result["kept_ffn"] = shares[ATTENTION], shares[FFN]
            result["gates"] = gates.numpy()
        return result

    def part(self, place: str, paths: Sequence[Path], row: Row, count: int) -> str:
        """Return a file name that changes whenever anything the numbers depend on changes."""
        # Without colours there is nothing that hints could change.
        hints = 0 if row.model == NO_COLOUR else count
        files = [self._hint_file(path.stem, hints) for path in paths if self.hint_files]
        texts = [file.read_text(encoding="utf-8") for file in files if file.is_file()]
        depends_on: dict[str, Any] = {
            "protocol": PROTOCOL_NUMBER,
            "row": [row.model, row.budget, row.sha256],
            "photos": [(path.name, path.stat().st_size) for path in paths],
            "hints": [hints, texts],
            "side": self.side,
            "lpips": sorted(self.lpips),
        }
        digest = hashlib.sha256(json.dumps(depends_on).encode()).hexdigest()[:16]
        title = re.sub(r"[^\w.@-]", "_", f"{place}-{row.name}-{hints}")
        return f"{title}-{digest}.npz"


def make_table(
    rows: Sequence[Row],
    sets: Sequence[PhotoSet],
    counts: Sequence[int],
    out: Path,
    hint_files: Path | None = None,
    limit: int | None = None,
    levin_photos: int | None = None,
    batch_size: int = 8,
    bar: bool = False,
    cpu: bool = False,
    about: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Measure all `rows` on all `sets` with each of `counts` hints, and write the table.

    `limit`: on how many photos of a set (None: all), `levin_photos`: on how many of these Levin et
    al. are; `about` goes into the JSON beside the rest. All are measured at one side, that of the
    largest network (or 224): PSNR at one side says nothing beside that at another. A network for
    smaller pictures is resized, as when it is shipped. Returns what `read_table` reads.
    """
    side = max((row.side for row in rows if row.side is not None), default=224)
    ruler = Ruler(side, hint_files, batch_size, bar, cpu)
    folder = out.with_suffix(".parts")
    folder.mkdir(exist_ok=True)
    lines, arrays = [], {}
    pairs = list(itertools.product(sets, rows))
    for number, (whole, row) in enumerate(pairs, 1):
        paths = spread(whole.paths, limit)
        paths = spread(paths, levin_photos) if row.model == LEVIN else paths
        files = {count: folder / ruler.part(whole.name, paths, row, count) for count in counts}
        known = {file: _load(file) for file in files.values()}
        todo = {file: count for count, file in files.items() if known[file] is None}
        if todo:
            title = f"[{number}/{len(pairs)}] {whole.name}, {row.name}"
            measured = ruler.measure(row, paths, [*todo.values()], title)
            for file, count in todo.items():
                _save(file, measured[count])
                known[file] = measured[count]
        for count, file in files.items():
            values = known[file]
            assert values is not None
            lines.append(_line(whole, len(paths), row, count, values, ruler))
            start = f"{whole.name}|{row.name}|{count}"
            arrays[f"{start}|photo"] = np.array([path.stem for path in paths])
            for column, numbers in values.items():
                kind = numbers.dtype if column == "gates" else np.float32
                arrays[f"{start}|{column}"] = numbers.astype(kind)
    write_csv(out, pd.DataFrame(lines, columns=COLUMNS))
    _save(out.with_suffix(".npz"), arrays)
    write_about(out.with_suffix(".json"), {**(about or {}), **_about(rows, sets, limit, ruler)})
    return read_table(out)


def _line(
    photos: PhotoSet, used: int, row: Row, count: int, values: Values, ruler: Ruler
) -> dict[str, str | int]:
    line: dict[str, str | int] = {
        "set": photos.name,
        "model": row.model,
        "budget": "" if row.budget is None else f"{row.budget:g}",
        "hints": count,
        "photos": used,
        "hint_source": ruler.hint_source,
    }
    for column in (*SHARES, *METRICS):
        if column in values:
            digits = DIGITS.get(column, 4)
            line[column] = fixed(float(values[column].mean()), digits)
            if column in METRICS:
                line[f"{column}_se"] = fixed(standard_error(values[column]), digits)
    notes = [f"{used} of {len(photos)} photos, evenly spread"] if used < len(photos) else []
    missing = [net for net in NETWORKS if net not in ruler.lpips]
    notes += [f"LPIPS ({net}) not measured: weights missing" for net in missing]
    line["note"] = "; ".join(notes)
    return line


def _about(
    rows: Sequence[Row], sets: Sequence[PhotoSet], limit: int | None, ruler: Ruler
) -> dict[str, Any]:
    return {
        "protocol": PROTOCOL,
        "commit": commit(),
        "checkpoints": {row.model: row.sha256 for row in rows if row.sha256 is not None},
        "sets": {
            one.name: {
                "photos": len(spread(one.paths, limit)),
                "found": len(one),
                "official": one.official,
                "left_out": list(one.missing),
            }
            for one in sets
        },
        "hints": ruler.hint_source,
        "side": ruler.side,
        "device": ruler.device.type,
        "versions": {
            "colorlib": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
    }


# Files.


def fixed(value: float, digits: int, sign: str = "") -> str:
    """Format a number, never as -0.00; "" for NaN. `sign` "+" shows a plus."""
    return "" if math.isnan(value) else f"{float(value):{sign}z.{digits}f}"


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a table whole or not at all, the same bytes on every system."""
    with atomic_write(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")


def write_about(path: Path, content: Mapping[str, Any]) -> None:
    """Write how a table was made, as JSON."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_csv(
    path: str | os.PathLike[str], needed: Collection[str], words: Collection[str]
) -> pd.DataFrame:
    """Read a table; `words` are its columns of text, which may be empty.

    Raises ColorlibError for a file that cannot be read so, or has not all the columns `needed`.
    """
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(words, str), encoding="utf-8")
        absent = set(needed) - set(table.columns)
        if absent:
            raise ValueError(f"it has no column {', '.join(sorted(absent))}")
    except (OSError, ValueError) as error:
        raise ColorlibError(f"cannot read {path} as a table: {error}") from error
    return table.fillna(dict.fromkeys(set(words) & set(table.columns), ""))


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table that `make_table` wrote: its columns, and "row", the unique name of its row.

    NaN where nothing was measured. Raises ColorlibError for a file that is not one.
    """
    needed = {"set", "model", "budget", "hints", "psnr"}
    table = read_csv(path, needed, ("set", "model", "hint_source", "note"))
    pairs = zip(table["model"], table["budget"], strict=True)
    return table.assign(row=[row_name(*pair) for pair in pairs])


def per_photo(path: str | os.PathLike[str], place: str, row: str, hints: int) -> Values:
    """Return the numbers of each photo: "photo" has their names [n], other columns float32 [n].

    `path` is the table's, its numbers lie in the .npz beside it; `place` is a set, `row` the name
    of a row. "gates" is bool [n, depth, 2]. Raises ColorlibError when they are not there.
    """
    source = Path(path).with_suffix(".npz")
    start = f"{place}|{row}|{hints}|"
    try:
        with np.load(source) as content:
            names = [key for key in content if key.startswith(start)]
            found = {key.removeprefix(start): content[key] for key in names}
    except (OSError, ValueError) as error:
        raise ColorlibError(f"cannot read {source}: {error}") from error
    if not found:
        raise ColorlibError(f"{source} has no photos of {row} on {place} with {hints} hints")
    return found


def _save(path: Path, values: Values) -> None:
    with atomic_write(path) as temporary:
        np.savez_compressed(temporary, **values)  # type: ignore[arg-type]


def _load(path: Path) -> Values | None:
    """Return what `_save` wrote; None where there is nothing, or nothing whole."""
    try:
        # Opened here, as numpy leaves a damaged file open.
        with path.open("rb") as file, np.load(file) as content:
            return dict(content)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        return None


# 95% intervals.

LEVEL = 0.95


class Interval(NamedTuple):
    """A number and the ends of its 95% interval; all NaN where there is nothing to measure."""

    value: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval lies on one side of 0, else 0."""
        return int(self.low > 0) - int(self.high < 0)

    def text(self, digits: int = 2) -> str:
        """Return e.g. "+0.31 [+0.12, +0.47]", or "-" for NaN."""
        if math.isnan(self.value):
            return "-"
        value, low, high = (f"{one:+z.{digits}f}" for one in self)
        return f"{value} [{low}, {high}]"


def mean_interval(values: ArrayLike) -> Interval:
    """Return the mean of [n] with the interval of Student's t; NaN ends for a single number."""
    array = np.asarray(values, dtype=np.float64)
    return interval_of_mean(float(array.mean()), standard_error(array), len(array))


def interval_of_mean(mean: float, error: float, photos: int) -> Interval:
    """Return the same from a mean over `photos` and its standard error, as a card has them."""
    if photos < 2:
        return Interval(mean, math.nan, math.nan)
    reach = error * float(students_t.ppf((1 + LEVEL) / 2, photos - 1))
    return Interval(mean, mean - reach, mean + reach)


def paired(
    path: str | os.PathLike[str],
    place: str,
    row: str,
    against: str,
    hints: int,
    column: str = "psnr",
) -> Interval:
    """Return by how much `row` is above `against`: the mean over the photos, and its interval.

    Both are compared photo by photo, on those that both were measured on. Hard photos are hard
    for both, so this interval is far shorter than that of either mean. Raises ColorlibError where
    nothing can be compared.
    """
    one, other = (per_photo(path, place, name, hints) for name in (row, against))
    _, own, others = np.intersect1d(one["photo"], other["photo"], return_indices=True)
    if column not in one or column not in other or not len(own):
        raise ColorlibError(f"{row} and {against} on {place}: {column} is not there for both")
    return mean_interval(one[column][own].astype(np.float64) - other[column][others])


def against_dense(
    path: str | os.PathLike[str], place: str, column: str = "psnr"
) -> dict[tuple[str, int], Interval]:
    """Return each other row with a `column`, `paired` with iColoriT-T, by (row, hints)."""
    table = read_table(path)
    chosen = table[(table["set"] == place) & (table["row"] != DENSE) & table[column].notna()]
    return {
        (row, hints): paired(path, place, row, DENSE, hints, column)
        for row, hints in zip(chosen["row"], chosen["hints"].tolist(), strict=True)
    }


# Beside the paper.

PAPER_SETS = {
    "imagenet": "ImageNet ctest10k",
    "oxford102": "Oxford 102 validation",
    "cub200": "CUB-200-2011 test",
}
# Our set -> the one of the paper beside which it stands. Oxford 17 is an older set of flowers.
STANDS_FOR = {
    "imagenet": "imagenet",
    "oxford102": "oxford102",
    "oxford17": "oxford102",
    "cub200": "cub200",
}


def beside_paper(table: pd.DataFrame, column: str = "psnr") -> pd.DataFrame:
    """Set our table (see `read_table`) beside the paper's: text in each cell, a line a row.

    At each number of hints first ours, then the paper's, both with their difference to iColoriT-T
    in the same table; none for rows on fewer photos than others, which `paired` compares.
    `column`: see `paper_column`.
    """
    what, digits = paper_column(column), 2 if column == "psnr" else 3
    cells = {(one.set, one.row, one.hints): one for one in table.itertuples()}
    ours = {key: getattr(one, column) for key, one in cells.items()}
    theirs = {key: values[what] for key, values in PAPER.items()}
    most = table.groupby("set")["photos"].max()

    def text(values: Mapping[Any, float], place: str, row: str, count: int, compare: bool) -> str:
        value, dense = (values.get((place, one, count), math.nan) for one in (row, DENSE))
        change = fixed(value - dense, digits, "+") if compare and row != DENSE else ""
        return (fixed(value, digits) or "-") + (f" ({change})" if change else "")

    lines = []
    for (place, row), own in table.groupby(["set", "row"], sort=False):
        photos, gmac = int(own["photos"].iloc[0]), float(own["gmac"].iloc[0])
        line = {"set": place, "row": row, "photos": f"{photos:,}", "GMAC": fixed(gmac, 2)}
        for count in sorted(table["hints"].unique().tolist()):
            twin, whole = STANDS_FOR.get(place, ""), photos == most[place]
            line[f"@{count}: ours"] = text(ours, place, row, count, whole)
            line[f"@{count}: paper"] = text(theirs, twin, row, count, True)
        lines.append(line)
    return pd.DataFrame(lines).set_index(["set", "row"])


def paper_column(column: str) -> str:
    """Return what the paper has to set beside our `column`: "psnr" or "lpips".

    Its LPIPS is by VGG, fed [0, 1]. Raises ColorlibError for a column that it does not have.
    """
    if column != "psnr" and column not in LPIPS_COLUMNS:
        raise ColorlibError(
            f"the paper has no {column!r} to stand beside ours: "
            f"the column can be psnr, {', '.join(LPIPS_COLUMNS)}"
        )
    return "psnr" if column == "psnr" else "lpips"


def wrong_differences() -> dict[tuple[str, str, int, str], tuple[float, float]]:
    """Return the differences that Table 1 prints and its own values rule out.

    (printed, recomputed) by set, model, number of hints and "psnr" or "lpips". A difference taken
    before its two values were rounded may be off by one in the last digit: such are not listed.
    """
    found = {}
    for (place, model, count), printed in PAPER_DIFFERENCES.items():
        for column, unit in (("psnr", 0.01), ("lpips", 0.001)):
            own, dense = (PAPER[place, name, count][column] for name in (model, DENSE))
            if abs(round((own - dense - printed[column]) / unit)) > 1:
                difference = round(own - dense, 3)
                found[place, model, count, column] = (printed[column], difference)
    return found


# The command.


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="colorlib table1",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, metavar="ROOT", help="folder of the test sets (none: the gallery)")
    add("--sets", nargs="+", metavar="SET", help="only these of imagenet oxford102 oxford17 cub200")
    add("--imagenet-list", type=Path, metavar="FILE", help="the official list, such as ctest10k")
    add("--grey", action="store_true", help="count grey photos, too (iColoriT leaves them out)")
    add(
        "--models",
        nargs="+",
        metavar="MODEL",
        help="checkpoints by name or path, NAME@BUDGET, no-colour, levin-2004 "
        "(all that are shipped, and both references)",
    )
    add("--hints", nargs="+", type=int, default=[1, 5, 10, 50], metavar="N", help="(1 5 10 50)")
    add("--hint-files", type=Path, metavar="FOLDER", help="iColoriT's positions: h2-nN/NAME.txt")
    add("--out", type=Path, default=Path("table1.csv"), help="(table1.csv)")
    add("--limit", type=int, metavar="N", help="N photos of each set, evenly spread")
    add("--levin-photos", type=int, default=100, metavar="N", help="the same for levin-2004 (100)")
    add("--batch-size", type=int, default=8, metavar="B", help="(8; changes no number)")
    add("--cpu", action="store_true", help="leave a GPU alone")
    add("--quiet", action="store_true", help="no progress bar")
    return parser


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write; 0 on success, 2 with one clear line on bad input."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(arguments)
    table = _run(options, shlex.join(["colorlib", "table1", *arguments]))
    print(beside_paper(table).to_string())
    print(f"\n{options.out}: {len(table)} lines")
    return 0


def check_options(options: argparse.Namespace, *counts: str) -> None:
    """Raise ColorlibError for one of the options `counts` below 1, or an --out that cannot be."""
    for name in counts:
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ColorlibError(f"--{name.replace('_', '-')} is {value}; it must be 1 or more")
    if options.out.suffix != ".csv":
        raise ColorlibError(f"--out {options.out}: the suffix must be .csv, others come beside it")
    if not options.out.parent.is_dir():
        raise ColorlibError(f"cannot write {options.out}: there is no folder {options.out.parent}")


def _run(options: argparse.Namespace, command: str) -> pd.DataFrame:
    check_options(options, "limit", "levin_photos", "batch_size")
    if options.data is None and (options.sets or options.imagenet_list):
        raise ColorlibError("--sets and --imagenet-list choose below --data: give the folder")
    rows = rows_of(options.models or [*checkpoints.available(), *REFERENCES])
    sets, absent = find_sets(options.data, options.sets, options.imagenet_list, options.grey)
    for line in not_measured(sets, absent):
        print(line, file=sys.stderr)
    grey = "counted" if options.grey else "left out"
    return make_table(
        rows,
        sets,
        sorted(set(options.hints)),
        options.out,
        options.hint_files,
        options.limit,
        options.levin_photos,
        options.batch_size,
        not options.quiet,
        options.cpu,
        {"command": command, "absent": absent, "grey_photos": grey},
    )
