"""Ship a run's network: `python tools/publish.py runs/NAME --photos SET=FOLDER ...`.

Ships the checkpoint, at 224 pixels whatever it was trained at, to data/checkpoints and the logs
that led to it to data/runs, and writes on its card what the stored (fp16) weights reach.
`--check NAME` measures a shipped checkpoint again and compares it with its card.
"""

import argparse
import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from colorlib import checkpoints, files, photos
from colorlib.data import find_photos
from colorlib.evaluate import Evaluation, HintedPhotos, adaptivity
from colorlib.files import ColorlibError, data_dir
from colorlib.metrics import border_ratio, standard_error
from colorlib.model import ATTENTION, FFN, ColViT, macs
from colorlib.photos import Photo
from colorlib.table1 import spread
from colorlib.train import huber, read_state

TOLERANCE_DB = 0.01  # other processors round otherwise; a swapped checkpoint differs by far more
FP16_TOLERANCE_DB = 0.005
SIDE = 224  # of the networks that are shipped
COUNTS = (0, 1, 5, 10, 50)  # hints a photo
MAIN_COUNT = 10  # what is measured at one count only is measured at this one
# Of a network that is conditioned on a budget; the last one is that of a network told none.
BUDGETS = (0.25, 0.3, 0.5, 0.7, 0.9, 1.0)
ADAPTIVITY_BUDGET = 0.5
ADAPTIVITY_PHOTOS = 20  # of fewer photos the spread and the correlation say nothing
BLOCK = 5  # cells a side of the wide hints that a network is tried with
Sets = Mapping[str, Sequence[Photo]]  # what a network is measured on, the gallery among them


def measured_entries(
    model: ColViT, sets: Sets, counts: Sequence[int] = COUNTS, teacher: ColViT | None = None
) -> dict[str, dict[str, Any]]:
    """Return the card's entries that are measured, each {set: ...}.

    "measured": see `_measured`; "by_budget", for a network that is conditioned on one: PSNR, kept
    share and multiply-adds at 10 hints; with a dense `teacher`, "adaptivity" of a gated `model` on
    the sets with at least 20 photos.
    """
    result: dict[str, dict[str, Any]] = defaultdict(dict)
    conditioned = model.config["budget"]
    budgets: Sequence[float | None] = BUDGETS if conditioned else [None]
    usual, told = budgets[-1], (ADAPTIVITY_BUDGET if conditioned else None)
    for name in tqdm(sets, "sets", disable=None):
        given = HintedPhotos(sets[name], MAIN_COUNT, model.img_size)
        runs = {budget: given.run(model, budget=budget) for budget in budgets}
        result["measured"][name] = _measured(model, runs[usual], counts, usual)
        if conditioned:
            result["by_budget"][name] = {str(one): _numbers(model, runs[one]) for one in budgets}
        if teacher is not None and model.policy and len(given.photos) >= ADAPTIVITY_PHOTOS:
            figures = adaptivity(model, runs[told], given.run(teacher).losses(huber), told)
            said = {} if told is None else {"budget": told}
            result["adaptivity"][name] = said | {k: rounded(v, 4) for k, v in figures.items()}
    return result


def _measured(
    model: ColViT, own: Evaluation, counts: Sequence[int], budget: float | None
) -> dict[str, Any]:
    """Return mean PSNR, kept share and multiply-adds at each of `counts` and at 10 hints.

    At 10 hints, of which `own` is, also: the PSNR with each 5 x 5 cells wide, the steps of ab
    across patch borders over those elsewhere, and how far ab is from the hints at their pixels.
    """
    runs = {
        count: own if count == MAIN_COUNT else own.given.with_hints(count).run(model, budget=budget)
        for count in sorted({*counts, MAIN_COUNT})
    }
    by_count = pd.DataFrame({str(count): _numbers(model, run) for count, run in runs.items()})
    shares = own.gates.double().mean(dim=(0, 1))
    wide = own.given.with_blocks(BLOCK).run(model, budget=budget).psnr.mean()
    return {
        "photos": len(own.psnr),
        "grey": rounded(own.given.grey().psnr.mean(), 3),
        **by_count.to_dict("index"),
        "standard_error": rounded(standard_error(own.psnr), 3),
        "psnr_blocks": rounded(wide, 3),
        "border_ratio": rounded(border_ratio(own.ab, model.config["patch_size"]), 3),
        "hint_error": rounded(own.hint_error, 3),
        "kept_attention": rounded(shares[ATTENTION], 4),
        "kept_ffn": rounded(shares[FFN], 4),
    }


