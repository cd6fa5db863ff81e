"""Says what is installed and what is missing: python -m colorlib.doctor

One line a check, [OK] or [FAIL] with what there is and what is needed, and [--] for what is
missing but only some need. The exit status is 1 when a check failed.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

# The name of a check, whether it passed (None: optional and not there), what there is, the need.
Check = tuple[str, bool | None, str, str]
MARKS = {True: "[OK]  ", False: "[FAIL]", None: "[--]  "}


def packages() -> Iterator[Check]:
    """Check Python and every package that colorlib names against its ranges."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    (own, *_) = importlib.metadata.packages_distributions()["colorlib"]
    need = importlib.metadata.metadata(own)["Requires-Python"]
    version = platform.python_version()
    yield "Python", SpecifierSet(need).contains(version, prereleases=True), version, need
    for text in importlib.metadata.requires(own) or []:
        requirement = Requirement(text)
        name, marker, need = requirement.name, requirement.marker, str(requirement.specifier)
        extra = next((e for e in ("lab", "test") if marker and marker.evaluate({"extra": e})), "")
        if marker and not extra and not marker.evaluate({"extra": ""}):
            continue  # for another system
        need += f", for 'make {extra}'" if extra else ""
        try:
            have = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield name, None if extra else False, "missing", need
        else:
            yield name, requirement.specifier.contains(have, prereleases=True), have, need


def torchvision() -> Iterator[Check]:
    """Check that torchvision, and so timm, can be imported, and say how."""
    import torch
    import torchvision  # noqa: F401

    built = hasattr(torch.ops.torchvision, "roi_align")
    yield "import torchvision", True, "as built" if built else "by declaring nms", ""


def onnx_runtime() -> Iterator[Check]:
    """Run a small network in ONNX Runtime, which may be installed and not load."""
    import torch

    from colorlib.model import ColViT, predict
    from colorlib.onnx import OnnxModel

    model, x = ColViT(img_size=32, depth=1).eval(), torch.zeros(1, 4, 32, 32)
    gates = torch.ones(1, 2)
    apart = (OnnxModel(model)(x, gates=gates).ab - predict(model, x, gates=gates).ab).abs().max()
    yield "ONNX Runtime", bool(apart < 1e-4), f"its colours are PyTorch's to {apart:.0e}", "1e-4"


def weights() -> Iterator[Check]:
    """Load every shipped checkpoint."""
    from colorlib import checkpoints

    names = checkpoints.available()
    if not names:
        folder = checkpoints.checkpoint_dir()
        yield "weights", False, f"none in {folder}", "a complete clone of the repository"
    for name in names:
        count = sum(p.numel() for p in checkpoints.load_model(name).parameters())
        yield "weights", True, f"{name}, {count / 1e6:.2f} M parameters", ""


def photos() -> Iterator[Check]:
    """Open every photo of the gallery."""
    from colorlib.photos import gallery, gallery_names

    count = len([gallery(name) for name in gallery_names()])
    need = "" if count else "a complete clone of the repository"
    yield "photos", count > 0, f"{count} in the gallery", need


def device() -> Iterator[Check]:
    """Say what the networks can run on."""
    import torch

    found = [f"cpu, {torch.get_num_threads()} threads of {os.cpu_count()} cores"]
    cards = range(torch.cuda.device_count())
    found += [f"cuda:{index}, {torch.cuda.get_device_name(index)}" for index in cards]
    found += ["mps"] * torch.backends.mps.is_available()
    yield from (("device", True, have, "") for have in found)


def widgets() -> Iterator[Check]:
    """Check the part of the widgets that the browser loads, without which a panel stays empty."""
    from jupyter_core import paths

    fits = importlib.metadata.version("anywidget")
    for title, extension, package, need in (
        ("widgets, anywidget", "anywidget", "anywidget", fits),
        ("widgets, manager", "@jupyter-widgets/jupyterlab-manager", "jupyterlab_widgets", ""),
    ):
        folders = [Path(folder) / extension for folder in paths.jupyter_path("labextensions")]
        # JupyterLab takes the first it finds, which may be one left by another environment.
        first = next((f / "package.json" for f in folders if (f / "package.json").is_file()), None)
        if first is None:
            yield title, False, "missing", f"pip install --force-reinstall {package}"
        else:
            have = json.loads(first.read_text(encoding="utf-8"))["version"]
            yield title, not need or have == need, f"{have} in {first.parent}", need


CHECKS = (packages, torchvision, onnx_runtime, weights, photos, device, widgets)


def examine() -> Iterator[Check]:
    """Run all checks in turn; one that raises is one that failed, and the next still runs."""
    for check in CHECKS:
        try:
            yield from check()
        except Exception as error:
            yield check.__name__, False, f"{type(error).__name__}: {error}".splitlines()[0], ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report; return 1 when a check failed, else 0."""
    about = "Say what is installed and what is missing."
    argparse.ArgumentParser("python -m colorlib.doctor", description=about).parse_args(arguments)
    failed = 0
    for name, passed, have, need in examine():
        print(f"{MARKS[passed]} {name:<19} {have}{f'  (need {need})' if need else ''}", flush=True)
        failed += passed is False
    print(f"\n{failed} failed" if failed else "\nAll is well")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
