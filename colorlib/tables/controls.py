"""The static controls beside the networks that decide: text for notebook 07."""

import os
from typing import Any

from colorlib.files import DataError
from colorlib.tables.claims import cards
from colorlib.tables.reading import paired, read_table, row_name

COUNT = 10  # hints
BUDGETS = ("0.9", "0.7", "0.5", "0.3")


def beside_static(table: str | os.PathLike[str]) -> str:
    """PSNR at 10 hints of the static controls of a landed table, and by how much others are above.

    A line a set and budget: the control, then the differences of the network of this budget and
    of the one with a dial set to it, both photo by photo with the 95% interval of the mean; then
    that of the bare variant, of which only the card is there, and so no interval. The last line
    has the crops that each saw since the common start. Raises DataError when the table
    has no control.
    """
    lines = {
        (line["set"], row_name(line)): line for line in read_table(table) if line["hints"] == COUNT
    }
    known = cards()
    heads = ("gated - static", "dial - static")
    texts = [f"{'':22}{'static':>15}{heads[0]:>32}{heads[1]:>32}{'bare - static':>18}"]
    for place in dict.fromkeys(place for place, _ in lines):
        for budget in BUDGETS:
            static = f"static-t-{budget}"
            if (place, static) not in lines:
                continue
            own = lines[place, static]
            text = f"{place + ', budget ' + budget:22}"
            text += f"{own['psnr']:8.2f} ({own['gmac']:.2f} G)"
            for row in (f"acolvit-t-{budget}", f"acolvit-t-any@{budget}"):
                cell = "-"
                if (place, row) in lines:
                    gained = paired(table, place, row, static, COUNT)
                    cell = f"{gained.text()} ({lines[place, row]['gmac']:.2f} G)"
                text += f"{cell:>32}"
            texts.append(text + f"{_bare(known, place, budget, own):>18}")
    if len(texts) == 1:
        raise DataError(f"{table} has no row static-t-BUDGET: measure the controls, too")
    return "\n".join([*texts, _crops(known)])


def _bare(known: dict[str, dict[str, Any]], place: str, budget: str, static: dict[str, Any]) -> str:
    """The bare variant less the control; "-" unless it was measured on as many photos."""
    card = known.get(f"acolvit-t-{budget}-bare", {"measured": {}})
    measured = card["measured"].get(place)
    if measured is None or measured["photos"] != static["photos"]:
        return "-"
    gained = measured["psnr"][str(COUNT)] - static["psnr"]
    # + 0.0 makes -0.00 of a tiny negative number 0.00.
    return f"{round(gained, 2) + 0.0:+.2f} ({measured['gmac'][str(COUNT)]:.2f} G)"


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
