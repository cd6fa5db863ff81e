"""The runner of the notebooks, on small notebooks made here."""

import re
import sys
from itertools import zip_longest
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from colorlib import reproduce

PICTURE = """import io, IPython, PIL.Image
PIL.Image.new("L", (1, 1), 77).save(stream := io.BytesIO(), "PNG")
IPython.display.Image(stream.getvalue())"""


def write(path: Path, *sources: str, tags: tuple[str, ...] = ()) -> None:
    """A notebook of code cells under a title; `tags` are those of the cells, in order."""
    cells = [new_markdown_cell("# A title")]
    for source, tag in zip_longest(sources, tags):
        cells.append(new_code_cell(source, metadata={"tags": [tag] if tag else []}))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


@pytest.fixture
def clone(tmp_path, monkeypatch) -> Path:
    """A folder with three notebooks, the second of which fails, in a path with a space."""
    root = tmp_path / "a clone"
    folder, parameters = root / "notebooks", ("parameters",)
    shows = "import os, sys\nprint(quick, repr(size), repr(name), os.getcwd(), sys.executable)"
    one = ["quick = False\nsize = 3\nname = 'bee'", shows, PICTURE]
    write(folder / "01_one.ipynb", *one, tags=(*parameters, "", "figure:01_pixel"))
    write(folder / "02_two.ipynb", "quick = False", "x = [1]\nx[7]", tags=parameters)
    write(folder / "03_three.ipynb", "quick = False", tags=parameters)
    write(folder / "solutions" / "01_one.ipynb", "print('solved')")
    monkeypatch.setattr(reproduce, "ROOT", root)
    return root


def run(root: Path, *arguments: str) -> int:
    folder, out = root / "notebooks", root / "build" / "notebooks"
    return reproduce.main(["--folder", str(folder), "--out", str(out), *arguments])


def printed(path: Path) -> str:
    notebook = nbformat.read(path, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def test_runs_all_and_reports_the_one_that_fails(clone, capsys):
    assert run(clone) == 1
    report = capsys.readouterr().out
    lines = re.sub(r"\d+\.\d s", "1.0 s", report).splitlines()
    assert lines == [
        "[1/3] 01_one, 1.0 s: ok",
        "[2/3] 02_two, 1.0 s: FAILED in cell 3, In [2]:",
        *("    x = [1]", "    x[7]", "  IndexError: list index out of range"),
        "[3/3] 03_three, 1.0 s: ok",
        "all, 1.0 s: 1 FAILED",
    ]
    # Each runs in the notebooks' folder, by the Python that runs this, whatever is registered.
    shown = f"False 3 'bee' {clone / 'notebooks'} {sys.executable}\n"
    assert printed(clone / "build" / "notebooks" / "01_one.ipynb") == shown
    with Image.open(clone / "figures" / "01_pixel.png") as picture:
        assert (picture.size, picture.getpixel((0, 0))) == ((1, 1), 77)


def test_chosen_notebooks_with_parameters(clone):
    """Each value is of the type that the notebook gives the parameter."""
    out = clone / "build" / "notebooks"
    assert run(clone, "--notebooks", "01", "--quick", "-p", "size", "5", "-p", "name", "5") == 0
    assert printed(out / "01_one.ipynb").startswith("True 5 '5' ")
    assert not (out / "02_two.ipynb").exists()
    # The repository's pictures are those of the notebooks as they are.
    assert list(clone.rglob("01_pixel.png")) == [clone / "build" / "figures" / "01_pixel.png"]


def test_solutions(clone):
    assert run(clone, "--solutions") == 0
    assert printed(clone / "build" / "notebooks" / "solutions" / "01_one.ipynb") == "solved\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["01", "03", "-p", "size", "5"], "03_three.ipynb has no parameter 'size': it has quick"),
        (["01", "09"], "no 09*.ipynb in {folder}: there are 01_one, 02_two, 03_three"),
        (["01", "-p", "quick", "maybe"], "01_one.ipynb: quick is of type bool, which 'maybe'"),
    ],
)
def test_what_is_unknown_is_refused_before_anything_runs(clone, capsys, arguments, error):
    assert run(clone, "--notebooks", *arguments) == 2
    assert error.format(folder=clone / "notebooks") in capsys.readouterr().err
    assert not (clone / "build").exists()


def test_other_failures_are_reported_and_the_next_notebook_runs(clone, capsys):
    """A kernel that dies, a file that is no notebook, and a figure that is none."""
    write(clone / "notebooks" / "01_one.ipynb", "import os\nos._exit(9)")
    (clone / "notebooks" / "02_two.ipynb").write_text("no JSON", encoding="utf-8")
    write(clone / "notebooks" / "03_three.ipynb", "print(1)", tags=("figure:03_none",))
    assert run(clone) == 1
    report = capsys.readouterr().out
    assert re.search(r"01_one, .* s: FAILED in DeadKernelError", report)
    assert re.search(r"02_two, .* s: FAILED in ", report)
    assert "the cell of figure 03_none shows 0 pictures, not 1" in report
    assert report.splitlines()[-1].endswith("3 FAILED")
