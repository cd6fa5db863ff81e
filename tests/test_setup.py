"""pyproject.toml, requirements.txt and environment.yml agree; set-up fails in one clear line."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import setup_env as set_up

# Conda's names for what the Python package registry calls otherwise.
FROM_CONDA = {"pytorch": "torch", "matplotlib-base": "matplotlib"}


@pytest.fixture(scope="module")
def settings(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def ranges(settings: dict) -> dict[str, SpecifierSet]:
    project = settings["project"]
    texts = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    found = [Requirement(text) for text in texts]
    return {canonicalize_name(requirement.name): requirement.specifier for requirement in found}


@pytest.fixture(scope="module")
def pins(root: Path) -> dict[str, str]:
    """The versions of requirements.txt, each of which must be exact."""
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    needed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    found = {canonicalize_name(one.name): str(one.specifier) for one in needed}
    assert len(found) == len(needed)
    return {name: str(Version(pin.removeprefix("=="))) for name, pin in found.items()}


def test_ranges_hold_their_pins_and_nothing_that_comes_along_is_unpinned(ranges, pins):
    """All that the direct packages need on every system, as installed here."""
    assert [name for name, allowed in ranges.items() if pins[name] not in allowed] == []
    seen, todo = set(), [Requirement(name) for name in ranges]
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras} - {extra for one, extra in seen if one == name}:
            seen.add((name, extra))
            needs = map(Requirement, importlib.metadata.requires(name) or [])
            marker = f'extra == "{extra}"' if extra else ""
            todo += [need for need in needs if str(need.marker or "") == marker]
    assert {name for name, _ in seen} <= set(pins)


def test_pins_install_on_every_python_of_the_range(pins, settings):
    """As the packages themselves say: one may need 3.11.5, where Debian 12 has 3.11.2."""
    oldest = ["3.11.0", "3.11.2", "3.12.0", "3.13.0"]
    assert all(
        version in SpecifierSet(settings["project"]["requires-python"]) for version in oldest
    )
    there = {canonicalize_name(one.name): one for one in importlib.metadata.distributions()}
    same = [one for name, one in there.items() if pins.get(name) == one.version]
    assert len(same) > len(pins) / 2
    needs = {one.name: SpecifierSet(one.metadata["Requires-Python"] or "") for one in same}
    refused = [(name, old) for name, need in needs.items() for old in oldest if old not in need]
    assert refused == []


def test_every_conda_spec_is_the_pin(root, pins, ranges):
    conda = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))
    specs = [spec.split("=") for spec in conda["dependencies"] if isinstance(spec, str)]
    versions = {FROM_CONDA.get(name, name): "=".join(version) for name, *version in specs}
    (by_pip,) = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    assert by_pip[-1] == "-e ."
    for line in by_pip[:-1]:
        (pin,) = Requirement(line).specifier
        versions[Requirement(line).name] = pin.version
    assert versions.pop("pip") == ""
    assert versions.pop("python") == "3.12"
    assert versions == {name: pins[name] for name in [*ranges, "setuptools"]}
    assert conda["channels"] == ["conda-forge"]


def test_no_strangers_package_is_installed(settings, root):
    """PyPI's colorlib is another project: ours has a name of its own, and no advice names that."""
    assert settings["project"]["name"] != "colorlib"
    for path in [*root.glob("*.md"), *(root / "colorlib").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"pip install (-\S+ )*['\"]?colorlib", text), path


