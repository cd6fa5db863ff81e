"""The doctor, on what is installed here and on what is made to be missing."""

import importlib.metadata

import pytest

from colorlib import doctor
from colorlib.doctor import Check


def by_name(checks) -> dict[str, Check]:
    return {check.name: check for check in checks}


def requires(monkeypatch, *requirements: str) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda package: list(requirements))


def test_all_is_well_here(capsys) -> None:
    assert doctor.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "All is well"
    assert all(line.startswith(("[OK]", "[--]")) for line in lines[:-2])
    for name in ("Python", "torch ", "timm", "weights", "photos", "device", "widgets, anywidget"):
        assert any(line.startswith(f"[OK]   {name}") for line in lines), name


def test_a_line_says_have_and_need() -> None:
    good = Check("torch", True, "2.13.0", ">=2.8")
    assert str(good) == "[OK]   torch               2.13.0  (need >=2.8)"
    assert str(Check("x", False, "missing")).startswith("[FAIL] x ")
    assert str(Check("x", None, "missing")).startswith("[--]   x ")


def test_packages(monkeypatch) -> None:
    requires(
        monkeypatch,
        "numpy>=1.0",
        "pillow>=999",
        "not-there>=1",
        "not-here-either>=1; extra == 'lab'",
        "pytest>=1; extra == 'test'",
        "for-elsewhere>=1; sys_platform == 'nowhere'",
    )
    checks = by_name(doctor.check_packages())
    assert {name: check.passed for name, check in checks.items()} == {
        "numpy": True,
        "pillow": False,
        "not-there": False,
        "not-here-either": None,
        "pytest": True,
    }
    assert checks["pillow"].need == ">=999"
    assert checks["pillow"].have == importlib.metadata.version("pillow")
    assert checks["not-there"].have == "missing"
    assert checks["not-here-either"].need == ">=1, for 'make lab'"


def test_a_python_out_of_range_fails(monkeypatch) -> None:
    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.10.2")
    (check,) = doctor.check_python()
    assert check.passed is False
    assert check.have == "3.10.2"


def test_no_weights_and_no_photos_fail(tmp_path, monkeypatch) -> None:
    (tmp_path / "checkpoints").mkdir()
    monkeypatch.setenv("COLORLIB_DATA", str(tmp_path))
    checks = by_name(doctor.examine())
    assert checks["weights"].passed is False
    assert "complete clone" in checks["weights"].need
    assert checks["photos"].passed is False


def test_damaged_weights_fail_with_their_name(tmp_path, monkeypatch) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "broken.safetensors").write_bytes(b"no weights")
    monkeypatch.setenv("COLORLIB_DATA", str(tmp_path))
    check = by_name(doctor.examine())["weights"]
    assert check.passed is False
    assert "broken" in check.have


def test_a_front_end_that_is_missing_or_of_another_version_fails(tmp_path, monkeypatch) -> None:
    import jupyter_core.paths

    monkeypatch.setattr(jupyter_core.paths, "jupyter_path", lambda *parts: [str(tmp_path)])
    checks = by_name(doctor.check_widgets())
    assert [check.passed for check in checks.values()] == [False, False]
    assert "pip install" in checks["widgets, anywidget"].need
    (tmp_path / "anywidget").mkdir()
    (tmp_path / "anywidget" / "package.json").write_text('{"version": "0.0.1"}', encoding="utf-8")
    check = by_name(doctor.check_widgets())["widgets, anywidget"]
    assert check.passed is False
    assert check.have.startswith("0.0.1 in ")
    assert check.need == importlib.metadata.version("anywidget")


def test_a_check_that_raises_is_a_fail_and_the_others_run(monkeypatch, capsys) -> None:
    def broken():
        raise OSError("a library is missing\nand more")

    checks = {"first": broken, "second": lambda: iter([Check("second", True, "there")])}
    monkeypatch.setattr(doctor, "CHECKS", checks)
    assert doctor.main([]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "[FAIL] first               OSError: a library is missing",
        "[OK]   second              there",
        "",
        "1 failed",
    ]


def test_an_option_is_refused() -> None:
    with pytest.raises(SystemExit):
        doctor.main(["--nonsense"])
