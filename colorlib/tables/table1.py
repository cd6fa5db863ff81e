"""`colorlib table1`: Table 1 of the paper, measured.

    colorlib table1 --data DATASETS --out table1.csv
    torchrun --nproc_per_node 2 -m colorlib.tables table1 --data DATASETS --out table1.csv --cpu

Writes OUT (a line for each set, model and number of hints; the columns are `COLUMNS`), beside it
OUT with .json (how it was made, of what, and what was left out) and .npz (the numbers of each
photo). Cells that are done are kept in the folder OUT with .parts; the same command goes on.
"""

import argparse
import platform
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from colorlib import __version__, checkpoints
from colorlib.files import ColorlibError, ConfigError, DataError, commit
from colorlib.metrics import standard_error
from colorlib.tables import parts
from colorlib.tables.measure import METRICS, SHARES, HintSource, Ruler, Values
from colorlib.tables.paper import beside_paper
from colorlib.tables.parts import Cell
from colorlib.tables.reading import read_table
from colorlib.tables.rows import LEVIN, REFERENCES, Row, common_side, rows_of
from colorlib.tables.sets import TestSet, find_sets, not_measured
from colorlib.tables.writing import write_about, write_lines

# Digits behind the point, and with each mean but the shares its standard error over the photos.
DIGITS = {"gmac": 4, "psnr": 3, "delta_e": 3, "colorfulness": 3}
OTHER_DIGITS = 4
COLUMNS = (
    *("set", "model", "budget", "hints", "photos"),
    *SHARES,
    *(column for metric in METRICS for column in (metric, f"{metric}_se")),
    *("hint_source", "note"),
)
PROTOCOL = (
    "Photos squashed to the network's side (bilinear, antialiased), hints of 2 x 2 pixels with "
    "the photo's own colours, the photo's lightness with the predicted ab, in 8 bits. PSNR: dB "
    "of each picture (at most 50), mean over the photos. lpips_NET: fed [-1, 1] as lpips asks; "
    "lpips_NET_icolorit: fed [0, 1], as iColoriT's evaluation. delta_e: mean CIEDE2000. "
    "colorfulness: Hasler and Süsstrunk's M, less that of the true photo. gmac: 1e9 "
    "multiply-adds of what ran. _se: standard error of the mean over the photos."
)
PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "pillow", "lpips")


def make_table(
    rows: Sequence[Row],
    sets: Sequence[TestSet],
    counts: Sequence[int],
    out: Path,
    hints: HintSource | None = None,
    levin_photos: int | None = None,
    batch_size: int = 8,
    bar: bool = False,
    about: dict[str, Any] | None = None,
) -> list[dict[str, str]]:
    """Measure all `rows` on all `sets` with each of `counts` hints, and write the table.

    `levin_photos`: on how many photos of a set Levin et al. are measured (None: all); `about`
    goes into the JSON beside the rest. Returns the lines of the CSV, the same in all processes.
    """
    ruler = Ruler(common_side(rows), hints or HintSource(), batch_size, bar)
    cells = [
        Cell(photos.spread(levin_photos if row.model == LEVIN else None), row, count)
        for photos in sets
        for row in rows
        for count in counts
    ]
    if not cells:
        raise ConfigError("a table needs at least one model, one set and one number of hints")
    measured = _measure_all(cells, ruler, out.with_suffix(".parts"))
    lines = [_line(cell, measured[cell], ruler) for cell in cells]
    if PartialState().is_main_process:
        write_lines(out, COLUMNS, lines)
        _write_photos(out.with_suffix(".npz"), measured)
        _write_about(out.with_suffix(".json"), rows, sets, ruler, about or {})
    PartialState().wait_for_everyone()
    return lines


def _measure_all(cells: Sequence[Cell], ruler: Ruler, folder: Path) -> dict[Cell, Values]:
    state = PartialState()
    done: list[dict[str, Values]] = [{}]
    names = {cell: cell.file_name(ruler) for cell in cells}
    if state.is_main_process:
        if not folder.parent.is_dir():
            raise DataError(f"cannot write {folder}: there is no folder {folder.parent}")
        folder.mkdir(exist_ok=True)
        found = {name: parts.load(folder / name) for name in names.values()}
        done = [{name: values for name, values in found.items() if values is not None}]
    # All must measure the same cells, and other machines may not see this one's folder.
    measured: dict[str, Values] = broadcast_object_list(done)[0]
    todo: dict[tuple[TestSet, Row], dict[str, Cell]] = {}
    for cell, name in names.items():
        if name not in measured:
            todo.setdefault((cell.photos, cell.row), {})[name] = cell
    for number, ((photos, row), wanted) in enumerate(todo.items(), 1):
        title = f"[{number}/{len(todo)}] {photos.name}, {row.label}"
        counts = [cell.hints for cell in wanted.values()]
        answers = ruler.measure(row, photos.paths, counts, title)
        for name, cell in wanted.items():
            measured[name] = answers[cell.hints]
            if state.is_main_process:
                parts.save(folder / name, measured[name])
    return {cell: measured[name] for cell, name in names.items()}


