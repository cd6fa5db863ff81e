"""The tables of README.md: python tools/readme.py writes them, from data/results.

Nobody types their numbers; a test holds that README has what the landed tables say.
"""

import json
import re
from pathlib import Path

import pandas as pd

from colorlib import checkpoints, table1, table2
from colorlib.files import data_dir, write_text
from colorlib.paper import COUNTS, DENSE, PAPER, PAPER_SETS, PAPER_SPEED
from colorlib.table1 import fixed

SIZES = {"imagenet": "10,000", "oxford102": "1,020", "cub200": "5,794"}
LPIPS_COUNT = 10


def markdown(lines: list[list[str]], head: list[str], names: int = 1) -> str:
    """Return a Markdown table; all columns but the first `names` are aligned to the right."""
    align = ["left"] * names + ["right"] * (len(head) - names)
    frame = pd.DataFrame(lines, columns=head)
    return frame.to_markdown(index=False, colalign=align, disable_numparse=True)


def speed(images: float, ratio: float) -> str:
    """Return e.g. "40.0 (1.70x)"; of the dense network its images a second alone."""
    return f"{images:.1f}" if ratio == 1 else f"{images:.1f} ({ratio:.2f}x)"


def quality(results: Path) -> str:
    """Return the rows of Table 1 that the paper has beside it, and what differs in their making."""
    table = table1.read_table(results / "table1.csv")
    keys = table[["set", "row", "hints"]].itertuples(index=False, name=None)
    table = table.assign(paper=[PAPER.get(key) for key in keys]).dropna(subset="paper")

    def pairs(column: str, what: str, digits: int = 2) -> list[str]:
        both = zip(table[column], table["paper"], strict=True)
        return [f"{fixed(own, digits) or '-'} / {paper[what]:.{digits}f}" for own, paper in both]

    texts = {"gmac": pairs("gmac", "gmac"), "psnr": pairs("psnr", "psnr")}
    texts["lpips"] = pairs("lpips_vgg", "lpips", 3)
    lines = []
    for (place, row), own in table.assign(**texts).groupby(["set", "row"], sort=False):
        psnr = own.set_index("hints")["psnr"].reindex(COUNTS, fill_value="-")
        lpips = own.loc[own["hints"] == LPIPS_COUNT, "lpips"]
        lines.append([PAPER_SETS[place], f"`{row}`", own["gmac"].iloc[0], *psnr, *lpips])
    head = [*(f"PSNR@{count}" for count in COUNTS), f"LPIPS@{LPIPS_COUNT}"]
    block = markdown(lines, ["set", "model", "GMAC", *head], names=2)
    photos = ", ".join(
        f"{size:,} of {SIZES[place]} of {PAPER_SETS[place]}"
        for place, size in table.groupby("set", sort=False)["photos"].last().items()
    )
    low, high = table["psnr_se"].agg(["min", "max"])
    card = checkpoints.card(DENSE)
    crops = card["crops_seen"] + card.get("crops_seen_before", 0)
    return (
        f"{block}\n\n- Photos: {photos}. So the standard errors of our means are "
        f"{low:.2f} to {high:.2f} dB; those of differences between our rows are far "
        f"smaller (notebook 05).\n- Training: our dense network saw {crops:,} crops, the paper's "
        "32 million of ImageNet."
    )


def speeds(results: Path) -> str:
    """Return Table 2: one photo on one thread, the paper's networks and speeds; forced gates."""
    table = table2.read_table(results / "table2.csv")
    alone = table.query("stage == 'network' and batch * threads == 1 and budget.isna()")
    own = alone[alone["gates"] == table2.OWN].set_index(["model", "engine"])
    engines, lines, dense = ("eager", "onnx", "approximate"), [], PAPER_SPEED[DENSE]["images"]
    for model in dict.fromkeys(model for _, model, _ in PAPER):
        paper, ours = PAPER_SPEED.get(model), [own.loc[model, engine] for engine in engines]
        cells = [f"{ours[0]['gmac']:.2f}", f"{ours[0]['allowed']:.2f}x"]
        cells += [speed(paper["images"], paper["images"] / dense) if paper else ""]
        cells += [speed(one["images_per_s"], one["over_dense"]) for one in ours]
        lines.append([f"`{model}`", *cells])
    block = markdown(lines, ["model", "GMAC", "allows", "paper", *map("`{}`".format, engines)])

    forced = alone[alone["gates"].str.contains(" of ")].set_index("gates")
    exact, rough = (forced[forced["engine"] == engine] for engine in engines[1:])
    ratios = exact[["allowed", "over_dense", "over_plain"]].assign(rough=rough["over_plain"])
    texts = ratios.map("{:.2f}x".format)
    texts.insert(0, "gmac", exact["gmac"].map("{:.2f}".format))
    titles = ["`onnx`, over dense", "`onnx`, over plain", "`approximate`, over plain"]
    head = ["kept", "GMAC", "arithmetic allows", *titles]
    kept_block = markdown(texts.reset_index().to_numpy().tolist(), head, names=0)

    about = json.loads((results / "table2.json").read_text(encoding="utf-8"))
    machine, plain = about["machine"], own.loc[DENSE, "plain"]
    lost = own["psnr10"].unstack().eval("onnx - approximate").abs().max()
    return (
        f"{block}\n\n- The plain forward, computed as iColoriT's published code does it: "
        f"{plain['images_per_s']:.1f} images/s here.\n- `approximate` (8-bit products): PSNR with "
        f"10 hints on the gallery changes by at most {lost:.3f} dB in the mean.\n"
        f"- Machine: {machine['processor']}, {machine['cores']} cores, {machine['instructions']}, "
        f"{machine['system']}, PyTorch {machine['torch']}, ONNX Runtime {machine['onnxruntime']}; "
        f"a large matrix product reaches {about['ceiling_gflops']['1']:.0f} GFLOP/s on one thread. "
        f"Ratios of one run can be compared with other machines', times cannot.\n\n{kept_block}"
    )


# Between <!-- NAME --> and <!-- end of NAME --> stands what NAME's function makes of a folder.
BLOCKS = {"table 1": quality, "table 2": speeds}


def with_blocks(text: str, results: Path) -> str:
    """Return README's `text` with its blocks made of the tables in `results`."""
    for name, make in BLOCKS.items():
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        around = re.split(f"{start}.*?{end}", text, flags=re.DOTALL)
        assert len(around) == 2, f"README.md must have the lines {start.strip()} and {end} once"
        text = f"{start}{make(results)}\n{end}".join(around)
    return text


if __name__ == "__main__":
    readme = data_dir().parent / "README.md"
    write_text(readme, with_blocks(readme.read_text(encoding="utf-8"), data_dir() / "results"))
