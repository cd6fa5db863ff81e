"""The guard of torchvision's import, with stand-ins for torchvision.

That the one here imports, with timm and lpips, other tests show, as conftest.py imports colorlib
first. Each case runs in an interpreter of its own, as torch's operators cannot be undeclared.
"""

import subprocess
import sys
from pathlib import Path

import pytest

# What torchvision's __init__ does that matters here, beside a binary that did not load.
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


def python(code: str, *folders: Path) -> subprocess.CompletedProcess:
    code = f"import sys; sys.path[:0] = {[*map(str, folders)]!r}\n{code}"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_importing_colorlib_is_quick_starts_no_thread_and_turns_telemetry_off():
    """Before anything can import ONNX Runtime, which asks the environment as it is imported."""
    code = """
import colorlib, os, threading
print({"torch", "torchvision", "onnxruntime"} & set(sys.modules), threading.active_count())
print(os.environ["ORT_DISABLE_TELEMETRY"])
"""
    assert python(code).stdout.splitlines() == ["set() 1", "1"]


@pytest.mark.parametrize(
    ("content", "binary", "shown"),
    [
        (NEEDS_NMS, b"of another PyTorch", ["True", "True"]),
        # A proper build has its own schemas; declaring a second one would be an error of torch's.
        (DECLARES_NMS, None, ["True", "False"]),
    ],
    ids=["declared", "left alone"],
)
def test_missing_schemas_are_declared(tmp_path, content, binary, shown):
    folder = tmp_path / "torchvision"
    folder.mkdir()
    (folder / "__init__.py").write_text(content, encoding="utf-8")
    if binary:
        (folder / "_C.so").write_bytes(binary)
    code = "import colorlib, gc, torchvision, torch\ngc.collect()\n"
    code += "print(*(hasattr(torch.ops.torchvision, name) for name in ('nms', 'qnms')))"
    done = python(code, tmp_path)
    assert done.stdout.split() == shown, done.stderr
