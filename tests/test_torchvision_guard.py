"""The guard of torchvision's import, with stand-ins for torchvision and with the one here.

Each case runs in an interpreter of its own, as torch's operators cannot be undeclared.
"""

import subprocess
import sys
from pathlib import Path

import pytest

# What torchvision's __init__ does that matters here: a submodule, then the operators' schemas.
STAND_IN = """
from torchvision import extension
from torchvision import registrations
"""
EXTENSION = "import sys; sys.count = getattr(sys, 'count', 0) + 1\n"
NEEDS_NMS = """
import torch
@torch.library.register_fake("torchvision::nms")
def nms(dets, scores, iou_threshold): return dets.new_empty(0)
@torch.library.register_fake("torchvision::qnms")
def qnms(dets, scores, iou_threshold): return dets.new_empty(0)
"""
DECLARES_NMS = """
import torch
library = torch.library.Library("torchvision", "DEF")
library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""
REPORT = """
import sys, torch
from colorlib import _torchvision
has = [hasattr(torch.ops.torchvision, name) for name in ("nms", "qnms")]
print(_torchvision.is_declared(), getattr(sys, "count", None), *has)
"""


@pytest.fixture
def python(tmp_path: Path):
    """Runs code where torchvision is a stand-in, of which `registrations` is one module."""

    def run(code: str, registrations: str | None) -> subprocess.CompletedProcess:
        if registrations is not None:
            package = tmp_path / "torchvision"
            package.mkdir()
            for name, text in (
                ("__init__", STAND_IN),
                ("extension", EXTENSION),
                ("registrations", registrations),
            ):
                (package / f"{name}.py").write_text(text, encoding="utf-8")
        code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"
        command = [sys.executable, "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_importing_colorlib_imports_neither_torch_nor_torchvision(python) -> None:
    code = "import colorlib; print('torch' in sys.modules, 'torchvision' in sys.modules)"
    assert python(code, None).stdout.split() == ["False", "False"]


def test_missing_schemas_are_declared(python) -> None:
    """Imported twice: the first try fails at nms, the second starts from clean submodules."""
    done = python("import colorlib, torchvision" + REPORT, NEEDS_NMS)
    assert done.stdout.split() == ["True", "2", "True", "True"], done.stderr


def test_a_proper_build_is_left_alone(python) -> None:
    """Its own schema is there; declaring a second one would be an error of torch's."""
    done = python("import colorlib, torchvision" + REPORT, DECLARES_NMS)
    assert done.stdout.split() == ["False", "1", "True", "False"], done.stderr


@pytest.mark.parametrize(
    ("registrations", "error"),
    [
        ("raise RuntimeError('operator torchvision::roi_align does not exist')", "roi_align"),
        (
            "raise RuntimeError('operator torchvision::nms does not exist')",
            "RuntimeError: operator torchvision::nms does not exist",
        ),
    ],
    ids=["another operator", "nms, even when declared"],
)
def test_other_errors_pass_through(python, registrations: str, error: str) -> None:
    done = python("import colorlib, torchvision", registrations)
    assert done.returncode == 1
    assert error in done.stderr.splitlines()[-1]


def test_the_torchvision_installed_here_imports_with_what_needs_it(python) -> None:
    code = """
import colorlib, lpips, timm, torchvision
print(timm.create_model("vit_tiny_patch16_224").num_classes)
import torchvision.transforms.functional, torch
print(torchvision.transforms.functional.hflip(torch.tensor([[1, 2]])).tolist())
"""
    done = python(code, None)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["1000", "[[2, 1]]"]
