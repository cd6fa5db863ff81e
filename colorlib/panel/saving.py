"""The panel's work as text: a hints file that loads again exactly, and a cell of Python.

A panel's file is a hints file of colorlib, which `Hints.load` reads, with an entry "panel"
besides: which photo it was, by the hash of its pixels, the model, and the points as their user
sees them (a point of three cells is nine hints).
"""

import json
from typing import Any

import numpy as np

from colorlib.files import ColorlibError, HintError
from colorlib.hints import Hints
from colorlib.panel.colors import parse_color
from colorlib.panel.points import SIZE, Point, checked_width, hints_of, points_of
from colorlib.panel.state import State

VERSION = 1
MANY = 40  # hints, beyond which a cell of Python reads them from a file


def dump(state: State) -> str:
    """The text of a panel's hints file."""
    subject = state.scene.subject
    entry = {
        "version": VERSION,
        "sha256": subject.digest,
        "model": state.model,
        "budget": state.budget,
        "points": [
            [p.row, p.column, *p.asked.ab, p.asked.hex, *p.ab, p.width] for p in state.points
        ],
    }
    hints = hints_of(state.points, state.photo.shape)
    text = hints.to_json(state.photo.name).rstrip().removesuffix("}")
    return f'{text}, "panel": {json.dumps(entry)}}}\n'


def load(state: State, text: str, source: str = "the file") -> tuple[State, str]:
    """`state` with the points and the model of a hints file, and a sentence about it.

    Files of `Hints.save` will do as well. Raises HintError for a file that is no hints file,
    is damaged, or was made for a photo of another size.
    """
    hints = Hints.from_json(text, source)
    hints.check_photo(state.photo)
    entry = json.loads(text).get("panel")
    if entry is None:
        if hints.size != SIZE:
            raise HintError(f"{source} has hints of size {hints.size}: the panel's are of {SIZE}")
        loaded = state.with_points(points_of(hints, state.scene.subject))
        return loaded, _said(len(hints), source)
    points = _points(entry, source)
    if hints_of(points, state.photo.shape) != hints:
        raise HintError(f"{source}: its points and its hints are not the same: take another copy")
    loaded = state.with_points(points)
    remarks = []
    if entry["sha256"] != state.scene.subject.digest:
        remarks.append("they were made for another photo of the same size")
    if entry["model"] in state.models:
        loaded = loaded.with_model(entry["model"]).with_budget(entry["budget"])
    else:
        remarks.append(f"their model {entry['model']!r} is not here, {state.model} stays")
    return loaded, _said(len(points), source, *remarks)


def code(state: State, takes_budget: bool = False) -> str:
    """A cell of Python that makes the panel's picture without the panel."""
    hints = state.hints
    name = state.photo.name
    if len(hints) > MANY:
        made = [f'hints = colorlib.Hints.load("{name}-hints.json")  # saved from the panel']
    elif len(hints):
        columns = {"rows": hints.rows.tolist(), "cols": hints.cols.tolist()}
        made = ["hints = colorlib.Hints("]
        made += [f"    {key}={values}," for key, values in columns.items()]
        made += ["    ab=[", *(f"        {_pair(ab)}," for ab in hints.ab), "    ],"]
        made += ["    shape=photo.shape,", ")"]
    else:
        made = ["hints = colorlib.Hints.empty(photo.shape)"]
    budget = f", budget={state.budget:g}" if takes_budget else ""
    lines = [
        "import colorlib",
        "",
        f"photo = {state.scene.subject.code}",
        *made,
        f'result = colorlib.Colorizer("{state.model}")(photo, hints{budget})',
        f'result.save("{name}-coloured.png")',
    ]
    return "\n".join(lines) + "\n"


def _pair(ab: np.ndarray) -> str:
    # The shortest digits that are this float32 again.
    return f"({ab[0]!s}, {ab[1]!s})"


def _said(count: int, source: str, *remarks: str) -> str:
    loaded = f"{count} hint{'' if count == 1 else 's'} loaded from {source}"
    return "; ".join([loaded, *remarks])


def _points(entry: Any, source: str) -> list[Point]:
    if not isinstance(entry, dict) or entry.get("version") != VERSION:
        raise HintError(f"{source} was saved by another panel: this one reads version {VERSION}")
    wanted = {"sha256": str, "model": str, "budget": int | float, "points": list}
    for key, kind in wanted.items():
        if not isinstance(entry.get(key), kind):
            raise HintError(f"{source}: its panel entry has no {key}")
    points = []
    for number, values in enumerate(entry["points"], 1):
        try:
            row, column, want_a, want_b, code, a, b, width = values
            asked = parse_color(code)._replace(a=float(want_a), b=float(want_b))
            point = Point("", row, column, asked, (float(a), float(b)), checked_width(width))
        except (ColorlibError, TypeError, ValueError) as error:
            raise HintError(f"{source}, point {number}: {error}") from error
        points.append(point)
    return points
