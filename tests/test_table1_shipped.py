"""The table that is landed was made with what is shipped, and can be made again."""

import itertools
import json
import random
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from colorlib import checkpoints
from colorlib.files import data_dir, sha256
from colorlib.paper import COUNTS, PAPER_SETS
from colorlib.photos import PhotoSet
from colorlib.table1 import (
    BUDGETS,
    LAYOUTS,
    LPIPS_COLUMNS,
    REFERENCES,
    make_table,
    per_photo,
    read_table,
    row_name,
    rows_of,
    spread,
)

TABLE = data_dir() / "results" / "table1.csv"
# 8-bit pictures are the same on every machine; CIEDE2000 and LPIPS are float32.
TOLERANCE = {"delta_e": 1e-4, "lpips_alex": 1e-4, "lpips_vgg": 1e-4}
OTHERS = ("psnr", "colorfulness", "gmac", "kept_attention", "kept_ffn")

pytestmark = pytest.mark.skipif(not TABLE.is_file(), reason="no table has been landed")


def test_it_was_made_with_the_shipped_checkpoints():
    """Whoever changes a checkpoint makes the table again."""
    about = json.loads(TABLE.with_suffix(".json").read_text(encoding="utf-8"))
    folder = checkpoints.checkpoint_dir()
    known = {name: sha256(folder / f"{name}.safetensors") for name in checkpoints.available()}
    assert {name: about["checkpoints"].get(name) for name in known} == known
    assert not any(Path(word).is_absolute() for word in shlex.split(about["command"]))


def test_it_is_complete():
    """Every shipped network and both references, on the paper's three sets, at its four counts;
    each with both kinds of LPIPS."""
    table = read_table(TABLE)
    measured = set(zip(table["set"], table["row"], table["hints"], strict=True))
    assert table[["psnr", *LPIPS_COLUMNS]].notna().all(axis=None)
    rows = list(REFERENCES)
    for name in checkpoints.available():
        budgets = BUDGETS if name.endswith("any") else [None]
        rows += [row_name(name, budget) for budget in budgets]
    assert measured >= set(itertools.product(PAPER_SETS, rows, COUNTS))


def test_its_numbers_are_the_means_of_those_of_the_photos():
    with np.load(TABLE.with_suffix(".npz")) as content:
        for _, line in read_table(TABLE).iterrows():
            start = f"{line['set']}|{line['row']}|{line['hints']}|"
            for column in ("psnr", "delta_e", "lpips_vgg", "gmac"):
                if pd.notna(line[column]):
                    mean = np.nanmean(content[start + column].astype(np.float64))
                    assert line[column] == pytest.approx(mean, abs=6e-4)


@pytest.mark.slow
def test_a_line_picked_at_random_comes_out_again(shared_dir, tmp_path, monkeypatch):
    """On 5 of its photos, evenly spread, to the digits that are printed."""
    monkeypatch.setenv("COLORLIB_LPIPS", str(shared_dir / "lpips"))
    can_be = {*checkpoints.available(), *REFERENCES}
    table = read_table(TABLE)
    line = random.choice(table[table["model"].isin(can_be)].to_dict("records"))
    landed = per_photo(TABLE, line["set"], line["row"], line["hints"])
    index = spread(range(len(landed["photo"])), 5)
    # Not by `find_sets`, which opens every photo of the set.
    paths = LAYOUTS[line["set"]][0](shared_dir / "datasets" / "paper" / line["set"]).paths
    by_name = {path.stem: path for path in paths}
    part = PhotoSet(line["set"], tuple(by_name[landed["photo"][k]] for k in index))
    make_table(rows_of([line["row"]]), [part], [line["hints"]], tmp_path / "table1.csv")
    again = per_photo(tmp_path / "table1.csv", line["set"], line["row"], line["hints"])
    for column in (*OTHERS, *TOLERANCE):
        if column in landed:
            there = ~np.isnan(landed[column][index])  # LPIPS is measured on some of the photos
            np.testing.assert_allclose(
                again[column][there],
                landed[column][index][there],
                rtol=0,
                atol=TOLERANCE.get(column, 1e-5),
                err_msg=f"{line['set']}, {line['row']}, {line['hints']} hints: {column}",
            )
