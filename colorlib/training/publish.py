"""`python -m colorlib.training.publish runs/NAME --photos SET=FOLDER ...`: ship a trained run.

Copies the checkpoint to data/checkpoints and the logs that led to it to data/runs, and writes
on the card what the stored (fp16) weights reach: PSNR at several hint counts, and the share
kept. `--check NAME` measures a shipped checkpoint again and compares it with its card.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from colorlib import checkpoints, photos
from colorlib.errors import CheckpointError, ColorlibError
from colorlib.files import atomic_write, data_dir
from colorlib.photos import Photo
from colorlib.training.data import find_photos
from colorlib.training.validation import Validation
from colorlib.vit import ColViT

COUNTS = (0, 1, 5, 10, 50)
TOLERANCE_DB = 0.01  # other processors round otherwise; a swapped checkpoint differs by far more


def measure(model: ColViT, sets: dict[str, Sequence[Photo]]) -> dict[str, Any]:
    """Mean PSNR (dB, of 8-bit pictures at 224) by set and hint count, and the share kept."""
    results = {}
    for name, pictures in sets.items():
        scores, kept = {}, {}
        for count in COUNTS:
            psnr, gates = Validation(pictures, count, side=model.img_size).measure(model)
            scores[str(count)] = round(float(psnr.mean()), 3)
            kept[str(count)] = round(float(gates.float().mean()), 4)
        grey = round(float(Validation(pictures, 0, side=model.img_size).grey_psnr().mean()), 3)
        results[name] = {"photos": len(pictures), "grey": grey, "psnr": scores, "kept": kept}
    return results


def photo_sets(folders: Sequence[str]) -> dict[str, Sequence[Photo]]:
    """The gallery's photos that have colours, and each "name=folder" of `folders`."""
    gallery = map(photos.gallery, photos.gallery_names())
    # A grey photo has 50 dB before and hardly less after: it would hide the others.
    sets: dict[str, Sequence[Photo]] = {"gallery": [one for one in gallery if not one.is_grey]}
    for item in folders:
        name, _, folder = item.partition("=")
        sets[name] = [entry.open() for entry in find_photos([folder])]
    return sets


def publish(run: Path, folders: Sequence[str]) -> dict[str, Any]:
    """Ship the finished run in folder `run`; returns its card."""
    source = run / f"{run.name}.safetensors"
    if not source.is_file():
        raise CheckpointError(f"{source} is missing: the run has not finished")
    model = checkpoints.load_model(source)
    card = {
        **checkpoints.card(source),
        "command": f"python -m colorlib.training data/configs/{run.name}.toml",
        "commit": _commit(),
        "measured": measure(model, photo_sets(folders)),
    }
    target = checkpoints.checkpoint_dir() / source.name
    target.parent.mkdir(exist_ok=True)
    checkpoints.save_model(model, target, card)
    _publish_logs(run)
    return card


def _publish_logs(run: Path) -> None:
    """The log of the run, and of the runs beside it that it started from."""
    logs = data_dir() / "runs"
    logs.mkdir(exist_ok=True)
    while (run / "log.csv").is_file():
        with atomic_write(logs / f"{run.name}.csv") as temporary:
            shutil.copyfile(run / "log.csv", temporary)
        start = checkpoints.card(run / f"{run.name}.safetensors")["run"]["start"]
        if not start:
            break
        # A name such as acolvit-t-0.5 has a dot, but no suffix.
        run = run.parent / Path(start).name.removesuffix(".safetensors")


def check(name: str, folders: Sequence[str]) -> list[str]:
    """Where a new measurement of checkpoint `name` differs from its card: a line each."""
    claimed = checkpoints.card(name)["measured"]
    found = measure(checkpoints.load_model(name), photo_sets(folders))
    return [
        f"{name}, {place}, {count} hints: {value} dB, the card says {claimed[place]['psnr'][count]}"
        for place, result in found.items()
        for count, value in result["psnr"].items()
        if abs(value - claimed[place]["psnr"][count]) > TOLERANCE_DB
    ]


def _commit() -> str:
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
    parser.add_argument("runs", nargs="*", type=Path, help="folders of finished runs")
    parser.add_argument("--photos", nargs="*", default=[], metavar="SET=FOLDER")
    parser.add_argument("--check", nargs="*", default=[], metavar="NAME")
    options = parser.parse_args(arguments)
    torch.set_grad_enabled(False)
    differences = []
    try:
        for run in options.runs:
            card = publish(run.resolve(), options.photos)
            for place, result in card["measured"].items():
                print(run.name, place, result)
        for name in options.check:
            differences += check(name, options.photos)
    except ColorlibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(differences) or f"{len(options.check)} card(s) hold")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
