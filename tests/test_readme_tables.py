"""README's tables are written by a command, from the landed ones."""

from pathlib import Path

import pytest

from colorlib.files import data_dir
from tools import readme

MARKED = "Before.\n<!-- table 1 -->\nold\n<!-- end of table 1 -->\nBetween.\n"
MARKED += "<!-- table 2 -->\n<!-- end of table 2 -->\nAfter.\n"


def test_a_block_stands_between_its_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of a line each, with a backslash, which is no command of a pattern."""
    for name in readme.BLOCKS:
        monkeypatch.setitem(readme.BLOCKS, name, lambda _, name=name: rf"\1 {name}")
    written = readme.with_blocks(MARKED, Path())
    assert written == (
        "Before.\n<!-- table 1 -->\n\\1 table 1\n<!-- end of table 1 -->\nBetween.\n"
        "<!-- table 2 -->\n\\1 table 2\n<!-- end of table 2 -->\nAfter.\n"
    )
    assert readme.with_blocks(written, Path()) == written
    with pytest.raises(AssertionError, match=r"README.md must have the lines <!-- table 1 -->"):
        readme.with_blocks(MARKED.replace("<!-- end of table 1 -->\n", ""), Path())


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
