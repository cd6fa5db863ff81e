"""Our table beside the paper's Table 1."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from colorlib.files import DataError
from colorlib.paper import DENSE, PAPER, PAPER_DIFFERENCES
from colorlib.tables.measure import LPIPS_COLUMNS
from colorlib.tables.reading import row_name

PAPER_SETS = {
    "imagenet": "ImageNet ctest10k",
    "oxford102": "Oxford 102 validation",
    "cub200": "CUB-200-2011 test",
}
# Our set -> the one of the paper beside which it stands. Oxford 17 is an older set of flowers.
STANDS_FOR = {
    "imagenet": "imagenet",
    "oxford102": "oxford102",
    "oxford17": "oxford102",
    "cub200": "cub200",
}


def beside_paper(table: Sequence[dict[str, Any]], column: str = "psnr") -> str:
    """Our table (see `read_table`) beside the paper's, as text to print.

    A block a set and a line a row; at each number of hints first ours, then the paper's, both
    with their signed difference to iColoriT-T in the same table; rows on fewer photos than
    others have a star in its place. `column` is "psnr" or one of LPIPS, such as
    "lpips_vgg_icolorit", which is the paper's. Raises DataError for another, which it lacks.
    """
    what = paper_column(column)
    blocks = []
    for place in dict.fromkeys(line["set"] for line in table):
        lines = [line for line in table if line["set"] == place]
        twin = STANDS_FOR.get(place, "")
        size = max(line["photos"] for line in lines)
        counts = sorted({line["hints"] for line in lines})
        ours = {(row_name(line), line["hints"]): line[column] for line in lines}
        theirs: dict[tuple[str, int], float | None] = {
            (model, count): values[what]
            for (at, model, count), values in PAPER.items()
            if at == twin
        }
        gmac = {row_name(line): line["gmac"] for line in lines}
        fewer = {row_name(line) for line in lines if line["photos"] < size}
        head = "".join(f"{f'@{count}: ours':>20}{'paper':>18}" for count in counts)
        beside = f" (paper: {PAPER_SETS[twin]})" if twin else ""
        texts = [f"{column} on {place}, {size:,} photos{beside}", f"{'':18}{'GMAC':>6}{head}"]
        for row, spent in gmac.items():
            cells = "".join(
                f"{_cell(ours, row, count, what, row in fewer):>20}"
                f"{_cell(theirs, row, count, what):>18}"
                for count in counts
            )
            texts.append(f"{row:18}{'' if spent is None else f'{spent:.2f}':>6}{cells}")
        if fewer:
            texts.append("* on fewer photos: colorlib.tables.paired compares on those of both")
        blocks.append("\n".join(texts))
    return "\n\n".join(blocks)


def paper_column(column: str) -> str:
    """What the paper has to set beside our `column`: "psnr" or "lpips".

    Its LPIPS is by VGG, fed [0, 1]. Raises DataError for a column that it does not have.
    """
    if column != "psnr" and column not in LPIPS_COLUMNS:
        raise DataError(
            f"the paper has no {column!r} to stand beside ours: "
            f"the column can be psnr, {', '.join(LPIPS_COLUMNS)}"
        )
    return "psnr" if column == "psnr" else "lpips"


def in_order(rows: Iterable[str]) -> list[str]:
    """As the paper's table has them: the dense network, large budgets first; then our own rows."""
    kinds = (DENSE, "acolvit-t-0", "acolvit-t-any", "static-t-", "no-colour")

    def place(row: str) -> tuple[int, float]:
        kind = next((i for i, name in enumerate(kinds) if row.startswith(name)), len(kinds))
        number = re.search(r"[\d.]+$", row)
        return kind, -float(number[0]) if number else 0.0

    return sorted(rows, key=place)


def wrong_differences() -> dict[tuple[str, str, int, str], tuple[float, float]]:
    """The differences that Table 1 prints and its own values rule out: (printed, recomputed).

    By set, model, number of hints and "psnr" or "lpips". A difference taken before its two
    values were rounded may be off by one in the last digit: such are not listed.
    """
    found = {}
    for (place, model, count), printed in PAPER_DIFFERENCES.items():
        for column, unit in (("psnr", 0.01), ("lpips", 0.001)):
            own, dense = (PAPER[place, name, count][column] for name in (model, DENSE))
            if abs(round((own - dense - printed[column]) / unit)) > 1:
                difference = round(own - dense, 3)
                found[place, model, count, column] = (printed[column], difference)
    return found


def _cell(
    values: dict[tuple[str, int], float | None],
    row: str,
    count: int,
    what: str,
    fewer: bool = False,
) -> str:
    """The value and, but for the dense network, its signed difference to that."""
    value, dense = values.get((row, count)), values.get((DENSE, count))
    if value is None:
        return "-"
    digits = 2 if what == "psnr" else 3
    text = f"{value:.{digits}f}"
    if fewer:
        return f"{text} *"
    if row == DENSE or dense is None:
        return text
    # + 0.0 makes +0.00 of what rounds to -0.00.
    return f"{text} ({round(value - dense, digits) + 0.0:+.{digits}f})"
