"""The panel's work as text: a hints file that loads again exactly, and a cell of Python.

A panel's file is a hints file of colorlib, which `Hints.load` reads, with an entry "panel"
besides: which photo it was, by the hash of its pixels, the model, and the colours asked for.
"""

import hashlib
import json
import os
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from colorlib.files import ColorlibError, read_text
from colorlib.hints import Hints
from colorlib.panel.state import Color, State, points_of
from colorlib.photos import Photo

SIZE = 2  # of a hint, in network pixels
MANY = 40  # hints, beyond which a cell of Python reads them from a file

Code = Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]


class Entry(BaseModel):
    """What a panel's file has besides the hints; `asked`: for each the colour asked for."""

    version: Literal[1] = 1
    sha256: str
    model: str
    budget: Annotated[float, Field(ge=0, le=1)]
    asked: list[tuple[float, float, Code]] = []  # a, b, "#rrggbb"; files of before have none


def digest(photo: Photo) -> str:
    """Return the SHA-256 of size and pixels, which knows a photo again whatever its file is."""
    size = "{}x{}\n".format(*photo.shape).encode()
    return hashlib.sha256(size + photo.rgb.tobytes()).hexdigest()


def made_for_another(path: str | os.PathLike[str], photo: Photo) -> bool:
    """Tell whether a hints file was made for another photo: by its pixels, or else its name."""
    content = json.loads(read_text(path))
    if isinstance(entry := content.get("panel"), dict):
        return entry.get("sha256") != digest(photo)
    return content.get("photo") not in (None, photo.name)


def dump(state: State) -> str:
    """Return the text of a panel's hints file."""
    asked = [(*point.asked.ab, point.asked.hex) for point in state.points]
    entry = Entry(sha256=digest(state.photo), model=state.model, budget=state.budget, asked=asked)
    text = state.scene.hints.to_json(state.photo.name)
    return f'{text.rstrip().removesuffix("}")}, "panel": {entry.model_dump_json()}}}\n'


def load(state: State, text: str, source: str = "the file", fit: bool = False) -> tuple[State, str]:
    """Return `state` with points and model of a panel's or any hints file, and a word about it.

    `fit` puts hints of a photo of another size on this one, by share of height and width. Raises
    ColorlibError for these without `fit`, and for a file that is damaged or no hints file.
    """
    hints = Hints.from_json(text, source)
    shape = state.photo.shape
    if hints.shape != shape and not fit:
        made, has = ("{}x{}".format(*one) for one in (hints.shape, shape))
        raise ColorlibError(
            f"{source} was made for a photo of {made}, and {state.photo.name!r} has {has}: "
            "ask for its hints to be fitted to this photo"
        )
    if hints.size != SIZE:
        raise ColorlibError(f"{source} has hints of size {hints.size}: the panel's are of {SIZE}")
    content = json.loads(text).get("panel")
    try:
        entry = content and Entry.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ", ".join(map(str, first["loc"]))
        reason = f"entry 'panel' is damaged: {where}: {first['msg']}"
        raise ColorlibError(f"{source}: {reason}") from None
    points = points_of(hints.fitted(shape), state.scene.subject)
    if entry and len(entry.asked) == len(points):
        for index, (a, b, code) in enumerate(entry.asked):
            asked = replace(points[index], asked=Color((a, b), code))
            points[index] = asked if hints.shape == shape else state.fitted(asked)
    state = state.with_points(points)
    said = f"{len(points)} hint{'' if len(points) == 1 else 's'} loaded from {source}"
    if entry is None:
        return state, said
    if entry.sha256 != digest(state.photo):
        size = "{} x {} pixels" if hints.shape != shape else "the same size"
        said += f"; they were made for another photo of {size.format(*hints.shape)}"
    if entry.model not in state.models:
        return state, f"{said}; their model {entry.model!r} is not here, {state.model} stays"
    return state.update(model=entry.model, budget=entry.budget), said


def code(state: State, colorizer: str, takes_budget: bool = False) -> str:
    """Return a cell of Python that makes the panel's picture; `colorizer` is an expression."""
    hints, subject = state.hints, state.scene.subject
    made = ["hints = colorlib.Hints.empty(photo.shape)"]
    if len(hints) > MANY:
        made = [f'hints = colorlib.Hints.load("{subject.stem}-hints.json")  # saved from the panel']
    elif len(hints):
        made = ["hints = colorlib.Hints("]
        made += [f"    rows={hints.rows.tolist()},", f"    cols={hints.cols.tolist()},"]
        # The shortest digits that are these float32 again.
        made += ["    ab=[", *(f"        ({a!s}, {b!s})," for a, b in hints.ab), "    ],"]
        made += ["    shape=photo.shape,", ")"]
    budget = f", budget={state.budget:g}" if takes_budget else ""
    lines = ["import colorlib", "", f"photo = {subject.code}", *made]
    lines += [f"result = {colorizer}(photo, hints{budget})"]
    lines += [f'result.save("{subject.stem}-coloured.png")', ""]
    return "\n".join(lines)
