"""The rules that every committed notebook keeps, beyond what nbval compares.

nbval compares neither pictures nor cells that were never executed, so these hold both.
"""

import ast
import base64
import dis
import re
from pathlib import Path
from types import CodeType

import nbformat
import pytest
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
# The demo is the panel by itself (test_panel_demo.py).
NOTEBOOKS = sorted(p for p in (ROOT / "notebooks").glob("*.ipynb") if p.stem != "demo")
COURSE = [path for path in NOTEBOOKS if path.stem[0].isdigit()]  # the others are pages to look up
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))

CELLS = range(15, 33)
LINES_A_CELL = 15
PICTURE_BYTES = 150 * 1024
EXERCISES = range(3, 6)
CHECK = re.compile(r'check\("(\d\d)\.(\d)",')
LINK = re.compile(r"\]\((?!https?:)([^)]+)\)")  # to a file, as seen from the notebook
# Where a folder on somebody's machine would begin.
MACHINE_PATH = re.compile(
    r"(?:^|[\s'\"(=:])(?:/(?:home|root|tmp|Users|usr|opt|work|mnt|var)/|[A-Za-z]:\\)", re.M
)


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    cells = notebook.cells
    return [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]


def pictures(cell: NotebookNode) -> list[bytes]:
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    kinds = ("image/png", "image/jpeg")
    return [base64.b64decode(one[kind]) for one in data for kind in kinds if kind in one]


def texts(cell: NotebookNode) -> list[str]:
    """All that a cell shows as text."""
    found = []
    for output in cell.get("outputs", []):
        found.append(output.get("text", ""))
        data = output.get("data", {})
        found += [str(value) for kind, value in data.items() if not kind.startswith("image/")]
    return found


def broken_rules(notebook: NotebookNode, solution: bool = False) -> list[str]:
    """The rules that a notebook breaks, each with the cell, counted from 1 as papermill does."""
    found = []
    cells = notebook.cells
    code = code_cells(notebook)
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        found.append("cells were not executed once each from the first to the last")
    for number, cell in enumerate(cells, 1):
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"cell {number} ended in an error")
            if output.get("name") == "stderr":
                found.append(f"cell {number} wrote to stderr")
        if (lines := len(re.findall(r"^.*\S", cell.source, re.M))) > LINES_A_CELL:
            found.append(f"cell {number} has {lines} lines of code")
        if len(pictures(cell)) > 1:
            found.append(f"cell {number} shows several pictures")
        if any(len(picture) > PICTURE_BYTES for picture in pictures(cell)):
            found.append(f"cell {number} shows a picture of more than 150 KB")
        if any(MACHINE_PATH.search(text) for text in [cell.source, *texts(cell)]):
            found.append(f"cell {number} names a folder of some machine")
    if not solution and len(cells) not in CELLS:
        found.append(f"{len(cells)} cells")
    if not cells or cells[0].cell_type != "markdown" or not cells[0].source.startswith("# "):
        found.append("the first cell is no title")
    parameters = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    if len(parameters) != 1:
        found.append(f"{len(parameters)} cells are tagged 'parameters'")
    for cell in parameters:
        nodes = ast.walk(ast.parse(cell.source))
        if any(isinstance(node, ast.Call | ast.alias | ast.comprehension) for node in nodes):
            found.append("the parameters are not all literals")
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        found.append("the kernel is not python3")
    return found


def checks(notebook: NotebookNode) -> list[tuple[str, str]]:
    """(notebook, exercise) of every check that is called, in order."""
    return [match for cell in code_cells(notebook) for match in CHECK.findall(cell.source)]


def names(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


def test_there_are_notebooks_and_each_has_its_solution() -> None:
    assert names(COURSE) == names(SOLUTIONS) != []
    assert [name[:2] for name in names(COURSE)] == [f"{n + 1:02}" for n in range(len(COURSE))]


@pytest.mark.parametrize("path", NOTEBOOKS + SOLUTIONS, ids=names(NOTEBOOKS + SOLUTIONS))
def test_a_notebook_keeps_the_rules(path: Path) -> None:
    nbformat.validate(read(path))
    assert broken_rules(read(path), solution=path in SOLUTIONS) == []


@pytest.mark.parametrize("path", COURSE, ids=names(COURSE))
def test_exercises_are_checked_and_solved(path: Path) -> None:
    asked = checks(read(path))
    assert len(set(asked)) in EXERCISES
    assert asked == [(path.stem[:2], str(number)) for number in range(1, len(asked) + 1)]
    solved = checks(read(path.parent / "solutions" / path.name))
    assert set(solved) == set(asked)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=names(NOTEBOOKS))
def test_links_lead_to_files(path: Path) -> None:
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    assert [link for link in LINK.findall(text) if not (path.parent / link).exists()] == []


def test_every_figure_has_a_name_of_its_own() -> None:
    """As figures/NAME is what the cell tagged figure:NAME shows, one cell alone may have it."""
    cells = [cell for path in NOTEBOOKS for cell in read(path).cells]
    tags = [tag for cell in cells for tag in cell.metadata.get("tags", [])]
    figures = [tag.removeprefix("figure:") for tag in tags if tag.startswith("figure:")]
    assert len(set(figures)) == len(figures)
    assert all(re.fullmatch("[a-z0-9_]+", name) for name in figures)


def given_and_taken(code: CodeType) -> tuple[set[str], set[str]]:
    """The names that a cell gives a meaning to, and those that it takes from before."""
    given, taken = set(), set()
    for step in dis.get_instructions(code):
        if step.opname == "STORE_NAME":
            given.add(step.argval)
        elif step.opname in ("LOAD_NAME", "LOAD_GLOBAL") and step.argval not in given:
            taken.add(step.argval)
        elif isinstance(step.argval, CodeType):  # of a function, or before Python 3.12 of a list
            taken |= given_and_taken(step.argval)[1] - given
    return given, taken


@pytest.mark.parametrize("path", NOTEBOOKS, ids=names(NOTEBOOKS))
def test_a_cell_may_be_run_again_after_the_last(path: Path) -> None:
    """What a cell takes from an earlier one has no other meaning in a later one."""
    sources = [cell.source for cell in code_cells(read(path))]
    cells = [given_and_taken(compile(source, "a cell", "exec")) for source in sources]
    given = [names for names, _ in cells]
    for number, (_, taken) in enumerate(cells):
        before, after = set().union(*given[:number]), set().union(*given[number + 1 :])
        assert not taken & before & after, f"In [{number + 1}]"
