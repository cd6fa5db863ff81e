"""What is in photos: by hand, and the landed table of the test sets."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorlib.course import n07 as command
from colorlib.course.n07 import FEATURES, SIDE, measure, read_contents
from colorlib.files import ColorlibError, data_dir
from colorlib.metrics import colorfulness, edges, segments
from colorlib.photos import open_photo
from colorlib.table1 import find_sets

LANDED = data_dir() / "results" / "contents.csv"


def quarters(side: int = 64) -> np.ndarray:
    """Four plain colours."""
    colours = np.array([[[200, 30, 30], [30, 200, 30]], [[30, 30, 200], [220, 220, 30]]], np.uint8)
    return colours.repeat(side // 2, axis=0).repeat(side // 2, axis=1)


def test_edges_by_hand() -> None:
    plain = np.full((40, 40, 3), 90, np.uint8)
    assert edges(plain) == 0
    # Black and white halves, a step of 1: in both columns beside it the filter (1, 0, -1) gives
    # 1, over the root of 2 as there are two directions; 2 of 40 columns.
    plain[:, :20], plain[:, 20:] = 0, 255
    assert edges(plain) == pytest.approx(2 / 40 / np.sqrt(2), rel=1e-4)
    assert edges(np.stack([plain, plain[:, ::-1]])).tolist() == pytest.approx(
        [float(edges(plain))] * 2
    )


def test_segments_by_hand() -> None:
    assert segments(np.full((64, 64, 3), 90, np.uint8)) == 1
    assert segments(quarters()) == 4
    # A speck under the least size belongs to what is around it.
    speck = np.full((64, 64, 3), 90, np.uint8)
    speck[30:34, 30:34] = 255
    assert segments(speck) == 1
    assert segments(np.stack([quarters(), speck])).tolist() == [4, 1]


def test_other_than_photos_are_refused() -> None:
    for metric in (edges, segments):
        with pytest.raises(ColorlibError, match="8-bit photos"):
            metric(np.zeros((4, 4, 3)))


def test_a_table_of_contents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "imagenet" / "val"
    folder.mkdir(parents=True)
    for number in range(2):
        photo = Image.fromarray(quarters(80 + 10 * number))
        photo.save(folder / f"photo_{number}.JPEG", quality=100)
    (folder / "torn.JPEG").write_bytes(b"no photo")
    out = tmp_path / "contents.csv"
    given = ["--data", str(tmp_path), "--out", str(out), "--quiet"]
    assert command.main(given) == 0
    said = capsys.readouterr()
    assert "2 photos" in said.out
    assert "imagenet: left out: torn.JPEG: cannot open torn.JPEG" in said.err
    assert "cub200: not measured: there is no folder" in said.err
    found = read_contents(out)
    assert list(found) == ["imagenet"]
    rgb = open_photo(folder / "photo_1.JPEG").resized(SIDE).rgb
    line = found["imagenet"]["photo_1"]
    assert line["colorfulness"] == pytest.approx(float(colorfulness(rgb)), abs=0.005)
    assert line["edges"] == pytest.approx(float(edges(rgb)), abs=5e-6)
    assert line["segments"] == float(segments(rgb))
    assert command.main(["--data", str(tmp_path / "none"), "--quiet"]) == 2


@pytest.mark.parametrize(
    "text", ["", "set,photo\na,b\n", "set,photo,colorfulness,edges,segments\n1"]
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "contents.csv"
    with pytest.raises(ColorlibError, match="cannot read"):
        read_contents(path)
    path.write_text(text, encoding="utf-8")
    if text:
        with pytest.raises(ColorlibError, match=r"cannot read .*contents\.csv"):
            read_contents(path)


def test_the_landed_table_is_of_the_test_sets(shared_dir: Path) -> None:
    """Every photo is there; of two in each set the numbers come out again."""
    landed = read_contents(LANDED)
    sets, _ = find_sets(shared_dir / "datasets" / "eval")
    assert set(landed) == {one.name for one in sets}
    for one in sets:
        assert set(landed[one.name]) == {path.stem for path in one.paths}
        for path in one.spread(2).paths:
            again = measure(open_photo(path).resized(SIDE).rgb[None])
            for name, (_, digits) in FEATURES.items():
                allowed = 10.0**-digits if name != "segments" else 1  # a tie may fall otherwise
                assert landed[one.name][path.stem][name] == pytest.approx(
                    float(again[name][0]), abs=allowed
                )
