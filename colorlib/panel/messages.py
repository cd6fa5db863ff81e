"""What the page and the kernel say to each other, as plain values.

A message of the page is {"do": name, "view": which page, "n": its number, ...}. Those that are
actions on the State are here; HintPanel knows the others (uploads, saving, what is in view).
"""

from collections.abc import Callable, Mapping
from typing import Any

from colorlib.panel.answers import Answer, reports, seen, suggestions
from colorlib.panel.state import State

Message = Mapping[str, Any]


def _color(state: State, message: Message) -> State:
    """A colour from the hex field, the picker or a swatch; it goes to the chosen hint as well."""
    if "hex" in message:
        chosen = state.with_color(message["hex"])
    else:
        chosen = state.with_ab(message["a"], message["b"])
    if message.get("id") is None:
        return chosen
    return state.recolor(message["id"], chosen.color, message.get("gesture"))


def _pick(state: State, message: Message) -> State:
    chosen = state.pick(message["row"], message["column"])
    if message.get("id") is None:
        return chosen
    return state.recolor(message["id"], chosen.color)


def _width(state: State, message: Message) -> State:
    if message.get("id") is None:
        return state.with_width(message["width"])
    return state.widen(message["id"], message["width"], message.get("gesture"))


ACTIONS: dict[str, Callable[[State, Message], State]] = {
    "add": lambda s, m: s.add(m["row"], m["column"], id=m["id"], gesture=m.get("gesture")),
    "move": lambda s, m: s.move(m["id"], m["row"], m["column"], m.get("gesture")),
    "remove": lambda s, m: s.remove(m["id"]),
    "clear": lambda s, m: s.clear(),
    "undo": lambda s, m: s.undo(),
    "redo": lambda s, m: s.redo(),
    "look": lambda s, m: s.look(m["row"], m["column"]),
    "color": _color,
    "pick": _pick,
    "width": _width,
    "model": lambda s, m: s.with_model(m["name"]),
    "budget": lambda s, m: s.with_budget(m["budget"]),
    "compare": lambda s, m: s.with_compare(m["compare"], m.get("model")),
    "paper": lambda s, m: s.paper(m["count"], m["seed"]),
    "show": lambda s, m: s.show(m["count"]),
}


def page_state(state: State) -> dict[str, Any]:
    """What the page shows of a State: plain values."""
    subject = state.scene.subject
    given = seen(subject, state.points)
    here, reference = state.color_here(*state.color.ab), state.reference
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
                "a": point.ab[0],
                "b": point.ab[1],
                "width": point.width,
            }
            for point, color in zip(state.points, given, strict=True)
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


def report(state: State, answer: Answer, other: Answer | None) -> dict[str, Any]:
    """What the page tells of an answer: plain values. Times are the network's alone."""
    preview, subject = answer.preview, state.scene.subject
    points = state.points[: state.shown]
    told = {
        "photo": subject.number,
        "model": preview.model,
        "gates": preview.gates.int().tolist(),
        "kept": preview.kept,
        "gmac": preview.macs / 1e9,
        "milliseconds": preview.milliseconds,
        "psnr": answer.psnr,
        "hints": reports(subject, points, answer.ab),
        "suggestions": suggestions(state, answer.ab),
        "other": None,
    }
    if other is not None:
        told["other"] = {
            "model": other.preview.model,
            "kept": other.preview.kept,
            "gmac": other.preview.macs / 1e9,
            "psnr": other.psnr,
        }
    return told


def summary(state: State, answer: Answer) -> str:
    """A line about an answer, for pictures of it."""
    preview, count = answer.preview, len(state.hints)
    quality = "" if answer.psnr is None else f", {answer.psnr:.1f} dB"
    hints = f"{count} hint{'' if count == 1 else 's'}"
    layers = f"{preview.kept} of {preview.gates.numel()} layers"
    return f"{state.photo.name}, {hints}, {preview.model}: {layers}{quality}"


def _size(shape: tuple[int, int]) -> dict[str, int]:
    return {"height": shape[0], "width": shape[1]}
