"""README's tables are written by a command, from the landed ones."""

import importlib.util
from pathlib import Path

import pytest

from colorlib.files import data_dir

ROOT = Path(__file__).resolve().parent.parent
SPEC = importlib.util.spec_from_file_location("readme", ROOT / "tools" / "readme.py")
readme = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(readme)

MARKED = """Before.
<!-- table 1 -->
old
<!-- end of table 1 -->
Between.
<!-- table 2 -->
<!-- end of table 2 -->
After.
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of a README alone, whose tables are one word each."""
    (tmp_path / "README.md").write_text(MARKED, encoding="utf-8")
    monkeypatch.setattr(readme, "data_dir", lambda: tmp_path / "data")
    for name in readme.BLOCKS:
        monkeypatch.setitem(readme.BLOCKS, name, lambda results, name=name: f"{name} in {results}")
    return tmp_path


def test_a_block_stands_between_its_marks(folder: Path) -> None:
    assert readme.main() == 0
    results = folder / "data" / "results"
    assert (folder / "README.md").read_text(encoding="utf-8") == (
        f"Before.\n<!-- table 1 -->\ntable 1 in {results}\n<!-- end of table 1 -->\nBetween.\n"
        f"<!-- table 2 -->\ntable 2 in {results}\n<!-- end of table 2 -->\nAfter.\n"
    )
    written = (folder / "README.md").read_bytes()
    assert readme.main() == 0
    assert (folder / "README.md").read_bytes() == written


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<!-- table 2 -->\n", ""),
        ("<!-- end of table 1 -->\n", ""),
        ("<!-- table 2 -->\n<!-- end of table 2 -->", "<!-- end of table 2 -->\n<!-- table 2 -->"),
    ],
)
def test_without_its_marks_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    text = MARKED.replace(old, new)
    (folder / "README.md").write_text(text, encoding="utf-8")
    assert readme.main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: README.md must have the lines <!-- table ")
    assert (folder / "README.md").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", readme.BLOCKS)
def test_readme_shows_the_landed_table(name: str, root: Path) -> None:
    """Whoever lands a table writes it into README, too: python tools/readme.py."""
    landed = data_dir() / "results" / f"{name.replace(' ', '')}.csv"
    if not landed.is_file():
        pytest.skip(f"no {landed.name} has been landed")
    text = (root / "README.md").read_text(encoding="utf-8")
    _, _, rest = text.partition(f"<!-- {name} -->\n")
    shown, closed, _ = rest.partition(f"\n<!-- end of {name} -->")
    assert closed
    assert shown == readme.BLOCKS[name](landed.parent)
