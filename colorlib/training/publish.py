"""`python -m colorlib.training.publish runs/NAME --photos SET=FOLDER ...`: ship a run's network.

Ships the checkpoint, at 224 pixels whatever it was trained at, to data/checkpoints and the logs
that led to it to data/runs, and writes on the card what the stored (fp16) weights reach (see
`cards`). `--log-only` ships the logs and the card, to data/runs. `--check NAME` measures a
shipped checkpoint again and compares it with its card.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from colorlib import checkpoints, photos
from colorlib.evaluate import HintedPhotos
from colorlib.files import CheckpointError, ColorlibError, DataError, atomic_write, data_dir, sha256
from colorlib.model import ColViT
from colorlib.photos import Photo
from colorlib.training.cards import COUNTS, MAIN_COUNT, budget_entry, entries, fp16_loss, stored
from colorlib.training.data import find_photos
from colorlib.training.state import fp32_model

TOLERANCE_DB = 0.01  # other processors round otherwise; a swapped checkpoint differs by far more
FP16_TOLERANCE_DB = 0.005
GALLERY = "gallery"
SIDE = 224  # of the networks that are shipped


def photo_sets(folders: Sequence[str]) -> dict[str, Sequence[Photo]]:
    """The photos that have colours, of the gallery and of each "name=folder" of `folders`."""
    found: dict[str, Iterable[Photo]] = {GALLERY: map(photos.gallery, photos.gallery_names())}
    for item in folders:
        name, sign, folder = item.partition("=")
        if not sign or not folder or name in found:
            raise DataError(f"--photos {item!r} must be SET=FOLDER, another set each time")
        found[name] = (entry.open() for entry in find_photos([folder]))
    # A grey photo has 50 dB before and hardly less after, so iColoriT leaves it out as well.
    return {name: [one for one in opened if not one.is_grey] for name, opened in found.items()}


def publish(
    run: Path,
    sets: Mapping[str, Sequence[Photo]],
    counts: Sequence[int] = COUNTS,
    dense: str = "icolorit-t",
    log_only: bool = False,
    bar: bool = False,
    name: str = "",
) -> dict[str, Any]:
    """Ship the network of the run in folder `run`; returns its card.

    It takes the name of the run, or `name`, which may name a folder besides: "next/icolorit-t".
    `sets` are those it is measured on, the gallery among them. `dense`, a checkpoint, says
    how hard a photo is for the adaptivity of a gated network. Raises CheckpointError when
    something of the run is missing, or when being stored as fp16 changes it by over 0.005 dB.
    """
    source = run / f"{run.name}.safetensors"
    if not source.is_file():
        raise CheckpointError(f"{source} is missing: the run has saved no state yet")
    model = stored(checkpoints.resized(checkpoints.load_model(source), SIDE))
    older, crops = _lineage(source)
    card = {
        **checkpoints.card(source),
        "model": model.config,
        "command": f"python -m colorlib.training data/configs/{run.name}.toml",
        "commit": commit(),
        "crops_seen_before": crops,
    }
    if not log_only:
        gallery = HintedPhotos(sets[GALLERY], MAIN_COUNT, model.img_size)
        card["fp16_change_db"] = _fp16_change(run, gallery)
    judge = None
    if model.policy:
        judge = checkpoints.resized(_dense(dense), SIDE)
        card["dense"] = Path(dense).name.removesuffix(".safetensors")
    card |= entries(model, sets, counts, judge, bar)
    if model.policy and not model.config["budget"]:
        asked = card["run"]["gates"]["budget"]
        card["budget"] = budget_entry(asked, card["measured"], model.costs)
    _publish_logs([run, *older])
    if log_only:
        card["sha256"] = sha256(source)
        with atomic_write(data_dir() / "runs" / f"{run.name}.json") as temporary:
            _write_card(card, temporary)
    else:
        _ship(name or run.name, model, card)
    return card


def _ship(name: str, model: ColViT, card: dict[str, Any]) -> None:
    """Weights and card: both are written whole before the first takes its place."""
    target = checkpoints.checkpoint_dir() / f"{name}.safetensors"
    target.parent.mkdir(exist_ok=True, parents=True)
    with atomic_write(target.with_suffix(".json")) as text, atomic_write(target) as weights:
        checkpoints.save_weights(model, weights)
        card["sha256"] = sha256(weights)
        _write_card(card, text)


def _write_card(card: dict[str, Any], path: Path) -> None:
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _fp16_change(run: Path, validation: HintedPhotos) -> float:
    trained = fp32_model(run / "state.pt")
    state = checkpoints.load_model(run / f"{run.name}.safetensors").state_dict()
    for key, value in stored(trained).state_dict().items():
        if key not in state or not torch.equal(value, state[key]):
            raise CheckpointError(f"{key} in {run / 'state.pt'} is not what {run.name} has")
    change = fp16_loss(checkpoints.resized(trained, SIDE), validation)
    if not change <= FP16_TOLERANCE_DB:  # NaN is no better
        raise CheckpointError(
            f"{run.name} changes by {change:.4f} dB when it is stored as fp16, and "
            f"{FP16_TOLERANCE_DB} is allowed: its weights are too large or too small for fp16"
        )
    return round(change, 5)


def _dense(name: str) -> ColViT:
    model = checkpoints.load_model(name)
    if model.policy:
        raise CheckpointError(f"{name} has gates: how hard a photo is, a dense network must say")
    return model


def _lineage(weights: Path) -> tuple[list[Path], int]:
    """The folders of the runs that led to `weights`, the last first, and the crops they saw.

    They are looked for beside the run; where one is not there, the card of a published
    checkpoint of its name says how many crops it and those before it saw.
    """
    folders: list[Path] = []
    crops, seen = 0, {weights}
    while start := checkpoints.card(weights)["run"]["start"]:
        # A name such as acolvit-t-0.5 has a dot, but no suffix.
        name = Path(start).name.removesuffix(".safetensors")
        weights = weights.parent.parent / name / f"{name}.safetensors"
        if weights in seen or not weights.is_file():
            return folders, crops + _crops_of_published(start)
        seen.add(weights)
        folders.append(weights.parent)
        crops += checkpoints.card(weights)["crops_seen"]
    return folders, crops


def _crops_of_published(name: str) -> int:
    card = checkpoints.card(name)
    if "crops_seen_before" not in card:
        raise CheckpointError(
            f"the card of {name} does not say crops_seen_before: publish it first, or put the "
            "folder of its run beside that of the run which started from it"
        )
    return int(card["crops_seen"]) + int(card["crops_seen_before"])


def _publish_logs(runs: Sequence[Path]) -> None:
    logs = data_dir() / "runs"
    logs.mkdir(exist_ok=True)
    for run in runs:
        if not (run / "log.csv").is_file():
            raise CheckpointError(f"{run / 'log.csv'} is missing: a run is shipped with its log")
        with atomic_write(logs / f"{run.name}.csv") as temporary:
            shutil.copyfile(run / "log.csv", temporary)


def check(
    name: str,
    sets: Mapping[str, Sequence[Photo]],
    counts: Sequence[int] = COUNTS,
    bar: bool = False,
) -> list[str]:
    """Measure shipped checkpoint `name` again; a line for each thing that its card has otherwise.

    Its hash must be the card's, and every PSNR on `sets` within 0.01 dB.
    """
    card = checkpoints.card(name)
    found = sha256(checkpoints.checkpoint_dir() / f"{name}.safetensors")
    lines = []
    if found != card.get("sha256"):
        lines.append(f"{name}: the file's sha256 is {found}, the card's {card.get('sha256')}")
    claimed = _psnr(card)
    for what, value in _psnr(entries(checkpoints.load_model(name), sets, counts, bar=bar)).items():
        claim = claimed.get(what)
        if claim is None or abs(value - claim) > TOLERANCE_DB:
            lines.append(f"{name}, {what}: {value} dB, the card says {claim}")
    return lines


def _psnr(card: dict[str, Any]) -> dict[str, float]:
    """Every PSNR that a card tells, by what it is of."""
    result = {}
    for place, measured in card.get("measured", {}).items():
        for count, value in measured["psnr"].items():
            result[f"{place}, {count} hints"] = value
    for place, dial in card.get("dial", {}).items():
        for budget, measured in dial.items():
            result[f"{place}, budget {budget}"] = measured["psnr"]
    return result


def commit() -> str:
    """The repository's commit, 12 digits, or "unknown" where there is no repository."""
    answer = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        check=False,
    )
    return answer.stdout.strip() or "unknown"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when shipped, or when a card holds; 1 when it does not; 2 on bad input."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("runs", nargs="*", type=Path, help="folders of runs, also of one that goes on")
    add("--photos", nargs="*", default=[], metavar="SET=FOLDER")
    add("--name", default="", help="of the shipped checkpoint (default: the run's)")
    add("--counts", nargs="+", type=int, default=COUNTS, help="hints a photo (10 always)")
    add("--dense", default="icolorit-t", help="the checkpoint that says how hard a photo is")
    add("--log-only", action="store_true", help="ship logs and card, not the weights")
    add("--check", nargs="*", default=[], metavar="NAME")
    options = parser.parse_args(arguments)
    lines = []
    try:
        sets = photo_sets(options.photos)
        for run in options.runs:
            card = publish(
                run.resolve(),
                sets,
                options.counts,
                options.dense,
                options.log_only,
                bar=True,
                name=options.name,
            )
            for place, result in card["measured"].items():
                print(run.name, place, result)
        for name in options.check:
            lines += check(name, sets, options.counts, bar=True)
    except ColorlibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.check:
        print("\n".join(lines) or f"{len(options.check)} card(s) hold")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