def test_python_range_is_the_same_everywhere(settings, root):
    project = settings["project"]
    allowed = SpecifierSet(project["requires-python"])
    minors = [minor for minor in range(8, 20) if f"3.{minor}.0" in allowed]
    assert minors == list(range(set_up.OLDEST[1], set_up.NEWEST[1] + 1))
    named = {f"Programming Language :: Python :: 3.{minor}" for minor in minors}
    assert named == {text for text in project["classifiers"] if ":: 3." in text}
    assert settings["tool"]["ruff"]["target-version"] == f"py3{minors[0]}"
    assert settings["tool"]["mypy"]["python_version"] == f"3.{minors[0]}"
    workflow = yaml.safe_load((root / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == [f"3.{minor}" for minor in minors]
    assert [name.partition("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]


def work_in(folder: Path, monkeypatch) -> None:
    places = {"ROOT": "", "VENV": ".venv", "STAMP": ".venv/.stamp", "LOG": "build/pip.log"}
    places["NO_NEWS"] = ".venv/overrides.json"
    for name, path in places.items():
        monkeypatch.setattr(set_up, name, folder / path)


@pytest.fixture
def clone(root: Path, tmp_path: Path, monkeypatch) -> Path:
    """An empty clone, in a folder with a space in its name, for the set-up to work in."""
    folder = tmp_path / "my clone"
    (folder / "tools").mkdir(parents=True)
    for name in set_up.SPECIFICATION:
        shutil.copy(root / name, folder / name)
    work_in(folder, monkeypatch)
    return folder


@pytest.fixture
def pip_calls(monkeypatch) -> list[tuple[str, ...]]:
    """Environments without pip, which are made at once, and what pip would have been told."""
    calls = []
    builder = venv.EnvBuilder(clear=True, symlinks=os.name != "nt")
    monkeypatch.setattr(set_up, "make_environment", lambda: builder.create(set_up.VENV))
    monkeypatch.setattr(set_up, "pip_install", lambda *arguments: calls.append(arguments))
    return calls


def refusal(capsys) -> str:
    """The one line that a set-up which cannot go on says."""
    assert set_up.main() == 1
    said = capsys.readouterr().err
    assert re.fullmatch("set-up: .*\n", said)
    return said


@pytest.mark.parametrize("version", [(3, 10, 4), (3, 14, 0)])
def test_a_python_too_old_or_new_is_one_line(version, clone, monkeypatch, capsys):
    monkeypatch.setattr(set_up.sys, "version_info", version)
    line = rf"Python 3.11 to 3.13 is needed and .* is 3.{version[1]}: .*make PYTHON="
    assert re.search(line, refusal(capsys))


def test_no_venv_module_is_one_line(clone, monkeypatch, capsys):
    monkeypatch.setattr(
        set_up.importlib.util, "find_spec", lambda name: name != "ensurepip" or None
    )
    assert "apt install python3." in refusal(capsys)


def test_no_network_is_one_line(clone, monkeypatch, capsys):
    """pip itself, pointed at a registry on a port of this machine where nothing listens."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    assert "no network" in refusal(capsys)
    assert not set_up.STAMP.exists()
    assert "127.0.0.1" in set_up.LOG.read_text(encoding="utf-8")


def test_the_line_that_matters_is_shown():
    """pip says first what it ignored, which is harmless."""
    ignored = "ERROR: Ignored the following versions that require a different python version: 1"
    missing = "ERROR: No matching distribution found for ipython==9.18.99"
    assert f"pip failed: {missing}; all" in set_up.explain(["Collecting x", ignored, missing, ""])
    assert "pip failed: Killed; all" in set_up.explain([ignored, "Killed"])


def test_set_up_runs_once_and_again_when_requirements_change(clone, pip_calls):
    half = set_up.VENV / "lib" / "half"
    half.mkdir(parents=True)
    assert set_up.set_up() is True
    assert not half.exists()  # what a set-up that was stopped had left
    assert set_up.works()
    assert [call[0] for call in pip_calls] == ["installing", "colorlib"]
    assert set_up.set_up() is False
    mark = set_up.VENV / "mark"
    mark.touch()
    (clone / "requirements.txt").write_text("numpy==2.4.6\n", encoding="utf-8")
    assert set_up.set_up() is True
    assert len(pip_calls) == 4
    assert mark.exists()  # the same environment


def test_in_a_clone_that_moved_colorlib_is_installed_again(clone, pip_calls, monkeypatch):
    set_up.set_up()
    work_in(clone.rename(clone.with_name("moved clone")), monkeypatch)
    assert set_up.set_up() is True
    assert pip_calls[-1][0] == "colorlib"


@pytest.mark.skipif(sys.platform == "win32", reason="make is for the other systems")
def test_make_takes_the_python_that_it_is_told(root, tmp_path):
    """Also one with a space in its name; what is not there is said in a line."""
    python = tmp_path / "my python3"
    python.write_text('#!/bin/sh\necho "asked: $1"\n', encoding="utf-8")
    python.chmod(0o755)

    def make(python: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "--no-print-directory", "setup", f"PYTHON={python}"]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    assert make(str(python)).stdout == "asked: tools/setup_env.py\n"
    absent = make("python3.99")
    assert absent.returncode != 0
    assert absent.stderr.startswith("set-up: no python3.99 here")
