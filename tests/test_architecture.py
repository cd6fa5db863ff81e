"""The arrows between colorlib's modules point one way, and all that is imported is declared."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Import names that are not the distribution's own name.
DISTRIBUTIONS = {"PIL": "pillow", "skimage": "scikit-image", "yaml": "pyyaml"}


def lint(folder: Path, tmp_path: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    return subprocess.run(
        [*command, "--config", str(folder / "pyproject.toml"), "--cache-dir", str(tmp_path)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_imports_what_is_above_it(root: Path, tmp_path: Path) -> None:
    done = lint(root, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_contract_sees_an_arrow_that_points_up(root: Path, tmp_path: Path) -> None:
    """A planted one, in a package of the same layout: color imports colorizer."""
    package = tmp_path / "colorlib"
    package.mkdir()
    layers = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contract = layers["tool"]["importlinter"]["contracts"][0]
    for layer in contract["layers"]:
        for name in layer.replace("|", ":").split(":"):
            (package / f"{name.strip()}.py").write_text("", encoding="utf-8")
    (package / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_bytes((root / "pyproject.toml").read_bytes())
    assert lint(tmp_path, tmp_path / "cache").returncode == 0
    (package / "color.py").write_text("import colorlib.colorizer\n", encoding="utf-8")
    done = lint(tmp_path, tmp_path / "cache")
    assert done.returncode == 1
    assert "colorlib.color -> colorlib.colorizer" in done.stdout


def imported(path: Path) -> set[str]:
    """The top-level names of all the imports in a file, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


def undeclared(files: list[Path], requirements: list[str]) -> set[str]:
    declared = {canonicalize_name(Requirement(text).name) for text in requirements}
    ours = {"colorlib", "tools", "tests", "conftest", *sys.stdlib_module_names}
    found = set().union(*map(imported, files)) - ours
    return {
        name for name in found if canonicalize_name(DISTRIBUTIONS.get(name, name)) not in declared
    }


def test_what_is_imported_is_declared(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = project["dependencies"]
    library = sorted((root / "colorlib").rglob("*.py"))
    tests = sorted((root / "tests").rglob("*.py"))
    names = {path.stem for path in tests}
    assert undeclared(library, needed) == set()
    extras = [*needed, *project["optional-dependencies"]["test"]]
    assert undeclared(tests, extras) - names == set()