def _line(cell: Cell, values: Values, ruler: Ruler) -> dict[str, str]:
    count, whole = len(cell.photos.paths), cell.photos.found
    line = dict.fromkeys(COLUMNS, "")
    line |= {
        "set": cell.photos.name,
        "model": cell.row.model,
        "budget": "" if cell.row.budget is None else f"{cell.row.budget:g}",
        "hints": str(cell.hints),
        "photos": str(count),
        "hint_source": ruler.hints.name,
    }
    for column in (*SHARES, *METRICS):
        if column in values:
            digits = DIGITS.get(column, OTHER_DIGITS)
            line[column] = _number(float(values[column].mean()), digits)
            if column in METRICS:
                line[f"{column}_se"] = _number(standard_error(values[column]), digits)
    notes = [f"{count} of {whole} photos, evenly spread"] if count < whole else []
    notes += [f"LPIPS ({net}) not measured: weights missing" for net in ruler.missing]
    line["note"] = "; ".join(notes)
    return line


def _number(value: float, digits: int) -> str:
    """Empty for NaN, which is the standard error of one photo."""
    # + 0.0 makes -0.000 of a tiny negative number 0.000.
    return "" if np.isnan(value) else f"{round(value, digits) + 0.0:.{digits}f}"


def _write_photos(path: Path, measured: dict[Cell, Values]) -> None:
    """`SET|ROW|HINTS|COLUMN`: a number a photo, float32, or gates; |photo are the names."""
    arrays = {}
    for cell, values in measured.items():
        start = f"{cell.photos.name}|{cell.row.label}|{cell.hints}"
        arrays[f"{start}|photo"] = np.array([one.stem for one in cell.photos.paths])
        for column, numbers in values.items():
            kind = numbers.dtype if column == "gates" else np.float32
            arrays[f"{start}|{column}"] = numbers.astype(kind)
    parts.save(path, arrays)


def _write_about(
    path: Path,
    rows: Sequence[Row],
    sets: Sequence[TestSet],
    ruler: Ruler,
    about: dict[str, Any],
) -> None:
    content = {
        **about,
        "protocol": PROTOCOL,
        "commit": commit(),
        "checkpoints": {row.model: row.sha256 for row in rows if row.sha256 is not None},
        "sets": {
            one.name: {
                "photos": len(one.paths),
                "found": one.found,
                "official": one.official,
                "left_out": list(one.left_out),
            }
            for one in sets
        },
        "hints": ruler.hints.name,
        "side": ruler.side,
        "device": ruler.device.type,
        "processes": PartialState().num_processes,
        "versions": {
            "colorlib": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
    }
    write_about(path, content)


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write; 0 on success, 2 with one clear line on bad input."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(arguments)
    state = PartialState(cpu=options.cpu)
    try:
        lines = _run(options, shlex.join(["colorlib", "table1", *arguments]))
    except ColorlibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if state.is_main_process:
        print(beside_paper(read_table(options.out)))
        print(f"\n{options.out}: {len(lines)} lines")
    state.destroy_process_group()
    return 0


def _run(options: argparse.Namespace, command: str) -> list[dict[str, str]]:
    for name in ("limit", "levin_photos", "batch_size"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name.replace('_', '-')} is {value}; it must be 1 or more")
    if options.out.suffix != ".csv":
        raise ConfigError(f"--out {options.out}: the suffix must be .csv, others come beside it")
    if options.data is None and (options.sets or options.imagenet_list):
        raise ConfigError("--sets and --imagenet-list choose below --data: give the folder")
    rows = rows_of(options.models or [*checkpoints.available(), *REFERENCES])
    sets, absent = find_sets(options.data, options.sets, options.imagenet_list)
    if PartialState().is_main_process:
        for line in not_measured(sets, absent):
            print(line, file=sys.stderr)
    return make_table(
        rows,
        [one.spread(options.limit) for one in sets],
        sorted(set(options.hints)),
        options.out,
        HintSource(options.hint_files),
        options.levin_photos,
        options.batch_size,
        not options.quiet,
        {"command": command, "absent": absent},
    )
