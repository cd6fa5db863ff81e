"""Table 1: the quality of every model on every set of photos, beside what the paper prints.

    colorlib table1 --data DATASETS --out table1.csv

Writes OUT (a line for each set, model and number of hints; the columns are `COLUMNS`), beside it
OUT with .json (how it was made, of what, and what was left out) and .npz (the numbers of each
photo). What is done is kept in the folder OUT with .parts; the same command goes on. To use two
processes, give each some of the sets (--sets) and an OUT of its own.
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
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.lib.npyio import NpzFile
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
    read_text,
    sha256,
    write_text,
)
from colorlib.hints import Hints, evaluation_hints, read_icolorit
from colorlib.levin import colorize
from colorlib.metrics import NETWORKS, Lpips, colorfulness, delta_e, standard_error, why_not_lpips
from colorlib.model import ATTENTION, FFN, ColViT, macs
from colorlib.paper import DENSE, PAPER
from colorlib.photos import Photo, PhotoSet, cub200, imagenet, open_photo, oxford102

# Column -> network and input range of LPIPS: VGG's as the paper, AlexNet's as package lpips asks.
LPIPS_COLUMNS = {"lpips_vgg": ("vgg", "icolorit"), "lpips_alex": ("alex", "lpips")}
METRICS = ("psnr", *LPIPS_COLUMNS, "delta_e", "colorfulness")
COLUMNS = (
    *("set", "model", "budget", "hints", "photos", "gmac", "kept_attention", "kept_ffn"),
    *(column for metric in METRICS for column in (metric, f"{metric}_se")),
    *("hint_source", "note"),
)
# Digits after the point.
DIGITS = {c: 4 if c.startswith(("lpips", "gmac", "kept")) else 3 for c in COLUMNS[5:-2]}
# What the paper has to set beside a column of ours, and the digits that both are shown with.
PAPER_COLUMNS = {"psnr": ("psnr", 2), "lpips_vgg": ("lpips", 3)}
PROTOCOL = (
    "Photos squashed to the network's side (bilinear, antialiased), hints of 2 x 2 pixels with "
    "the photo's own colours, the photo's lightness with the predicted ab, in 8 bits. PSNR: dB "
    "of each picture (at most 50), mean over the photos. lpips_vgg: VGG16 fed [0, 1], as "
    "iColoriT's evaluation; lpips_alex: AlexNet fed [-1, 1], as lpips asks. delta_e: mean "
    "CIEDE2000. colorfulness: Hasler and Süsstrunk's M, less that of the true photo. gmac: 1e9 "
    "multiply-adds of what ran. _se: standard error of the mean over the photos."
)
PROTOCOL_NUMBER = 2  # raise it with any change of what is measured: older parts are not used
PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "pillow", "lpips")

Values = dict[str, np.ndarray]  # by column, a number a photo [n]; gates bool [n, depth, 2]


# The rows: networks, each at a budget, and two references.

NO_COLOUR = "no-colour"
LEVIN = "levin-2004"
REFERENCES = (NO_COLOUR, LEVIN)
BUDGETS = (0.7, 0.5, 0.3)  # of a network conditioned on a budget


def row_name(model: str, budget: float | None) -> str:
    """Return the unique name of a row: the model, or e.g. acolvit-t-any@0.5."""
    return model if budget is None or math.isnan(budget) else f"{model}@{budget:g}"


@dataclass(frozen=True, eq=False)
class Row:
    """A checkpoint, at a budget if it is conditioned on one, or a reference without a network."""

    model: str
    budget: float | None = None
    network: ColViT | None = None
    sha256: str | None = None

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
        network = checkpoints.load_model(path)
        shares: Sequence[float | None] = BUDGETS if network.config["budget"] else [None]
        if budget:
            share = float(pd.to_numeric(budget, errors="coerce"))  # NaN for what is no number
            if not network.config["budget"]:
                raise ColorlibError(f"{name!r}: {asked} has no budget to set, ask for it without @")
            if not 0 <= share <= 1:
                raise ColorlibError(f"{name!r}: the budget after @ must be a number, 0 to 1")
            shares = [share]
        rows += [Row(path.stem, share, network, sha256(path)) for share in shares]
    for name, times in Counter(row.name for row in rows).items():
        if times > 1:
            raise ColorlibError(f"rows must differ in their names: {name} comes twice")
    return rows


def common_side(rows: Sequence[Row]) -> int:
    """Return the side at which all rows are measured: that of the largest network, or 224.

    PSNR at one side says nothing beside that at another, so a network for smaller pictures is
    resized, as when it is shipped.
    """
    return max((row.network.img_size for row in rows if row.network is not None), default=224)


# The sets: the paper's, as they lie below a folder, or the gallery.

# How a set's layout is read, and where below the root it may lie.
LAYOUTS: dict[str, tuple[Any, ...]] = {
    "imagenet": (imagenet, "imagenet", "ILSVRC"),
    "oxford102": (oxford102, "oxford102"),
    "cub200": (cub200, "cub200", "CUB_200_2011"),
}


def spread(photos: Sequence[Any], count: int | None) -> Sequence[Any]:
    """Return `count` of the photos, evenly spread over the set; all of them for None."""
    if count is None or count >= len(photos):
        return photos
    return [photos[k * len(photos) // count] for k in range(count)]


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
        return [_usable(PhotoSet("gallery", paths), grey)], {}
    found, absent = [], {}
    for name in names or LAYOUTS:
        if name not in LAYOUTS:
            raise ColorlibError(f"no test set {name!r}: there are {', '.join(LAYOUTS)}")
        layout, *folders = LAYOUTS[name]
        there = [root / folder for folder in folders if (root / folder).is_dir()]
        options = [imagenet_list] if name == "imagenet" else []
        try:
            found.append(replace(layout((there or [root / name])[0], *options), name=name))
        except ColorlibError as error:
            if names:
                raise
            absent[name] = str(error)
    if not found:
        raise ColorlibError(
            f"no test set below {root}: there must be one of the folders {', '.join(LAYOUTS)}, "
            f"each in its official layout. {' '.join(absent.values())}"
        )
    return [_usable(photos, grey) for photos in found], absent


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

    LPIPS takes most of the time, so `lpips_photos` says on how many photos of a row it is measured
    (None: all); of the others it is NaN. Hints come from the photo's name, or from iColoriT's
    files: `hint_files` has a folder h2-nCOUNT for each count, with NAME.txt for each photo.
    """

    side: int
    hint_files: Path | None = None
    lpips_photos: int | None = None
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
        """Return a photo's hints. Raises ColorlibError, which names the file, for a bad file."""
        if self.hint_files is None:
            return evaluation_hints(photo, count, side=side, ab=ab)
        return read_icolorit(self._hint_file(photo.name, count), photo, side=side)

    def _hint_file(self, name: str, count: int) -> Path:
        assert self.hint_files is not None
        return self.hint_files / f"h2-n{count}" / f"{name}.txt"

    def measure(self, row: Row, paths: Sequence[Path], count: int, title: str = "") -> Values:
        """Measure `row` on the photos at `paths`, with `count` hints each."""
        model, found = row.network, []
        looked_at = set(spread(paths, self.lpips_photos))
        if model is not None:
            model = checkpoints.resized(model, self.side).double().to(self.device)
        with tqdm(total=len(paths), desc=title, disable=not self.bar, leave=False) as bar:
            for first in range(0, len(paths), self.batch_size):
                photos = [open_photo(path) for path in paths[first : first + self.batch_size]]
                given = HintedPhotos(photos, count, self.side, self.hints, torch.float64)
                looked = [path in looked_at for path in paths[first : first + self.batch_size]]
                found.append(self._numbers(_painted(row, model, given), model, looked))
                bar.update(len(photos))
        return {column: np.concatenate([one[column] for one in found]) for column in found[0]}

    def _numbers(
        self, painted: Evaluation, model: ColViT | None, looked_at: Sequence[bool]
    ) -> Values:
        pairs = [*zip(painted.pictures.numpy(), painted.given.truth.numpy(), strict=True)]
        found = {
            "psnr": painted.psnr.numpy(),
            "delta_e": np.array([delta_e(*pair) for pair in pairs]),
            "colorfulness": np.array([colorfulness(a) - colorfulness(b) for a, b in pairs]),
        }
        for column, (net, fed) in LPIPS_COLUMNS.items():
            if net in self.lpips:
                both = zip(pairs, looked_at, strict=True)
                distances = [self.lpips[net](*pair, fed) if one else math.nan for pair, one in both]
                found[column] = np.array(distances)
        if model is not None:
            shares = painted.gates.double().mean(dim=1).numpy()
            found["gmac"] = macs(painted.gates, model.costs).double().numpy() / 1e9
            found["kept_attention"], found["kept_ffn"] = shares[:, ATTENTION], shares[:, FFN]
            found["gates"] = painted.gates.numpy()
        return found

    def part(self, place: str, paths: Sequence[Path], row: Row, count: int) -> str:
        """Return a file name that changes whenever anything the numbers depend on changes."""
        depends_on = (
            *(PROTOCOL_NUMBER, row.budget, row.sha256, self.side, sorted(self.lpips)),
            self.lpips_photos,
            [(path.name, path.stat().st_size) for path in paths],
            [read_text(self._hint_file(path.stem, count)) for path in paths if self.hint_files],
        )
        digest = hashlib.sha256(repr(depends_on).encode()).hexdigest()[:16]
        title = re.sub(r"[^\w.@-]", "_", f"{place}-{row.name}-{count}")
        return f"{title}-{digest}.npz"


