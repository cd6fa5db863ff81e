"""The runner of the notebooks, on small notebooks made here."""

import base64
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from colorlib import reproduce
from colorlib.files import ConfigError

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
    one = ["quick = False\nsize = 3", "import os, sys\nprint(quick, size, os.getcwd())", PICTURE]
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


def test_pages_without_a_number_come_last(clone: Path) -> None:
    write(clone / "notebooks" / "errata.ipynb", "print(1)")
    names = [path.stem for path in reproduce.find_notebooks(clone / "notebooks")]
    assert names == ["01_one", "02_two", "03_three", "errata"]


def printed(path: Path) -> str:
    notebook = nbformat.read(path, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def test_runs_all_and_reports_the_one_that_fails(clone: Path, capsys) -> None:
    assert run(clone) == 1
    report = capsys.readouterr().out
    assert "02_two.ipynb FAILED in cell 3, In [2]:" in report
    assert "    x = [1]\n    x[7]\n  IndexError: list index out of range" in report
    table = report[report.index("notebook ") :].splitlines()
    assert [line.split()[0] for line in table] == [
        "notebook",
        "01_one",
        "02_two",
        "03_three",
        "all",
    ]
    assert [line.split()[2] for line in table[1:4]] == ["ok", "FAILED", "ok"]
    assert table[4].endswith("1 FAILED")
    # Each runs in the notebooks' folder, by the Python that runs this, whatever is registered.
    assert (
        printed(clone / "build" / "notebooks" / "01_one.ipynb")
        == f"False 3 {clone / 'notebooks'}\n"
    )
    assert printed(clone / "build" / "notebooks" / "03_three.ipynb") == f"{sys.executable}\n"
    assert (clone / "figures" / "01_pixel.png").read_bytes() == base64.b64decode(PIXEL)


def test_chosen_notebooks_with_parameters(clone: Path, capsys) -> None:
    arguments = ["--notebooks", "01", "--quick", "-p", "size", "5"]
    assert run(clone, *arguments) == 0
    assert (
        printed(clone / "build" / "notebooks" / "01_one.ipynb") == f"True 5 {clone / 'notebooks'}\n"
    )
    assert not (clone / "build" / "notebooks" / "02_two.ipynb").exists()
    # The repository's pictures are those of the notebooks as they are.
    assert list(clone.rglob("01_pixel.png")) == [clone / "build" / "figures" / "01_pixel.png"]


def test_solutions(clone: Path) -> None:
    assert run(clone, "--solutions") == 0
    assert printed(clone / "build" / "notebooks" / "solutions" / "01_one.ipynb") == "solved\n"


def test_an_unknown_parameter_is_refused_before_anything_runs(clone: Path, capsys) -> None:
    assert run(clone, "--notebooks", "01", "03", "-p", "size", "5") == 2
    error = capsys.readouterr().err
    assert error == "reproduce: 03_three.ipynb has no parameter 'size': it has quick\n"
    assert not (clone / "build").exists()


def test_an_unknown_notebook_is_refused(clone: Path, capsys) -> None:
    assert run(clone, "--notebooks", "01", "09") == 2
    error = capsys.readouterr().err
    assert error == "reproduce: no notebook starts with '09': there are 01_one, 02_two, 03_three\n"


def test_no_notebooks_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run this from a clone"):
        reproduce.find_notebooks(tmp_path)


def test_a_broken_notebook_is_reported_and_the_next_runs(clone: Path, capsys) -> None:
    (clone / "notebooks" / "02_two.ipynb").write_text("no JSON", encoding="utf-8")
    assert run(clone) == 1
    assert "02_two.ipynb FAILED in " in (report := capsys.readouterr().out)
    assert "03_three" in report.splitlines()[-2]


def test_a_kernel_that_dies_is_reported(clone: Path, capsys) -> None:
    write(clone / "notebooks" / "02_two.ipynb", "import os\nos._exit(9)")
    assert run(clone, "--notebooks", "02") == 1
    assert "DeadKernelError" in capsys.readouterr().out


def test_a_figure_cell_without_a_picture_fails(clone: Path, capsys) -> None:
    write(clone / "notebooks" / "02_two.ipynb", "print(1)", tags={0: ["figure:02_none"]})
    assert run(clone, "--notebooks", "02") == 1
    assert "the cell of figure 02_none shows 0 pictures, not 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "value"),
    [("True", True), ("3", 3), ("0.5", 0.5), ("chelsea", "chelsea"), ("'7'", "7"), ("None", None)],
)
def test_values_are_literals_or_text(text: str, value: object) -> None:
    assert reproduce.parse_value(text) == value
