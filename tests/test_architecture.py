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


def test_nothing_imports_what_is_above_it(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    done = subprocess.run(
        [*command, "--config", str(root / "pyproject.toml"), "--cache-dir", str(tmp_path)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


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
