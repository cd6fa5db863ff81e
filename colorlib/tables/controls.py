"""The static controls beside the networks that decide: text for notebook 07."""

import os
from typing import Any

from colorlib.errors import DataError
from colorlib.tables.claims import cards
from colorlib.tables.reading import paired, read_table, row_name

COUNT = 10  # hints
BUDGETS = ("0.9", "0.7", "0.5", "0.3")


def beside_static(table: str | os.PathLike[str]) -> str:
    """PSNR at 10 hints of the static controls of a landed table, and by how much others are above.

    A line a set and budget: the control, then the differences of the network of this budget and
    of the one with a dial set to it, both over the same photos with the standard error of the
    mean; then that of the bare variant, of which only the card is there, and so no error. The
    last line has the crops that each saw since the common start. Raises DataError when the table
    has no control.
    """
    lines = {
        (line["set"], row_name(line)): line for line in read_table(table) if line["hints"] == COUNT
    }
    known = cards()
    texts = [
        f"{'':22}{'static':>21}{'gated - static':>25}{'dial - static':>25}{'bare - static':>18}"
    ]
    for place in dict.fromkeys(place for place, _ in lines):
        for budget in BUDGETS:
            static = f"static-t-{budget}"
            if (place, static) not in lines:
                continue
            own = lines[place, static]
            text = f"{place + ', budget ' + budget:22}"
            text += f"{_beside(own['psnr'], own['psnr_se'], own['gmac'], ''):>21}"
            for row in (f"acolvit-t-{budget}", f"acolvit-t-any@{budget}"):
                cell = "-"
                if (place, row) in lines:
                    gained = paired(table, place, row, static, COUNT)
                    cell = _beside(*gained, lines[place, row]["gmac"], "+")
                text += f"{cell:>25}"
            texts.append(text + f"{_bare(known, place, budget, own):>18}")
    if len(texts) == 1:
        raise DataError(f"{table} has no row static-t-BUDGET: measure the controls, too")
    return "\n".join([*texts, _crops(known)])


def _beside(psnr: float, error: float | None, gmac: float, sign: str) -> str:
    # + 0.0 makes -0.00 of a tiny negative number 0.00.
    text = f"{round(psnr, 2) + 0.0:{sign}.2f}"
    return f"{text}{'' if error is None else f' ± {error:.2f}'} ({gmac:.2f} G)"


def _bare(known: dict[str, dict[str, Any]], place: str, budget: str, static: dict[str, Any]) -> str:
    """The bare variant less the control; "-" unless it was measured on as many photos."""
    card = known.get(f"acolvit-t-{budget}-bare", {"measured": {}})
    measured = card["measured"].get(place)
    if measured is None or measured["photos"] != static["photos"]:
        return "-"
    gained = measured["psnr"][str(COUNT)] - static["psnr"]
    return _beside(gained, None, measured["gmac"][str(COUNT)], "+")


def _crops(known: dict[str, dict[str, Any]]) -> str:
    names = {
        "static": [f"static-t-{budget}" for budget in BUDGETS],
        "gated": [f"acolvit-t-{budget}" for budget in BUDGETS],
        "dial": ["acolvit-t-any"],
        "bare": [f"acolvit-t-{budget}-bare" for budget in BUDGETS],
    }
    seen = {
        kind: {known[name]["crops_seen"] for name in each if name in known}
        for kind, each in names.items()
    }
    return "crops seen: " + ", ".join(
        f"{kind} {' or '.join(f'{number:,}' for number in sorted(each))}"
        for kind, each in seen.items()
        if each
    )
