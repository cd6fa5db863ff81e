"""The panel's work as text: a hints file that loads again exactly, and a cell of Python.

A panel's file is a hints file of colorlib, which `Hints.load` reads, with an entry "panel"
besides: which photo it was, by the hash of its pixels, the model, and the points as their user
sees them (a point of three cells is nine hints).
"""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from colorlib.files import HintError
from colorlib.hints import Hints
from colorlib.panel.points import SIZE, WIDEST, Color, Point, hints_of, points_of
from colorlib.panel.state import State

MANY = 40  # hints, beyond which a cell of Python reads them from a file

Code = Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]
Width = Annotated[int, Field(ge=1, le=WIDEST)]


class Entry(BaseModel):
    """What a panel's file has besides the hints.

    Of each point row and column; the colour asked for, as a, b and "#rrggbb"; the colour given
    to the network, as a and b; and its width in cells.
    """

    version: Literal[1] = 1
    sha256: str
    model: str
    budget: Annotated[float, Field(ge=0, le=1)]
    points: list[tuple[int, int, float, float, Code, float, float, Width]]


def dump(state: State) -> str:
    """Return the text of a panel's hints file."""
    entry = Entry(
        sha256=state.scene.subject.digest,
        model=state.model,
        budget=state.budget,
        points=[(p.row, p.column, *p.asked.ab, p.asked.hex, *p.ab, p.width) for p in state.points],
    )
    hints = hints_of(state.points, state.photo.shape)
    text = hints.to_json(state.photo.name).rstrip().removesuffix("}")
    return f'{text}, "panel": {entry.model_dump_json()}}}\n'


def load(state: State, text: str, source: str = "the file") -> tuple[State, str]:
    """Return `state` with the points and the model of a hints file, and a sentence about it.

    Files of `Hints.save` will do as well. Raises HintError for a file that is no hints file,
    is damaged, or was made for a photo of another size.
    """
    hints = Hints.from_json(text, source)
    hints.check_photo(state.photo)
    content = json.loads(text).get("panel")
    if content is None:
        if hints.size != SIZE:
            raise HintError(f"{source} has hints of size {hints.size}: the panel's are of {SIZE}")
        points = points_of(hints, state.scene.subject)
        return state.with_points(points), _said(points, source)
    try:
        entry = Entry.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ", ".join(str(key) for key in first["loc"])
        raise HintError(f"{source} has a damaged entry 'panel': {where}: {first['msg']}") from None
    points = [
        Point("", row, column, Color((asked_a, asked_b), code), (a, b), width)
        for row, column, asked_a, asked_b, code, a, b, width in entry.points
    ]
    if hints_of(points, state.photo.shape) != hints:
        raise HintError(f"{source}: its points and its hints are not the same: take another copy")
    loaded = state.with_points(points)
    remarks = []
    if entry.sha256 != state.scene.subject.digest:
        remarks.append("they were made for another photo of the same size")
    if entry.model in state.models:
        loaded = loaded.update(model=entry.model, budget=entry.budget)
    else:
        remarks.append(f"their model {entry.model!r} is not here, {state.model} stays")
    return loaded, _said(points, source, *remarks)


def code(state: State, colorizer: str, takes_budget: bool = False) -> str:
    """Return a cell of Python that makes the panel's picture without the panel.

    `colorizer` is the expression of the Colorizer.
    """
    hints, subject = state.hints, state.scene.subject
    if len(hints) > MANY:
        made = [f'hints = colorlib.Hints.load("{subject.stem}-hints.json")  # saved from the panel']
    elif len(hints):
        made = ["hints = colorlib.Hints("]
        made += [f"    rows={hints.rows.tolist()},", f"    cols={hints.cols.tolist()},"]
        # The shortest digits that are these float32 again.
        made += ["    ab=[", *(f"        ({a!s}, {b!s})," for a, b in hints.ab), "    ],"]
        made += ["    shape=photo.shape,", ")"]
    else:
        made = ["hints = colorlib.Hints.empty(photo.shape)"]
    budget = f", budget={state.budget:g}" if takes_budget else ""
    lines = [
        "import colorlib",
        "",
        f"photo = {subject.code}",
        *made,
        f"result = {colorizer}(photo, hints{budget})",
        f'result.save("{subject.stem}-coloured.png")',
    ]
    return "\n".join(lines) + "\n"


def _said(points: list[Point], source: str, *remarks: str) -> str:
    loaded = f"{len(points)} hint{'' if len(points) == 1 else 's'} loaded from {source}"
    return "; ".join([loaded, *remarks])
