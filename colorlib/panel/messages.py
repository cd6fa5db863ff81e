"""What the page and the kernel say to each other, as plain values.

A message of the page is {"do": name, "view": which page, "n": its number, ...}. What it may do
with the State is here; HintPanel knows the rest (uploads, saving, what is in view).
"""

from cmath import rect as polar
from collections.abc import Mapping, Sequence
from math import radians
from typing import Any

import torch
from skimage.color import deltaE_ciede2000
from torch import Tensor

from colorlib.color import nearest_in_gamut
from colorlib.files import ConfigError
from colorlib.panel.models import Answer
from colorlib.panel.painting import ab_at
from colorlib.panel.points import Point, Subject, as_row, hexes, seen
from colorlib.panel.state import State

Message = Mapping[str, Any]


def act(state: State, message: Message) -> State:
    """Do with a state what a page asks. Raises ColorlibError for what cannot be done."""
    id, gesture = message.get("id"), message.get("gesture")
    match message:
        case {"do": "add", "row": row, "column": column}:
            return state.add(row, column, id=id, gesture=gesture)
        case {"do": "move", "row": row, "column": column}:
            return state.move(str(id), row, column, gesture)
        case {"do": "remove"}:
            return state.remove(str(id))
        case {"do": "clear"}:
            return state.clear()
        case {"do": "undo"}:
            return state.undo()
        case {"do": "redo"}:
            return state.redo()
        case {"do": "paper", "count": count, "seed": seed}:
            return state.paper(count, seed)
        case {"do": "width", "width": width} if id is not None:
            return state.widen(id, width, gesture)
        case {"do": "width", "width": width}:
            return state.update(width=width)
        case {"do": "color", "color": color}:
            state = state.update(color=color)
        case {"do": "color", "a": a, "b": b}:
            state = state.update(color=state.color_here(a, b))
        case {"do": "pick", "row": row, "column": column}:
            state = state.pick(row, column)
        case {"do": "set", "settings": settings}:
            return state.update(**settings)
        case _:
            raise ConfigError(f"the page asked for {dict(message)!r}, which cannot be done")
    # The new colour goes to the chosen hint as well.
    return state if id is None else state.recolor(id, state.color, gesture)


def page_state(state: State) -> dict[str, Any]:
    """Return what the page shows of a State."""
    subject, reference = state.scene.subject, state.reference
    here = state.color_here(*state.color.ab)
    return {
        "photo": {
            "key": subject.number,
            "name": state.photo.name,
            **_size(state.photo.shape),
            "grey": subject.is_grey,
        },
        "points": [
            {
                "id": point.id,
                "row": point.row,
                "column": point.column,
                "hex": color,
                "asked": point.asked.hex,
                "width": point.width,
            }
            for point, color in zip(state.points, seen(subject, state.points), strict=True)
        ],
        "shown": state.shown,
        "color": {"hex": state.color.hex, "here": here.hex, "at": here.ab},
        "lightness": round(state.lightness),
        "recent": [color.hex for color in state.recent],
        "width": state.width,
        "model": state.model,
        "models": list(state.models),
        "budget": state.budget,
        "compare": state.compare,
        "other_model": state.other_model,
        "undo": len(state.past),
        "redo": len(state.future),
        "seed": state.seed,
        "reference": reference and _size(reference.photo.shape),
    }


def report(state: State, answer: Answer) -> dict[str, Any]:
    """Return what the page tells of an answer."""
    subject = state.scene.subject
    return {
        "photo": subject.number,
        "gates": answer.gates.int().tolist(),
        "kept": answer.kept,
        "gmac": answer.macs / 1e9,
        "milliseconds": answer.milliseconds,
        "psnr": answer.psnr,
        "hints": _hints(subject, state.points_in_use, answer.ab),
        "suggestions": _suggestions(state, answer.ab),
    }


def summary(state: State, answer: Answer) -> str:
    """Return a line about an answer, for pictures of it."""
    count = len(state.hints)
    quality = "" if answer.psnr is None else f", {answer.psnr:.1f} dB"
    hints = f"{count} hint{'' if count == 1 else 's'}"
    layers = f"{answer.kept} of {answer.gates.numel()} layers"
    return f"{state.photo.name}, {hints}, {answer.model}: {layers}{quality}"


def _hints(subject: Subject, points: Sequence[Point], ab: Tensor) -> list[dict[str, Any]]:
    """Return for each point what was asked for, what came out at its pixel, and the ΔE between.

    ΔE is CIEDE2000, of the colour given to the network and the answer's, both as they can be
    shown at the point's lightness.
    """
    if not points:
        return []
    pixels = [(point.row, point.column) for point in points]
    L, centres = subject.lightness_row(pixels), torch.tensor(pixels).T[:, None] + 0.5
    both = torch.stack((as_row([p.ab for p in points]), ab_at(ab, subject.photo.shape, *centres)))
    shown = [nearest_in_gamut(L, one) for one in both]
    given, came = (torch.cat((L, one)).permute(1, 2, 0).double().numpy()[0] for one in shown)
    found = zip(points, hexes(L, shown[1]), deltaE_ciede2000(given, came), strict=True)
    return [
        {"id": point.id, "asked": point.asked.hex, "obtained": obtained, "delta_e": float(delta)}
        for point, obtained, delta in found
    ]


def _suggestions(state: State, ab: Tensor) -> list[dict[str, Any]]:
    """Return colours for where the picker looks: the model's own, at turned hues, and grey.

    Each exists at the lightness there. Empty where the picker looks nowhere yet.
    """
    if state.pixel is None:
        return []
    y, x = (torch.full((1, 1), at + 0.5) for at in state.pixel)
    own = complex(*ab_at(ab, state.photo.shape, y, x).flatten().tolist())
    # Where the model sees hardly any colour, the turned ones should still be colours.
    full = own * max(1.0, 30.0 / max(abs(own), 1.0))
    turned = {f"{turn:+d}°": full * polar(1.0, radians(turn)) for turn in (-90, -45, 45, 90)}
    wanted = {"model": own, **turned, "grey": 0j}
    L = torch.full((1, 1, len(wanted)), state.lightness)
    nearest = nearest_in_gamut(L, as_row([(one.real, one.imag) for one in wanted.values()]))
    found = zip(wanted, nearest[:, 0].T.tolist(), hexes(L, nearest), strict=True)
    return [{"name": name, "a": a, "b": b, "hex": color} for name, (a, b), color in found]


def _size(shape: tuple[int, int]) -> dict[str, int]:
    return {"height": shape[0], "width": shape[1]}
