"""The block of README.md that shows Table 1: `python -m colorlib.tables readme` writes it.

Nobody types its numbers; a test holds that README has what the landed table says.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colorlib import checkpoints
from colorlib.errors import DataError
from colorlib.files import atomic_write, data_dir
from colorlib.paper import COUNTS, PAPER
from colorlib.tables.paper import PAPER_SETS, STANDS_FOR
from colorlib.tables.reading import read_table, row_name

START, END = "<!-- table 1 -->", "<!-- end of table 1 -->"
OUR_SETS = {
    "imagenet": "ImageNet-like",
    "oxford17": "Oxford 17",
    "oxford102": "Oxford 102",
    "cub200": "CUB-200, a part",
}
SIZES = {"imagenet": "10,000", "oxford102": "1,020", "cub200": "5,794"}


def block(table: Sequence[dict[str, Any]]) -> str:
    """Markdown: the rows of `table` (see `read_table`) that the paper has, GMAC and PSNR beside
    the paper's, ours in front, and what differs in how they were made, a line each."""
    head = ["set", "model", "GMAC", *(f"PSNR@{count}" for count in COUNTS)]
    texts = [_cells(head), _cells(["---"] * 2 + ["---:"] * (1 + len(COUNTS)))]
    own = {(line["set"], row_name(line), line["hints"]): line for line in table}
    own = {key: line for key, line in own.items() if (STANDS_FOR.get(key[0]), *key[1:]) in PAPER}
    for place, row in dict.fromkeys(key[:2] for key in own):
        ours = [own.get((place, row, count), {}) for count in COUNTS]
        theirs = [PAPER[STANDS_FOR[place], row, count] for count in COUNTS]
        spent = next(line["gmac"] for line in ours if line)
        values = [_pair(spent, theirs[0]["gmac"])]
        values += [
            _pair(one.get("psnr"), other["psnr"]) for one, other in zip(ours, theirs, strict=True)
        ]
        texts.append(_cells([OUR_SETS[place], f"`{row}`", *values]))
    sizes = {key[0]: line["photos"] for key, line in own.items()}
    errors = [line["psnr_se"] for line in own.values()]
    return "\n".join([*texts, "", *(f"- {text}" for text in _protocol(sizes, errors))])


def in_readme(text: str, table: Sequence[dict[str, Any]]) -> str:
    """`text` with the block of `table` between its two marks. Raises DataError without them."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise DataError(f"README.md must have the lines {START} and {END}, in this order")
    return f"{before}{START}\n{block(table)}\n{END}{after}"


def main(arguments: Sequence[str] = ()) -> int:
    """Write the block of data/results/table1.csv into README.md beside it; 0 on success."""
    readme = Path(arguments[0]) if arguments else data_dir().parent / "README.md"
    text = in_readme(
        readme.read_text(encoding="utf-8"), read_table(data_dir() / "results" / "table1.csv")
    )
    with atomic_write(readme) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return 0


def _cells(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _pair(ours: float | None, theirs: float) -> str:
    return f"{'-' if ours is None else f'{ours:.2f}'} / {theirs:.2f}"


def _protocol(sizes: dict[str, int], errors: Sequence[float]) -> list[str]:
    photos = ", ".join(
        f"{size:,} of {OUR_SETS[place]} ({PAPER_SETS[STANDS_FOR[place]]}: "
        f"{SIZES[STANDS_FOR[place]]})"
        for place, size in sizes.items()
    )
    card = checkpoints.card("icolorit-t")
    crops = card["crops_seen"] + card.get("crops_seen_before", 0)
    return [
        "Before the stroke are our numbers, behind it the paper's. PSNR is of 8-bit pictures of "
        "224 x 224, in dB, the mean over the photos; a GMAC is 1e9 multiply-adds of what ran "
        "(the paper calls them GFLOPs).",
        f"Photos: {photos}. So the standard errors of our means are {min(errors):.2f} to "
        f"{max(errors):.2f} dB; those of differences between our rows are far smaller "
        "(notebook 05).",
        "Flowers: Oxford 17 is the older, smaller sister of Oxford 102; compare what skipping "
        "costs, not the level.",
        "Hints: ours lie in different cells, drawn by a hash of the photo's name; the paper's are "
        "drawn at random, cells may come twice.",
        f"Training: our dense network saw {crops:,} crops, the paper's 32 million of ImageNet.",
        "LPIPS: the paper's is by VGG, ours by AlexNet where weights were there (notebook 05).",
        "Not in the paper, and in notebook 05: static top-k (the same sub-layers for every photo), "
        "`acolvit-t-any` (one network, its budget an argument), the grey photo, and Levin et al. "
        "2004.",
    ]
