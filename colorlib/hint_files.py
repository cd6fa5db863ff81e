"""Hints as text: colorlib's JSON, and the files of positions that iColoriT evaluates with.

Parsing gives plain values; `colorlib.hints` makes Hints of them.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from colorlib.errors import HintError
from colorlib.files import atomic_write
from colorlib.hint_cells import grid_side

FORMAT = "colorlib-hints"
VERSION = 1


def dump_json(
    rows: np.ndarray,
    cols: np.ndarray,
    ab: np.ndarray,
    shape: tuple[int, int],
    size: int,
    photo: str | None,
) -> str:
    """The text of a hints file, one hint a line; `parse_json` gives the same numbers back."""
    head: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    if photo is not None:
        head["photo"] = photo
    head |= {"shape": list(shape), "size": size}
    entries = [
        {"row": row, "col": col, "a": a, "b": b}
        for row, col, (a, b) in zip(rows.tolist(), cols.tolist(), ab.tolist(), strict=True)
    ]
    lines = ",\n".join(f"  {json.dumps(entry)}" for entry in entries)
    opening = json.dumps(head, ensure_ascii=False)[:-1]
    return f'{opening}, "hints": [\n{lines}\n]}}\n' if entries else f'{opening}, "hints": []}}\n'


def parse_json(text: str, source: str) -> dict[str, Any]:
    """The arguments of Hints from a hints file's text; `source` names it in a HintError."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise HintError(f"{source}, line {error.lineno}: no JSON ({error.msg})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise HintError(f'{source} is not a hints file: it has no "format": "{FORMAT}"')
    if content.get("version") != VERSION:
        raise HintError(
            f"{source} has version {content.get('version')!r}, and this colorlib reads {VERSION}"
        )
    entries, shape, size = (content.get(key) for key in ("hints", "shape", "size"))
    if not isinstance(entries, list):
        raise HintError(f'{source} has no list "hints"')
    if not isinstance(shape, list) or not isinstance(size, int):
        raise HintError(f'{source} needs "shape": [height, width] and "size": pixels')
    for number, entry in enumerate(entries, 1):
        _check_entry(entry, f"{source}, hint {number} of {len(entries)}")
    return {
        "rows": [entry["row"] for entry in entries],
        "cols": [entry["col"] for entry in entries],
        "ab": [(entry["a"], entry["b"]) for entry in entries],
        "shape": tuple(shape),
        "size": size,
    }


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a hints file; HintError when it cannot be read or is no text."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise HintError(f"cannot read hints from {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise HintError(f"{path} is not a text file, and so no hints") from error


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` whole or not at all, with the same line ends on every system."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def parse_positions(text: str, source: str, size: int, side: int) -> np.ndarray:
    """Cells int64 [n, 2] of iColoriT's text: a line "row column" a hint, multiples of `size`.

    The files are drawn with replacement; a cell that comes again is kept once.
    """
    cells: dict[tuple[int, int], None] = {}
    grid_side(side, size)
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        where = f"{source}, line {number}: {line.strip()!r}"
        if len(words) != 2 or not all(word.isdecimal() for word in words):
            raise HintError(f'{where} is not "row column", two whole numbers')
        row, column = int(words[0]), int(words[1])
        if max(row, column) >= side:
            raise HintError(f"{where} is off the {side} x {side} pixels of the network")
        if row % size or column % size:
            raise HintError(f"{where} is no multiple of the hints' size, {size}")
        cells[row // size, column // size] = None
    return np.array(list(cells), dtype=np.int64).reshape(-1, 2)


def dump_positions(cells: np.ndarray, size: int) -> str:
    """iColoriT's text of cells [n, 2]: each cell's top left pixel in the network's input."""
    return "".join(f"{row} {column}\n" for row, column in (cells * size).tolist())


def _check_entry(entry: object, where: str) -> None:
    keys = ("row", "col", "a", "b")
    if not isinstance(entry, dict) or not all(
        isinstance(entry.get(key), int | float) and not isinstance(entry.get(key), bool)
        for key in keys
    ):
        raise HintError(f"{where}: {json.dumps(entry)} needs the numbers row, col, a and b")
