"""The table that is landed was made with what is shipped, and can be made again."""

import itertools
import json
import random
import shlex
from pathlib import Path

import numpy as np
import pytest

from colorlib import checkpoints
from colorlib.files import data_dir, sha256
from colorlib.paper import COUNTS
from colorlib.tables import make_table, per_photo, read_table, readme
from colorlib.tables.rows import REFERENCES, rows_of
from colorlib.tables.sets import TestSet, find_sets

TABLE = data_dir() / "results" / "table1.csv"
# 8-bit pictures are the same on every machine; CIEDE2000 and LPIPS are float32.
TOLERANCE = {"delta_e": 1e-4, "lpips_alex": 1e-4, "lpips_alex_icolorit": 1e-4}
OTHERS = ("psnr", "colorfulness", "gmac", "kept_attention", "kept_ffn")

pytestmark = pytest.mark.skipif(not TABLE.is_file(), reason="no table has been landed")


def label(line: dict) -> str:
    return line["model"] if line["budget"] is None else f"{line['model']}@{line['budget']:g}"


def test_it_was_made_with_the_shipped_checkpoints() -> None:
    """Whoever changes a checkpoint makes the table again."""
    about = json.loads(TABLE.with_suffix(".json").read_text(encoding="utf-8"))
    folder = checkpoints.checkpoint_dir()
    shipped = {name: sha256(folder / f"{name}.safetensors") for name in checkpoints.available()}
    assert {name: about["checkpoints"].get(name) for name in shipped} == shipped
    assert not any(Path(word).is_absolute() for word in shlex.split(about["command"]))


def test_readme_shows_it(root: Path) -> None:
    """`python -m colorlib.tables readme` writes it."""
    text = (root / "README.md").read_text(encoding="utf-8")
    assert text == readme.in_readme(text, read_table(TABLE))


def test_it_is_complete() -> None:
    """Every shipped network and both references, on three sets, at the paper's four counts."""
    lines = read_table(TABLE)
    measured = {(line["set"], label(line), line["hints"]) for line in lines}
    rows = [row.label for row in rows_of([*checkpoints.available(), *REFERENCES])]
    sets = {line["set"] for line in lines}
    assert sets >= {"imagenet", "cub200"}
    assert sets & {"oxford17", "oxford102"}
    assert measured >= set(itertools.product(sets, rows, COUNTS))


def test_its_numbers_are_the_means_of_those_of_the_photos() -> None:
    with np.load(TABLE.with_suffix(".npz")) as content:
        for line in read_table(TABLE):
            start = f"{line['set']}|{label(line)}|{line['hints']}|"
            for column in ("psnr", "delta_e", "lpips_alex", "gmac"):
                if line[column] is not None:
                    mean = content[start + column].astype(np.float64).mean()
                    assert line[column] == pytest.approx(mean, abs=6e-4)


@pytest.mark.slow
def test_a_line_picked_at_random_comes_out_again(
    shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On 30 of its photos, to the digits that are printed."""
    monkeypatch.setenv("COLORLIB_LPIPS", str(shared_dir / "lpips"))
    can_be = {*checkpoints.available(), *REFERENCES}
    line = random.choice([line for line in read_table(TABLE) if line["model"] in can_be])
    landed = per_photo(TABLE, line["set"], label(line), line["hints"])
    chosen = landed["photo"][:: -(-len(landed["photo"]) // 30)]
    (whole,), _ = find_sets(shared_dir / "datasets" / "eval", [line["set"]])
    paths = tuple(path for path in whole.paths if path.stem in set(chosen))
    part = TestSet(whole.name, paths, whole.found, whole.official, ())
    make_table(rows_of([label(line)]), [part], [line["hints"]], tmp_path / "table1.csv")
    again = per_photo(tmp_path / "table1.csv", line["set"], label(line), line["hints"])
    index = [landed["photo"].tolist().index(name) for name in again["photo"]]
    assert len(index) == len(chosen)
    for column in (*OTHERS, *TOLERANCE):
        if column in landed:
            np.testing.assert_allclose(
                again[column],
                landed[column][index],
                rtol=0,
                atol=TOLERANCE.get(column, 1e-5),
                err_msg=f"{line['set']}, {label(line)}, {line['hints']} hints: {column}",
            )
