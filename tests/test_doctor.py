"""The doctor, on what is installed here and on what is made to be missing."""

import importlib.metadata
import re
import sys

import pytest

from colorlib import doctor


def test_all_is_well_here(capsys):
    assert doctor.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "All is well"
    assert all(line.startswith(("[OK]", "[--]")) for line in lines[:-2])
    there = ("Python", "torch ", "timm", "ONNX Runtime", "weights", "photos", "device")
    for name in (*there, "widgets, anywidget"):
        assert any(line.startswith(f"[OK]   {name}") for line in lines), name


def test_packages(monkeypatch):
    requirements = ["numpy>=1.0", "pillow>=999", "not-there>=1", "absent>=1; extra == 'lab'"]
    requirements += ["pytest>=1; extra == 'test'", "elsewhere>=1; sys_platform == 'nowhere'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda package: requirements)
    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.10.2")
    checks = list(doctor.packages())
    names = [[check[0] for check in checks if check[1] is one] for one in (True, False, None)]
    assert names == [["numpy", "pytest"], ["Python", "pillow", "not-there"], ["absent"]]
    assert ("pillow", False, importlib.metadata.version("pillow"), ">=999") in checks
    assert ("absent", None, "missing", ">=1, for 'make lab'") in checks


@pytest.mark.parametrize("damaged", [False, True])
def test_no_weights_damaged_ones_and_no_photos_fail(tmp_path, monkeypatch, damaged):
    (tmp_path / "checkpoints").mkdir()
    if damaged:
        (tmp_path / "checkpoints" / "broken.safetensors").write_bytes(b"no weights")
    monkeypatch.setenv("COLORLIB_DATA", str(tmp_path))
    monkeypatch.setattr(doctor, "CHECKS", (doctor.weights, doctor.photos))
    weights, photos = doctor.examine()
    assert weights[:2] == ("weights", False)
    assert ("broken" in weights[2]) if damaged else ("complete clone" in weights[3])
    assert photos[:2] == ("photos", False)


def test_a_front_end_that_is_missing_or_of_another_version_fails(tmp_path, monkeypatch):
    import jupyter_core.paths

    monkeypatch.setattr(jupyter_core.paths, "jupyter_path", lambda *parts: [str(tmp_path)])
    checks = list(doctor.widgets())
    assert [check[1] for check in checks] == [False, False]
    assert "pip install" in checks[0][3]
    (tmp_path / "anywidget").mkdir()
    (tmp_path / "anywidget" / "package.json").write_text('{"version": "0.0.1"}', encoding="utf-8")
    _, fits, have, need = next(doctor.widgets())
    assert not fits
    assert have.startswith("0.0.1 in ")
    assert need == importlib.metadata.version("anywidget")


def test_an_onnx_runtime_that_does_not_load_is_a_fail_and_the_others_run(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "colorlib.onnx", raising=False)
    second = lambda: iter([("second", True, "there", "")])  # noqa: E731
    monkeypatch.setattr(doctor, "CHECKS", (doctor.onnx_runtime, second))
    assert doctor.main([]) == 1
    failed, *others = capsys.readouterr().out.splitlines()
    assert re.match(r"\[FAIL\] onnx_runtime +\w+Error: import of onnxruntime halted", failed)
    assert others == ["[OK]   second              there", "", "1 failed"]
