"""The runner of the notebooks, on small notebooks made here."""

import base64
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from colorlib import reproduce

# A PNG of one pixel.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
PICTURE = f"from IPython.display import Image\nImage(__import__('base64').b64decode('{PIXEL}'))"


def write(path: Path, *sources: str, tags: dict[int, list[str]] | None = None) -> Path:
    """A notebook of code cells under a title; `tags` are by the number of the code cell."""
    cells = [new_markdown_cell("# A title")]
    for number, source in enumerate(sources):
        metadata = {"tags": (tags or {}).get(number, [])}
        cells.append(new_code_cell(source, metadata=metadata))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def clone(tmp_path: Path, monkeypatch) -> Path:
    """A folder with three notebooks, the second of which fails, in a path with a space."""
    root = tmp_path / "a clone"
    parameters = {0: ["parameters"]}
    one = ["quick = False\nsize = 3", "import os\nprint(quick, repr(size), os.getcwd())", PICTURE]
    write(root / "notebooks" / "01_one.ipynb", *one, tags=parameters | {2: ["figure:01_pixel"]})
    write(root / "notebooks" / "02_two.ipynb", "quick = False", "x = [1]\nx[7]", tags=parameters)
    write(
        root / "notebooks" / "03_three.ipynb",
        "quick = False",
        "import sys\nprint(sys.executable)",
        tags=parameters,
    )
    write(root / "notebooks" / "solutions" / "01_one.ipynb", "print('solved')")
    monkeypatch.setattr(reproduce, "ROOT", root)
    return root


def run(root: Path, *arguments: str) -> int:
    folder, out = root / "notebooks", root / "build" / "notebooks"
    return reproduce.main(["--folder", str(folder), "--out", str(out), *arguments])


def printed(path: Path) -> str:
    notebook = nbformat.read(path, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def test_runs_all_and_reports_the_one_that_fails(clone: Path, capsys) -> None:
    assert run(clone) == 1
    report = capsys.readouterr().out
    assert "02_two.ipynb FAILED in cell 3, In [2]:" in report
    assert "    x = [1]\n    x[7]\n  IndexError: list index out of range" in report
    table = [line.split() for line in report[report.index("notebook ") :].splitlines()]
    assert [(row[0], row[2]) for row in table[1:4]] == [
        ("01_one", "ok"),
        ("02_two", "FAILED"),
        ("03_three", "ok"),
    ]
    assert table[4][2:] == ["1", "FAILED"]
    # Each runs in the notebooks' folder, by the Python that runs this, whatever is registered.
    out = clone / "build" / "notebooks"
    assert printed(out / "01_one.ipynb") == f"False 3 {clone / 'notebooks'}\n"
    assert printed(out / "03_three.ipynb") == f"{sys.executable}\n"
    assert (clone / "figures" / "01_pixel.png").read_bytes() == base64.b64decode(PIXEL)


def test_chosen_notebooks_with_parameters(clone: Path) -> None:
    out = clone / "build" / "notebooks"
    for text, value in (("chelsea", "'chelsea'"), ("5", "5")):  # a text, and a Python literal
        assert run(clone, "--notebooks", "01", "--quick", "-p", "size", text) == 0
        assert printed(out / "01_one.ipynb") == f"True {value} {clone / 'notebooks'}\n"
    assert not (out / "02_two.ipynb").exists()
    # The repository's pictures are those of the notebooks as they are.
    assert list(clone.rglob("01_pixel.png")) == [clone / "build" / "figures" / "01_pixel.png"]


def test_solutions(clone: Path) -> None:
    assert run(clone, "--solutions") == 0
    assert printed(clone / "build" / "notebooks" / "solutions" / "01_one.ipynb") == "solved\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["--notebooks", "01", "03", "-p", "size", "5"],
            "03_three.ipynb has no parameter 'size': it has quick",
        ),
        (
            ["--notebooks", "01", "09"],
            "no notebook starts with '09': there are 01_one, 02_two, 03_three",
        ),
    ],
)
def test_what_is_unknown_is_refused_before_anything_runs(clone, capsys, arguments, error) -> None:
    assert run(clone, *arguments) == 2
    assert capsys.readouterr().err == f"reproduce: {error}\n"
    assert not (clone / "build").exists()


def test_other_failures_are_reported_and_the_next_notebook_runs(clone: Path, capsys) -> None:
    """A kernel that dies, a file that is no notebook, and a figure that is none."""
    write(clone / "notebooks" / "01_one.ipynb", "import os\nos._exit(9)")
    (clone / "notebooks" / "02_two.ipynb").write_text("no JSON", encoding="utf-8")
    write(clone / "notebooks" / "03_three.ipynb", "print(1)", tags={0: ["figure:03_none"]})
    assert run(clone) == 1
    report = capsys.readouterr().out
    assert "01_one.ipynb FAILED in DeadKernelError" in report
    assert "02_two.ipynb FAILED in " in report
    assert "the cell of figure 03_none shows 0 pictures, not 1" in report
    assert report.splitlines()[-1].endswith("3 FAILED")