def _numbers(model: ColViT, run: Evaluation) -> dict[str, float | None]:
    psnr, kept = run.psnr.mean(), run.gates.double().mean()
    gmac = macs(run.gates, model.costs).double().mean() / 1e9
    return {"psnr": rounded(psnr, 3), "kept": rounded(kept, 4), "gmac": rounded(gmac, 4)}


def rounded(value: Any, digits: int) -> float | None:
    """Round a number for a card; None, JSON's null, for one that is not finite."""
    number = value if isinstance(value, int) else float(value)
    return round(number, digits) if math.isfinite(number) else None


def _fp16_change(run: Path, stored: ColViT, gallery: HintedPhotos) -> float:
    """Return by how many dB being `stored` as fp16 changes the PSNR of the run's network."""
    model = checkpoints.load_model(run / f"{run.name}.safetensors")
    state = read_state(run / "state.pt")
    weights = state["average"] or state["model"]
    if any(not weights[key].half().equal(one.half()) for key, one in model.state_dict().items()):
        raise ColorlibError(f"the weights of {run / 'state.pt'} are not what {run.name} has")
    model.load_state_dict(weights)
    before = gallery.run(checkpoints.resized(model, SIDE)).psnr
    change = abs(float(gallery.run(stored).psnr.mean() - before.mean()))
    if not change <= FP16_TOLERANCE_DB:  # NaN is no better
        raise ColorlibError(
            f"{run.name} changes by {change:.4f} dB when it is stored as fp16, and "
            f"{FP16_TOLERANCE_DB} is allowed: its weights are too large or too small for fp16"
        )
    return round(change, 5)


def photo_sets(folders: Sequence[str], limit: int | None = None) -> Sets:
    """Return the photos that have colours: the gallery's and each "name=folder" of `folders`.

    At most `limit` of each folder are taken, evenly spread.
    """
    found: dict[str, Iterable[Photo]] = {"gallery": map(photos.gallery, photos.gallery_names())}
    for item in folders:
        name, _, folder = item.partition("=")
        if not folder or name in found:
            raise ColorlibError(f"--photos {item!r} must be SET=FOLDER, another set each time")
        found[name] = (entry.open() for entry in spread(find_photos([folder]), limit))
    # A grey photo has 50 dB before and hardly less after, so iColoriT leaves it out as well.
    sets = {name: [one for one in opened if not one.is_grey] for name, opened in found.items()}
    if grey := [name for name, coloured in sets.items() if not coloured]:
        raise ColorlibError(f"--photos {grey[0]}: all photos are grey, there is nothing to measure")
    return sets


def publish(
    run: Path,
    sets: Sets,
    counts: Sequence[int] = COUNTS,
    dense: str = "icolorit-t",
    log_only: bool = False,
) -> dict[str, Any]:
    """Ship the network of the run in folder `run` by its name; return its card.

    For a gated one the loss of checkpoint `dense` says how hard a photo is. Raises ColorlibError
    when something of the run is missing, or when fp16 changes it by over 0.005 dB.
    """
    source = run / f"{run.name}.safetensors"
    model = checkpoints.resized(checkpoints.load_model(source), SIDE)
    for value in model.parameters():
        value.data = value.data.half().float()  # as it is stored
    folders, crops = _lineage(source)
    card = {
        **checkpoints.card(source),
        "model": model.config,
        "command": f"python -m colorlib.train data/configs/{run.name}.toml",
        "commit": files.commit(),
        "crops_seen_before": crops,
    }
    if not log_only:
        gallery = HintedPhotos(sets["gallery"], MAIN_COUNT, model.img_size)
        card["fp16_change_db"] = _fp16_change(run, model, gallery)
    teacher = None
    if model.policy:
        teacher = checkpoints.resized(checkpoints.load_model(dense), SIDE)
        if teacher.policy:
            raise ColorlibError(f"{dense} has gates: how hard a photo is, a dense network must say")
        card["dense"] = checkpoints.stem(dense)
    card |= measured_entries(model, sets, counts, teacher)
    for folder in folders:
        log = files.read_text(folder / "log.csv")
        files.write_text(data_dir() / "runs" / f"{folder.name}.csv", log)
    if not log_only:
        target = checkpoints.checkpoint_dir() / f"{run.name}.safetensors"
        target.parent.mkdir(exist_ok=True, parents=True)
        return checkpoints.save_model(model, target, card)
    card["sha256"] = files.sha256(source)
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
    files.write_text(data_dir() / "runs" / f"{run.name}.json", text + "\n")
    return card


