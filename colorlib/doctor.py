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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "colorlib"


@dataclass(frozen=True)
class Check:
    """One line of the report; `passed` is None for something optional that is not there."""

    name: str
    passed: bool | None
    have: str
    need: str = ""

    def __str__(self) -> str:
        mark = {True: "[OK]  ", False: "[FAIL]", None: "[--]  "}[self.passed]
        need = f"  (need {self.need})" if self.need else ""
        return f"{mark} {self.name:<19} {self.have}{need}"


def check_python() -> Iterator[Check]:
    """The version of Python against the range that colorlib is made for."""
    from packaging.specifiers import SpecifierSet

    need = importlib.metadata.metadata(PACKAGE)["Requires-Python"]
    version = platform.python_version()
    yield Check("Python", SpecifierSet(need).contains(version, prereleases=True), version, need)


def check_packages() -> Iterator[Check]:
    """Every package colorlib names, by the metadata it was installed with."""
    from packaging.requirements import Requirement

    for text in importlib.metadata.requires(PACKAGE) or []:
        requirement = Requirement(text)
        marker = requirement.marker
        extras = [
            extra for extra in ("lab", "test") if marker and marker.evaluate({"extra": extra})
        ]
        if marker and not extras and not marker.evaluate({"extra": ""}):
            continue  # for another system
        need = str(requirement.specifier)
        if extras:
            need += f", for 'make {extras[0]}'"
        try:
            have = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            yield Check(requirement.name, None if extras else False, "missing", need)
            continue
        fits = requirement.specifier.contains(have, prereleases=True)
        yield Check(requirement.name, fits, have, need)


def check_torchvision() -> Iterator[Check]:
    """Whether torchvision, and so timm, can be imported, and how."""
    from colorlib import _torchvision

    _torchvision.install()
    import timm  # noqa: F401  what needs it

    how = "by declaring the schema of nms" if _torchvision.is_declared() else "as built"
    yield Check("import torchvision", True, how)


def check_weights() -> Iterator[Check]:
    """Every shipped checkpoint, loaded."""
    from colorlib import checkpoints

    names = checkpoints.available()
    if not names:
        folder = checkpoints.checkpoint_dir()
        yield Check("weights", False, f"none in {folder}", "a complete clone of the repository")
    for name in names:
        parameters = sum(p.numel() for p in checkpoints.load_model(name).parameters())
        yield Check("weights", True, f"{name}, {parameters / 1e6:.2f} M parameters")


def check_photos() -> Iterator[Check]:
    """Every photo of the gallery, opened."""
    from colorlib import photos

    names = photos.gallery_names()
    for name in names:
        photos.gallery(name)
    need = "" if names else "a complete clone of the repository"
    yield Check("photos", bool(names), f"{len(names)} in the gallery", need)


def check_device() -> Iterator[Check]:
    """What the networks run on."""
    import torch

    yield Check("device", True, f"cpu, {torch.get_num_threads()} threads of {os.cpu_count()} cores")
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            yield Check("device", True, f"cuda:{index}, {torch.cuda.get_device_name(index)}")
    elif torch.backends.mps.is_available():
        yield Check("device", True, "mps")


def check_widgets() -> Iterator[Check]:
    """The part of the widgets that the browser loads, without which a panel stays empty."""
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    version = importlib.metadata.version("anywidget")
    for title, name, need in (
        ("widgets, anywidget", "anywidget", version),
        ("widgets, manager", "@jupyter-widgets/jupyterlab-manager", ""),
    ):
        found = [folder / name / "package.json" for folder in folders]
        found = [path for path in found if path.is_file()]
        if not found:
            package = "anywidget" if need else "jupyterlab_widgets"
            yield Check(title, False, "missing", f"pip install --force-reinstall {package}")
            continue
        # JupyterLab takes the first it finds, which may be one left by another environment.
        have = json.loads(found[0].read_text(encoding="utf-8"))["version"]
        yield Check(title, not need or have == need, f"{have} in {found[0].parent}", need)


CHECKS: dict[str, Callable[[], Iterator[Check]]] = {
    "Python": check_python,
    "packages": check_packages,
    "import torchvision": check_torchvision,
    "weights": check_weights,
    "photos": check_photos,
    "device": check_device,
    "widgets": check_widgets,
}


def examine() -> Iterator[Check]:
    """All checks in turn; one that raises is one that failed, and the next still runs."""
    for name, check in CHECKS.items():
        try:
            yield from check()
        except Exception as error:
            yield Check(name, False, f"{type(error).__name__}: {error}".splitlines()[0])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report; returns 1 when a check failed, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m colorlib.doctor", description="Say what is installed and what is missing."
    )
    parser.parse_args(arguments)
    failed = 0
    for check in examine():
        print(check, flush=True)
        failed += check.passed is False
    print(f"\n{failed} failed" if failed else "\nAll is well")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