def _painted(row: Row, model: ColViT | None, given: HintedPhotos) -> Evaluation:
    """Colour photos by a row's network, not at all, or by Levin et al. from X's hints."""
    if model is not None:
        return given.run(model, row.budget, batch_size=len(given.photos))
    if row.model == NO_COLOUR:
        return given.grey()
    found = []
    for lightness, x in zip(given.lightness, given.inputs, strict=True):
        ab, mask = denormalize_ab(x[1:3]), x[3] > 0
        found.append(colorize(lightness[0].numpy(), ab.numpy(), mask.numpy()))
    return given.painted(normalize_ab(torch.from_numpy(np.stack(found))))


def make_table(
    rows: Sequence[Row],
    sets: Sequence[PhotoSet],
    counts: Sequence[int],
    out: Path,
    limit: int | None = None,
    levin_photos: int | None = None,
    about: Mapping[str, Any] | None = None,
    **ruler_options: Any,
) -> pd.DataFrame:
    """Measure all `rows` on all `sets` with each of `counts` hints, and write the table.

    `limit`: on how many photos of a set (None: all), `levin_photos`: on how many of these Levin et
    al. are; `about` goes into the JSON beside the rest, `ruler_options` are `Ruler`'s. Returns what
    `read_table` reads.
    """
    ruler = Ruler(common_side(rows), **ruler_options)
    missing = [net for net in NETWORKS if net not in ruler.lpips]
    folder = out.with_suffix(".parts")
    folder.mkdir(exist_ok=True)
    lines, arrays = [], {}
    jobs = list(itertools.product(sets, rows, counts))
    for number, (whole, row, count) in enumerate(jobs, 1):
        paths = spread(whole.paths, limit)
        paths = spread(paths, levin_photos) if row.model == LEVIN else paths
        part = folder / ruler.part(whole.name, paths, row, count)
        if not part.is_file():
            title = f"[{number}/{len(jobs)}] {whole.name}, {row.name}, {count} hints"
            _save(part, ruler.measure(row, paths, count, title))
        with np.load(part) as content:
            found = dict(content)
        start = f"{whole.name}|{row.name}|{count}"
        arrays[f"{start}|photo"] = np.array([path.stem for path in paths])
        for column, values in found.items():
            kind = values.dtype if column == "gates" else np.float32
            arrays[f"{start}|{column}"] = values.astype(kind)
        found = {c: values[~np.isnan(values)] for c, values in found.items() if c != "gates"}
        told = {"": len(paths)} | {f" for {c}": len(found[c]) for c in LPIPS_COLUMNS if c in found}
        notes = [
            f"{size} of {len(whole)} photos{what}, evenly spread"
            for what, size in told.items()
            if size < (len(paths) if what else len(whole))
        ]
        notes += [f"LPIPS ({net}) not measured: weights missing" for net in missing]
        lines.append(
            {
                "set": whole.name,
                "model": row.model,
                "budget": row.budget,
                "hints": count,
                "photos": len(paths),
                **{column: values.mean() for column, values in found.items()},
                **{f"{column}_se": standard_error(values) for column, values in found.items()},
                "hint_source": ruler.hint_source,
                "note": "; ".join(notes),
            }
        )
    how = {
        **(about or {}),
        "protocol": PROTOCOL,
        "commit": commit(),
        "checkpoints": {row.model: row.sha256 for row in rows if row.sha256 is not None},
        "sets": {
            one.name: {
                "photos": len(spread(one.paths, limit)),
                "found": len(one),
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
    _save(out.with_suffix(".npz"), arrays)
    write_csv(out, pd.DataFrame(lines, columns=COLUMNS), DIGITS, how)
    return read_table(out)


# Files.


def fixed(value: float, digits: int, sign: str = "") -> str:
    """Format a number, never as -0.00; "" for NaN. `sign` "+" shows a plus."""
    return "" if math.isnan(value) else f"{float(value):{sign}z.{digits}f}"


def write_csv(
    path: Path,
    frame: pd.DataFrame,
    digits: Mapping[str, int],
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write a table whole or not at all, the same bytes on every system.

    `digits` after the point of the columns that have some. `about`, how it was made, goes beside it
    as JSON.
    """
    texts = {
        column: [fixed(value, count) for value in frame[column].astype(float)]
        for column, count in digits.items()
    }
    with atomic_write(path) as temporary:
        frame.assign(**texts).to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
    if about is not None:
        text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
        write_text(path.with_suffix(".json"), text)


def read_csv(
    path: str | os.PathLike[str], needed: Collection[str], words: Collection[str]
) -> pd.DataFrame:
    """Read a table; `words` are its columns of text, which may be empty.

    Raises ColorlibError for a file that cannot be read so, or has not all the columns `needed`.
    """
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(words, str), encoding="utf-8")
        table[[*needed]]  # a KeyError names those that are absent
    except (OSError, ValueError, KeyError) as error:
        raise ColorlibError(f"cannot read {path} as a table: {error}") from error
    return table.fillna(dict.fromkeys(words, ""))


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table that `make_table` wrote: its columns, and "row", the unique name of its row.

    NaN where nothing was measured. Raises ColorlibError for a file that is not one.
    """
    needed = {"set", "model", "budget", "hints", "psnr"}
    table = read_csv(path, needed, ("set", "model", "hint_source", "note"))
    return table.assign(row=[*map(row_name, table["model"], table["budget"])])


def per_photo(path: str | os.PathLike[str], place: str, row: str, hints: int) -> Values:
    """Return the numbers of each photo: "photo" has their names [n], other columns float32 [n].

    `path` is the table's, its numbers lie in the .npz beside it; `place` is a set, `row` the name
    of a row. "gates" is bool [n, depth, 2]. Raises ColorlibError when they are not there.
    """
    start = f"{place}|{row}|{hints}|"
    with _photos_beside(path) as content:
        found = {key.removeprefix(start): content[key] for key in content if key.startswith(start)}
    if not found:
        raise ColorlibError(f"{path} has no photos of {row} on {place} with {hints} hints")
    return found


def _photos_beside(path: str | os.PathLike[str]) -> NpzFile:
    source = Path(path).with_suffix(".npz")
    try:
        return np.load(source)
    except (OSError, ValueError) as error:
        raise ColorlibError(f"cannot read {source}: {error}") from error


def _save(path: Path, values: Values) -> None:
    with atomic_write(path) as temporary:
        np.savez_compressed(temporary, **values)  # type: ignore[arg-type]


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
    reach = error * float(students_t.ppf((1 + LEVEL) / 2, photos - 1))
    return Interval(mean, mean - reach, mean + reach)


def paired(
    path: str | os.PathLike[str], place: str, against: str = DENSE, column: str = "psnr"
) -> dict[tuple[str, int], Interval]:
    """Return by how much each other row of a set is above `against`, by (row, hints).

    The mean over the photos and its interval. Rows are compared photo by photo, on those that both
    were measured on. Hard photos are hard for both, so this interval is far shorter than that of
    either mean. Rows without `column` are left out. `path` and `place`: see `per_photo`.
    """
    values = {}
    with _photos_beside(path) as content:
        for key in content:
            dataset, row, hints, what = key.split("|")
            if (dataset, what) == (place, column):
                photos = content[f"{dataset}|{row}|{hints}|photo"]
                values[row, int(hints)] = pd.Series(content[key].astype(np.float64), photos)
    return {
        (row, hints): mean_interval((own - values[against, hints]).dropna())
        for (row, hints), own in values.items()
        if row != against and (against, hints) in values
    }


# Beside the paper.


def beside_paper(table: pd.DataFrame, column: str = "psnr") -> pd.DataFrame:
    """Set our table (see `read_table`) beside the paper's: text in each cell, a line a row.

    At each number of hints first ours, then the paper's, both with their difference to iColoriT-T
    in the same table; none for rows on fewer photos than others, which `paired` compares.
    `column` is one of `PAPER_COLUMNS`.
    """
    what, digits = PAPER_COLUMNS[column]
    ours = table.set_index(["set", "row", "hints"])[column].to_dict()
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
            whole = photos == most[place]
            line[f"@{count}: ours"] = text(ours, place, row, count, whole)
            line[f"@{count}: paper"] = text(theirs, place, row, count, True)
        lines.append(line)
    return pd.DataFrame(lines).set_index(["set", "row"])


# The command.


def command_parser(name: str, about: str | None) -> argparse.ArgumentParser:
    """Return a parser of `colorlib NAME` with the options of every table's command."""
    parser = argparse.ArgumentParser(
        prog=f"colorlib {name}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path(f"{name}.csv"), help=f"({name}.csv)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def read_options(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None, *counts: str
) -> argparse.Namespace:
    """Read a command line, which is kept as its `command`.

    Raises ColorlibError for one of the options `counts` below 1, or an --out that cannot be.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(arguments)
    options.command = shlex.join([*parser.prog.split(), *arguments])
    for name in counts:
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ColorlibError(f"--{name.replace('_', '-')} is {value}; it must be 1 or more")
    if options.out.suffix != ".csv":
        raise ColorlibError(f"--out {options.out}: the suffix must be .csv, others come beside it")
    if not options.out.parent.is_dir():
        raise ColorlibError(f"cannot write {options.out}: there is no folder {options.out.parent}")
    return options


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write; 0 on success, 2 with one clear line on bad input."""
    parser = command_parser("table1", __doc__)
    add = parser.add_argument
    add("--data", type=Path, metavar="ROOT", help="folder of the test sets (none: the gallery)")
    add("--sets", nargs="+", metavar="SET", help="only these of imagenet oxford102 cub200")
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
    add("--limit", type=int, metavar="N", help="N photos of each set, evenly spread")
    add("--levin-photos", type=int, default=100, metavar="N", help="the same for levin-2004 (100)")
    add("--lpips-photos", type=int, metavar="N", help="N photos of a row for LPIPS (all)")
    add("--batch-size", type=int, default=8, metavar="B", help="(8; changes no number)")
    add("--cpu", action="store_true", help="leave a GPU alone")
    options = read_options(parser, arguments, "limit", "levin_photos", "lpips_photos", "batch_size")
    if options.data is None and (options.sets or options.imagenet_list):
        raise ColorlibError("--sets and --imagenet-list choose below --data: give the folder")
    rows = rows_of(options.models or [*checkpoints.available(), *REFERENCES])
    most = (common_side(rows) // 2) ** 2  # before the photos are opened, which may take minutes
    for count in options.hints:
        if not 0 <= count <= most:
            raise ColorlibError(f"--hints {count}: a photo has {most:,} cells for hints")
    sets, absent = find_sets(options.data, options.sets, options.imagenet_list, options.grey)
    for name, why in absent.items():
        print(f"{name}: not measured: {why}", file=sys.stderr)
    for found in sets:
        for photo in found.missing:
            print(f"{found.name}: left out: {photo}", file=sys.stderr)
    grey = "counted" if options.grey else "left out"
    table = make_table(
        rows,
        sets,
        sorted(set(options.hints)),
        options.out,
        options.limit,
        options.levin_photos,
        {"command": options.command, "absent": absent, "grey_photos": grey},
        hint_files=options.hint_files,
        lpips_photos=options.lpips_photos,
        batch_size=options.batch_size,
        bar=not options.quiet,
        cpu=options.cpu,
    )
    print(beside_paper(table).to_string())
    print(f"\n{options.out}: {len(table)} lines")
    return 0