def _lineage(weights: Path) -> tuple[list[Path], int]:
    """Return the folders of the runs that led to `weights`, last first, and the crops before it.

    They lie beside the run. A published card says how many crops it and those before it saw.
    """
    folders, crops = [weights.parent], 0
    while start := checkpoints.card(weights)["run"]["start"]:
        name = checkpoints.stem(start)
        weights = weights.parent.parent / name / f"{name}.safetensors"
        # A run may go on from what was published under its own name.
        there = weights.is_file() and weights.parent not in folders
        card = checkpoints.card(weights if there else start)
        crops += int(card["crops_seen"])
        if "crops_seen_before" in card:
            return folders, crops + int(card["crops_seen_before"])
        if not there:
            raise ColorlibError(
                f"the card of {start} does not say crops_seen_before: publish it first, or put "
                "the folder of its run beside that of the run which started from it"
            )
        folders.append(weights.parent)
    return folders, crops


def check(name: str, sets: Sets, counts: Sequence[int] = COUNTS) -> list[str]:
    """Measure shipped checkpoint `name` again; return one line per value that its card contradicts.

    Its hash must be the card's, and every PSNR on `sets` within 0.01 dB.
    """
    card, lines = checkpoints.card(name), []
    found = files.sha256(checkpoints.resolve(name))
    if found != (claimed := card.get("sha256")):
        lines.append(f"{name}: the file's sha256 is {found}, the card's {claimed}")
    again = measured_entries(checkpoints.load_model(name), sets, counts)
    for what, value in _psnr(again).items():
        claim = _psnr(card).get(what, math.nan)
        if not abs(value - claim) <= TOLERANCE_DB:
            lines.append(f"{name}, {what}: {value} dB, the card says {claim}")
    return lines


def _psnr(card: dict[str, Any]) -> dict[str, float]:
    """Return every PSNR that a card tells, by what it is of: "measured, gallery, psnr, 10"."""
    told = {key: card.get(key, {}) for key in ("measured", "by_budget")}
    return pd.json_normalize(told, sep=", ").iloc[0].filter(regex="psnr(, |$)").to_dict()


@files.one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """0 when shipped, or when a card holds; 1 when it does not; 2 on bad input."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("runs", nargs="*", type=Path, help="folders of runs, also of one that goes on")
    add("--photos", nargs="*", default=[], metavar="SET=FOLDER")
    add("--limit", type=int, metavar="N", help="N photos of each set, evenly spread")
    add("--counts", nargs="+", type=int, default=COUNTS, help="hints a photo (10 always)")
    add("--dense", default="icolorit-t", help="the checkpoint that says how hard a photo is")
    add("--log-only", action="store_true", help="ship logs and card alone, to data/runs")
    add("--check", nargs="*", default=[], metavar="NAME")
    given = parser.parse_args(arguments)
    sets = photo_sets(given.photos, given.limit)
    for run in map(Path.resolve, given.runs):
        card = publish(run, sets, given.counts, given.dense, given.log_only)
        for name, result in card["measured"].items():
            print(run.name, name, result)
    lines = [line for name in given.check for line in check(name, sets, given.counts)]
    if given.check:
        print("\n".join(lines) or f"{len(given.check)} card(s) hold")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
