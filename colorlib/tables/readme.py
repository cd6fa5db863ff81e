"""Table 1 as README.md shows it (see `colorlib.readme`)."""

from collections.abc import Sequence
from typing import Any

from colorlib import checkpoints
from colorlib.paper import COUNTS, DENSE, PAPER
from colorlib.tables.paper import PAPER_SETS, STANDS_FOR
from colorlib.tables.reading import row_name

OUR_SETS = {
    "imagenet": "ImageNet-like",
    "oxford17": "Oxford 17",
    "oxford102": "Oxford 102",
    "cub200": "CUB-200, a part",
}
# LPIPS as iColoriT feeds it, by AlexNet: VGG's weights, the paper's, are not everywhere.
LPIPS, LPIPS_COUNT = "lpips_alex_icolorit", 10
SIZES = {"imagenet": "10,000", "oxford102": "1,020", "cub200": "5,794"}


def block(table: Sequence[dict[str, Any]]) -> str:
    """Markdown: the rows of `table` (see `read_table`) that the paper has, GMAC, PSNR and LPIPS
    beside the paper's, ours in front, and what differs in how they were made, a line each."""
    head = ["set", "model", "GMAC", *(f"PSNR@{count}" for count in COUNTS), f"LPIPS@{LPIPS_COUNT}"]
    texts = [cells(head), cells(["---"] * 2 + ["---:"] * (len(head) - 2))]
    own = {(line["set"], row_name(line), line["hints"]): line for line in table}
    own = {key: line for key, line in own.items() if (STANDS_FOR.get(key[0]), *key[1:]) in PAPER}
    for place, row in dict.fromkeys(key[:2] for key in own):
        ours = {count: own.get((place, row, count), {}) for count in COUNTS}
        theirs = {count: PAPER[STANDS_FOR[place], row, count] for count in COUNTS}
        spent = next(line["gmac"] for line in ours.values() if line)
        values = [_pair(spent, theirs[COUNTS[0]]["gmac"])]
        values += [_pair(ours[count].get("psnr"), theirs[count]["psnr"]) for count in COUNTS]
        values.append(_pair(ours[LPIPS_COUNT].get(LPIPS), theirs[LPIPS_COUNT]["lpips"], 3))
        texts.append(cells([OUR_SETS[place], f"`{row}`", *values]))
    sizes = {key[0]: line["photos"] for key, line in own.items()}
    errors = [line["psnr_se"] for line in own.values()]
    return "\n".join([*texts, "", *(f"- {text}" for text in _protocol(sizes, errors))])


def cells(texts: Sequence[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(texts)} |"


def _pair(ours: float | None, theirs: float, digits: int = 2) -> str:
    return f"{'-' if ours is None else f'{ours:.{digits}f}'} / {theirs:.{digits}f}"


def _protocol(sizes: dict[str, int], errors: Sequence[float]) -> list[str]:
    photos = ", ".join(
        f"{size:,} of {OUR_SETS[place]} ({PAPER_SETS[STANDS_FOR[place]]}: "
        f"{SIZES[STANDS_FOR[place]]})"
        for place, size in sizes.items()
    )
    card = checkpoints.card(DENSE)
    crops = card["crops_seen"] + card.get("crops_seen_before", 0)
    return [
        "Before the stroke are our numbers, behind it the paper's. PSNR is of 8-bit pictures of "
        "224 x 224, in dB, the mean over the photos; a GMAC is 1e9 multiply-adds of what ran with "
        "1 hint (the paper calls them GFLOPs).",
        f"Photos: {photos}. So the standard errors of our means are {min(errors):.2f} to "
        f"{max(errors):.2f} dB; those of differences between our rows are far smaller "
        "(notebook 05).",
        "Flowers: Oxford 17 is the older, smaller sister of Oxford 102; compare what skipping "
        "costs, not the level.",
        "Hints: ours lie in different cells, drawn by a hash of the photo's name; the paper's are "
        "drawn at random, cells may come twice.",
        f"Training: our dense network saw {crops:,} crops, the paper's 32 million of ImageNet.",
        "LPIPS, less is better: ours is by AlexNet, the paper's by VGG, both fed [0, 1]; the two "
        "have different scales, so compare what skipping costs, not the level.",
        "Not in the paper, and in notebook 05: static top-k (the same sub-layers for every photo), "
        "`acolvit-t-any` (one network, its budget an argument), the grey photo, and Levin et al. "
        "2004.",
    ]
