"""Table 2 to print and for README, beside the paper's."""

from collections.abc import Mapping, Sequence
from typing import Any

from colorlib.benchmark.reading import is_of, speed_row
from colorlib.benchmark.tasks import FORCED, OWN, Subject
from colorlib.paper import DENSE, PAPER, PAPER_SPEED
from colorlib.tables.readme import cells

ROWS = tuple(dict.fromkeys(model for _, model, _ in PAPER))
# Column -> its title, width and digits behind the point.
_PRINTED = {
    "kept": ("kept", 6, 1),
    "gmac": ("GMAC", 6, 2),
    "ms": ("ms", 8, 1),
    "images_per_s": ("images/s", 9, 1),
    "allowed": ("allowed", 8, 2),
    "over_dense": ("/ dense", 8, 2),
    "over_plain": ("/ plain", 8, 2),
    "of_ceiling": ("of peak", 8, 2),
    "psnr10": ("PSNR@10", 8, 2),
}


def as_text(lines: Sequence[dict[str, Any]]) -> str:
    """The whole table to print, a block for each batch, number of threads and kind of photo."""
    blocks: dict[tuple[Any, ...], list[str]] = {}
    heads = "".join(f"{title:>{width}}" for title, width, _ in _PRINTED.values())
    for line in lines:
        place = (line["stage"], line["batch"], line["threads"])
        start = [f"{'{}, batch {}, threads {}'.format(*place):47}{heads}{'paper':>14}"]
        blocks.setdefault(place, start).append(_printed(line))
    return "\n\n".join("\n".join(block) for block in blocks.values())


def block(lines: Sequence[dict[str, Any]], about: Mapping[str, Any]) -> str:
    """Markdown: one photo on one thread, the paper's networks, beside the paper's Table 2.

    `about` is what lies in the JSON beside the table.
    """
    engines = ("eager", "onnx", "approximate")
    head = ["model", "GMAC", "allows", "paper", *(f"`{engine}`" for engine in engines)]
    texts = [cells(head), cells(["---"] + ["---:"] * (len(head) - 1))]
    for model in ROWS:
        own = {engine: speed_row(lines, Subject(engine, model)) for engine in engines}
        spent, allowed = (own["onnx"][column] for column in ("gmac", "allowed"))
        paper = PAPER_SPEED.get(model)
        theirs = _speed(paper["images"], paper["speedup"]) if paper else ""
        ours = [_speed(line["images_per_s"], line["over_dense"]) for line in own.values()]
        texts.append(cells([f"`{model}`", f"{spent:.2f}", f"{allowed:.2f}x", theirs, *ours]))
    return "\n".join([*texts, "", *(f"- {text}" for text in _notes(lines, about))])


def kept_block(lines: Sequence[dict[str, Any]]) -> str:
    """Markdown: speed-ups of ONNX Runtime by the number of sub-layers kept, spread evenly."""
    model = next(line["model"] for line in lines if line["gates"].endswith(" of 24"))
    columns = {"allowed": "arithmetic allows", "over_dense": "over dense, same engine"}
    columns |= {"over_plain": "over the plain forward"}
    texts = [cells(["kept", "GMAC", *columns.values(), "approximate, over plain"])]
    texts.append(cells(["---:"] * 6))
    for kept in FORCED:
        subjects = [Subject(name, model, gates=f"{kept} of 24") for name in ("onnx", "approximate")]
        exact, rough = (speed_row(lines, subject) for subject in subjects)
        ratios = [f"{exact[column]:.2f}x" for column in columns]
        row = [f"{kept} of 24", f"{exact['gmac']:.2f}", *ratios, f"{rough['over_plain']:.2f}x"]
        texts.append(cells(row))
    return "\n".join(texts)


def _notes(lines: Sequence[dict[str, Any]], about: Mapping[str, Any]) -> list[str]:
    machine = about["machine"]
    plain = speed_row(lines, Subject("plain", DENSE))
    losses = []
    for model in ROWS:
        exact, rough = (speed_row(lines, Subject(name, model)) for name in ("onnx", "approximate"))
        losses.append(exact["psnr10"] - rough["psnr10"])
    return [
        "Images a second, one photo at a time on one thread, and the speed-up over `icolorit-t` "
        'in the same column. "allows": the speed-up if time followed the multiply-adds.',
        f"The plain forward, computed as iColoriT's published code does it: "
        f"{plain['images_per_s']:.1f} images/s here.",
        f"`approximate` (8-bit products): PSNR with 10 hints on the gallery changes by at most "
        f"{max(map(abs, losses)):.3f} dB in the mean.",
        f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['instructions']}, "
        f"{machine['system']}, PyTorch {machine['torch']}, ONNX Runtime "
        f"{machine['onnxruntime']}; a large matrix product reaches "
        f"{about['ceiling_gflops']['1']:.0f} GFLOP/s on one thread. Ratios of one run can be "
        "compared with other machines', times cannot.",
    ]


def _printed(line: dict[str, Any]) -> str:
    budget = "" if line["budget"] is None else f"@{line['budget']:g}"
    gates = "" if line["gates"] == OWN else f" {line['gates']}"
    text = f"  {line['engine']:12}{line['model'] + budget + gates:33}"
    for column, (_, width, digits) in _PRINTED.items():
        value = line[column]
        text += f"{'' if value is None else f'{value:.{digits}f}':>{width}}"
    # The paper's engine is PyTorch, too.
    if line["model"] in PAPER_SPEED and is_of(line, Subject("eager", line["model"])):
        paper = PAPER_SPEED[line["model"]]
        text += f"{_speed(paper['images'], paper['speedup']):>14}"
    return text


def _speed(images: float, ratio: float | None) -> str:
    """Such as "40.0 (1.70x)"."""
    return f"{images:.1f}" + ("" if ratio is None or ratio == 1 else f" ({ratio:.2f}x)")
