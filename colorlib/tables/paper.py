"""Table 1 of the A-ColViT paper as it is printed, and ours beside it."""

from collections.abc import Sequence
from typing import Any

DENSE = "icolorit-t"
COUNTS = (1, 5, 10, 50)

# GMAC (the paper: "GFLOPs"), then PSNR / LPIPS at 1, 5, 10 and 50 hints. LPIPS is by VGG, fed
# [0, 1]: our column lpips_vgg_icolorit. Slips are left as they are printed: iColoriT-T's LPIPS
# on CUB at 5 hints, .010, must be .100, as the difference printed beside T-0.9's .096 is -.004.
_PRINTED = """
imagenet   icolorit-t    1.43  25.69/.113  27.79/.093  28.82/.085  31.08/.068
imagenet   acolvit-t-0.9 1.32  25.83/.111  27.93/.091  28.96/.083  31.23/.067
imagenet   acolvit-t-0.7 1.07  25.77/.111  27.86/.092  28.90/.083  31.16/.067
imagenet   acolvit-t-0.5 0.79  25.66/.114  27.75/.094  28.76/.086  31.00/.069
imagenet   acolvit-t-0.3 0.46  25.34/.120  27.42/.098  28.43/.090  30.67/.072
oxford102  icolorit-t    1.43  20.31/.213  23.31/.151  24.67/.130  27.30/.095
oxford102  acolvit-t-0.9 1.32  20.49/.205  23.53/.145  24.89/.124  27.50/.091
oxford102  acolvit-t-0.7 1.09  20.44/.208  23.44/.148  24.80/.126  27.40/.093
oxford102  acolvit-t-0.5 0.86  20.31/.213  23.28/.151  24.64/.129  27.24/.095
oxford102  acolvit-t-0.3 0.49  20.06/.225  22.87/.162  24.19/.139  26.80/.103
cub200     icolorit-t    1.43  26.64/.121  28.74/.010  29.60/.090  31.60/.073
cub200     acolvit-t-0.9 1.32  26.77/.118  28.86/.096  29.71/.088  31.74/.071
cub200     acolvit-t-0.7 1.07  26.72/.120  28.80/.097  29.66/.089  31.67/.072
cub200     acolvit-t-0.5 0.79  26.62/.121  28.68/.099  29.52/.090  31.50/.074
cub200     acolvit-t-0.3 0.46  26.30/.129  28.40/.103  29.23/.094  31.17/.078
"""

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


def _parsed() -> dict[tuple[str, str, int], dict[str, float]]:
    table = {}
    for line in _PRINTED.split("\n")[1:-1]:
        place, model, gmac, *cells = line.split()
        for count, cell in zip(COUNTS, cells, strict=True):
            psnr, lpips = map(float, cell.split("/"))
            table[place, model, count] = {"gmac": float(gmac), "psnr": psnr, "lpips": lpips}
    return table


# (set, model, hints) -> {"gmac", "psnr", "lpips"}
PAPER = _parsed()


def beside_paper(table: Sequence[dict[str, Any]], column: str = "psnr") -> str:
    """Our table (see `read_table`) beside the paper's, as text to print.

    A block a set and a line a row; at each number of hints first ours, then the paper's, both
    with their signed difference to iColoriT-T in the same table; rows on fewer photos than
    others have a star in its place. `column` is "psnr" or one of LPIPS, such as
    "lpips_vgg_icolorit", which is the paper's.
    """
    what = "psnr" if column == "psnr" else "lpips"
    blocks = []
    for place in dict.fromkeys(line["set"] for line in table):
        lines = [line for line in table if line["set"] == place]
        twin = STANDS_FOR.get(place, "")
        size = max(line["photos"] for line in lines)
        counts = sorted({line["hints"] for line in lines})
        ours = {(_row(line), line["hints"]): line[column] for line in lines}
        theirs: dict[tuple[str, int], float | None] = {
            (model, count): values[what]
            for (at, model, count), values in PAPER.items()
            if at == twin
        }
        gmac = {_row(line): line["gmac"] for line in lines}
        fewer = {_row(line) for line in lines if line["photos"] < size}
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


def _row(line: dict[str, Any]) -> str:
    return line["model"] if line["budget"] is None else f"{line['model']}@{line['budget']:g}"


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
    return text if row == DENSE or dense is None else f"{text} ({value - dense:+.{digits}f})"
