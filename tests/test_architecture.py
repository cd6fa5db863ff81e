"""The arrows between colorlib's modules point one way, and all that is imported is declared."""

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def test_nothing_imports_what_is_above_it(root: Path, tmp_path: Path) -> None:
    lint = "from importlinter.cli import lint_imports_command as c; c()"
    command = [sys.executable, "-c", lint, "--cache-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def undeclared(folder: Path, requirements: list[str]) -> set[str]:
    """What a folder's files import, inside functions too, that no requirement brings."""
    declared = {canonicalize_name(Requirement(text).name) for text in requirements}
    files = sorted(folder.rglob("*.py"))
    known = {"colorlib", "tools", *sys.stdlib_module_names}
    if folder.name == "tests":  # which import one another
        known |= {path.stem for path in files}
    imported = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(str(node.module).partition(".")[0])
    made_by = packages_distributions()
    return {
        name
        for name in imported - known
        if not declared & {canonicalize_name(one) for one in made_by.get(name, [])}
    }


def test_what_is_imported_is_declared(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed, extras = project["dependencies"], project["optional-dependencies"]
    assert undeclared(root / "colorlib", needed) == set()
    assert undeclared(root / "tests", [*needed, *extras["test"]]) == set()
