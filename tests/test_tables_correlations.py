"""What the number kept goes with, in a made-up table."""

from pathlib import Path

import numpy as np
import pytest

from colorlib.course.n07 import HARDNESS, HINTS, rank_correlations, side_by_side
from colorlib.files import ColorlibError
from colorlib.table1 import NOTHING


def write_table(folder: Path, photos: int = 40) -> tuple[Path, Path]:
    """Photos that keep the more the more edges they have; segments count down."""
    random = np.random.default_rng(0)
    names = [f"p{number}" for number in range(photos)]
    lines = [f"cub200,{name},50.00,{i / 1000:.5f},{photos - i}" for i, name in enumerate(names)]
    contents = folder / "contents.csv"
    contents.write_text(
        "\n".join(["set,photo,colorfulness,edges,segments", *lines, "imagenet,q,1,1,1", ""])
    )
    table = ["set,model,budget,hints,photos,psnr"]
    arrays: dict[str, np.ndarray] = {}
    for row in ("a@0.5", "icolorit-t"):
        for count in (1, 10):
            kept = np.arange(photos) * 20 // photos + (count == 1)
            gates = (np.arange(24) < kept[:, None]).reshape(photos, 12, 2)
            table.append(f"cub200,{row.replace('@', ',') if '@' in row else row + ','},{count},1,1")
            start = f"cub200|{row}|{count}|"
            arrays |= {start + "photo": np.array(names), start + "gates": gates}
            arrays[start + "delta_e"] = random.normal(size=photos).astype(np.float32)
    (folder / "table1.csv").write_text("\n".join(table))
    np.savez(folder / "table1.npz", **arrays)
    return folder / "table1.csv", contents


def change(table: Path, key: str, value: np.ndarray | None) -> None:
    """Another array, or none, in the numbers of the photos."""
    with np.load(table.with_suffix(".npz")) as content:
        arrays = dict(content)
    del arrays[key]
    if value is not None:
        arrays[key] = value
    np.savez(table.with_suffix(".npz"), **arrays)


def test_correlations_of_a_landed_table(tmp_path: Path) -> None:
    table, contents = write_table(tmp_path)
    found = rank_correlations(table, contents, "a@0.5")
    assert {place for place, _ in found} == {"cub200"}
    # 40 photos, two and two keep as many: ranks 1.5, 1.5, 3.5 ... against 1, 2, 3 ...
    assert found["cub200", "edges"].value == pytest.approx(1, abs=1e-3)
    assert found["cub200", "segments"].value == pytest.approx(-1, abs=1e-3)
    assert found["cub200", "colorfulness"] is NOTHING
    assert found["cub200", HARDNESS].sign == 0
    # One hint always keeps one more than ten do, however far apart the photos are.
    assert found["cub200", HINTS] == (-1, -1, -1)
    text = side_by_side(found)
    assert text.splitlines()[0].split() == ["cub200"]
    assert any(line.split()[:2] == ["edges", "+1.00"] for line in text.splitlines())


def test_a_table_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    table, contents = write_table(tmp_path)
    with pytest.raises(ColorlibError, match="has no row b"):
        rank_correlations(table, contents, "b")
    contents.write_text(contents.read_text().replace("p7,", "p70,"))
    with pytest.raises(ColorlibError, match="has no photo p7 of cub200"):
        rank_correlations(table, contents, "a@0.5")
    contents.write_text("set,photo,colorfulness,edges,segments\nimagenet,q,1,1,1\n")
    with pytest.raises(ColorlibError, match="has no photo p0 of cub200"):
        rank_correlations(table, contents, "a@0.5")


@pytest.mark.parametrize("run", ["icolorit-t|10", "a@0.5|1"])
def test_photos_are_compared_by_name(tmp_path: Path, run: str) -> None:
    """Rows of the same photos in another order would be paired wrongly."""
    table, contents = write_table(tmp_path)
    names = np.array([f"p{number}" for number in range(40)])
    change(table, f"cub200|{run}|photo", names[::-1])
    with pytest.raises(ColorlibError, match=r"cub200 in .* not of the same photos"):
        rank_correlations(table, contents, "a@0.5")


def test_what_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    table, contents = write_table(tmp_path)
    for what in ("photo", "gates", "delta_e"):
        change(table, f"cub200|a@0.5|1|{what}", None)
    with pytest.raises(ColorlibError, match=r"no photos of a@0\.5 on cub200 with 1 hints"):
        rank_correlations(table, contents, "a@0.5")
    table.with_suffix(".npz").write_bytes(b"torn")
    with pytest.raises(ColorlibError, match="cannot read"):
        rank_correlations(table, contents, "a@0.5")
