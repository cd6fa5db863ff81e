"""Table 1 on made-up sets and tiny networks: what is measured, resumed and left out."""

import functools
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io
import torch
from networks import tiny
from PIL import Image

from colorlib import checkpoints, table1
from colorlib.course.errata import PAPER_DIFFERENCES
from colorlib.evaluate import HintedPhotos
from colorlib.files import ColorlibError, sha256
from colorlib.hints import evaluation_hints, write_icolorit
from colorlib.levin import colorize
from colorlib.metrics import Lpips, colorfulness, delta_e, psnr, standard_error
from colorlib.paper import PAPER
from colorlib.photos import open_photo
from colorlib.table1 import (
    Interval,
    Ruler,
    beside_paper,
    find_sets,
    interval_of_mean,
    main,
    make_table,
    mean_interval,
    paired,
    per_photo,
    read_table,
    rows_of,
)

BASE = ["--models", "icolorit-t", "acolvit-t-any", "no-colour", "levin-2004", "--hints", "1", "5"]


def put_photo(path: Path, seed: int, **options: Any) -> None:
    """Four flat colours, saved in the format of the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.default_rng(seed).integers(0, 256, (2, 2, 3), dtype=np.uint8)
    Image.fromarray(small.repeat(24, axis=0).repeat(30, axis=1)).save(path, **options)


def put_model(path: Path, seed: int, **settings: Any) -> None:
    checkpoints.save_model(tiny(seed, depth=3, **settings), path, {})


@pytest.fixture(scope="module", autouse=True)
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A data folder with a gallery and networks, and a tree with every layout of test set.

    The library's own data folder is the small one, and LPIPS' weights are nowhere.
    """
    data, root = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("sets")
    bare = tmp_path_factory.mktemp("bare")  # one set, and one whose photos are not there
    for number in range(2):
        put_photo(data / "photos" / f"g{number}.jpg", 20 + number)
    Image.new("L", (40, 30), 90).save(data / "photos" / "grey.jpg")
    (data / "checkpoints").mkdir()
    put_model(data / "checkpoints" / "icolorit-t.safetensors", 0, policy=False)
    put_model(data / "checkpoints" / "acolvit-t-any.safetensors", 1, budget=True)
    for number in range(5):
        put_photo(root / "imagenet" / "val" / f"ILSVRC2012_val_{number:08d}.JPEG", number)
    splits = {"trnid": [[9]], "valid": [[3, 1, 7]], "tstid": [[8]]}
    for folder in (root, bare):
        (folder / "oxford102").mkdir()
        scipy.io.savemat(folder / "oxford102" / "setid.mat", splits)
    shutil.copytree(root / "imagenet", bare / "imagenet")
    for number in (1, 3):
        put_photo(root / f"oxford102/jpg/image_{number:05d}.jpg", number)
    birds = root / "CUB_200_2011"
    names = [f"001.Albatross/A_{number}.jpg" for number in range(3)]
    put_photo(birds / "images" / names[0], 30)
    (birds / "images" / names[1]).write_bytes((birds / "images" / names[0]).read_bytes()[:300])
    listing = "".join(f"{number} {name}\n" for number, name in enumerate(names, 1))
    (birds / "images.txt").write_text(listing, encoding="utf-8")
    (birds / "train_test_split.txt").write_text("1 0\n2 0\n3 0\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLORLIB_DATA", str(data))
        patch.delenv("COLORLIB_LPIPS", raising=False)
        patch.setattr(torch.hub, "get_dir", lambda: str(data))
        yield {"data": data, "root": root, "bare": bare}


def run(places: dict[str, Path], out: Path, *options: str) -> pd.DataFrame:
    given = ["--data", str(places["root"]), *BASE, "--out", str(out), "--quiet", "--cpu"]
    assert main([*given, *options]) == 0
    return read_table(out)


@pytest.fixture(scope="module")
def table(places: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole table of the tree."""
    out = tmp_path_factory.mktemp("made") / "table1.csv"
    run(places, out)
    return out


@pytest.fixture(scope="module")
def given(places: dict[str, Path]) -> HintedPhotos:
    """The photos of imagenet with 5 hints, as the tiny networks see them."""
    paths = sorted((places["root"] / "imagenet" / "val").iterdir())
    return HintedPhotos([open_photo(path) for path in paths], 5, 32, dtype=torch.float64)


def test_every_row_and_set_is_there(table):
    lines = read_table(table)
    sizes = lines.groupby("set", sort=False)["photos"].first()
    assert sizes.to_dict() == {"imagenet": 5, "oxford102": 2, "cub200": 1}
    budgets = [f"acolvit-t-any@{budget}" for budget in (0.7, 0.5, 0.3)]
    rows = ["icolorit-t", *budgets, "no-colour", "levin-2004"]
    own = lines[lines["set"] == "imagenet"]
    assert own["row"].tolist() == [row for row in rows for _ in (1, 5)]
    assert (lines["hint_source"] == "hash").all()
    assert (lines["psnr"] > 0).all()
    # Of one photo nothing can be said about the spread.
    assert (lines["psnr_se"].isna() == (lines["set"] == "cub200")).all()
    assert lines["lpips_vgg"].isna().all()
    assert (
        lines["note"].str.contains("LPIPS (vgg) not measured: weights missing", regex=False).all()
    )
    assert (lines["gmac"].isna() == lines["model"].isin(["no-colour", "levin-2004"])).all()
    assert (lines.loc[lines["model"] == "icolorit-t", "kept_ffn"] == 1).all()


def test_numbers_are_those_of_the_metrics_one_by_one(given, table):
    """Of the dense network with 5 hints, by the functions that others test."""
    model = checkpoints.load_model("icolorit-t")
    pictures, truth = given.run(model.double()).pictures.numpy(), given.truth.numpy()
    lines = read_table(table).set_index(["set", "row", "hints"])
    line = lines.loc["imagenet", "icolorit-t", 5]
    photos = per_photo(table, "imagenet", "icolorit-t", 5)
    for column, metric in {
        "psnr": psnr,
        "delta_e": delta_e,
        "colorfulness": lambda a, b: colorfulness(a) - colorfulness(b),
    }.items():
        values = np.array([metric(*pair) for pair in zip(pictures, truth, strict=True)])
        assert line[column] == pytest.approx(values.mean(), abs=6e-4)
        assert line[f"{column}_se"] == pytest.approx(standard_error(values), abs=6e-4)
        np.testing.assert_allclose(photos[column], values, atol=1e-4)
    assert photos["photo"].tolist() == [photo.name for photo in given.photos]
    assert photos["gates"].shape == (5, 3, 2)
    assert line["gmac"] == pytest.approx(model.costs.dense / 1e9, abs=5e-5)


def test_references(given, table):
    """No colour is the grey photo, whatever the hints; Levin's is ours of the hints' colours."""
    for hints in (1, 5):
        found = per_photo(table, "imagenet", "no-colour", hints)["psnr"]
        np.testing.assert_allclose(found, given.grey().psnr, rtol=1e-6)
    L, x = given.lightness[2, 0].numpy(), given.inputs[2].numpy()
    ab = torch.zeros_like(given.ab)
    ab[2] = torch.from_numpy(colorize(L, x[1:3] * 110, x[3] > 0))
    found = per_photo(table, "imagenet", "levin-2004", 5)["psnr"][2]
    assert found == pytest.approx(float(given.painted(ab / 110).psnr[2]), abs=1e-4)


def test_what_is_left_out_is_listed(places, table):
    about = json.loads(table.with_suffix(".json").read_text(encoding="utf-8"))
    missing, corrupt = about["sets"]["cub200"]["left_out"]
    assert missing == "images/001.Albatross/A_2.jpg: missing"
    assert corrupt.startswith("A_1.jpg: cannot open A_1.jpg: ")
    assert about["sets"]["oxford102"]["left_out"] == ["jpg/image_00007.jpg: missing"]
    assert about["absent"] == {}
    assert "none of its 3 photos" in find_sets(places["bare"])[1]["oxford102"]
    folder = places["data"] / "checkpoints"
    assert about["checkpoints"] == {
        name: sha256(folder / f"{name}.safetensors") for name in ("icolorit-t", "acolvit-t-any")
    }
    assert about["command"].startswith("colorlib table1 --data ")
    assert {"python", "torch", "lpips"} <= about["versions"].keys()


def test_a_table_that_was_stopped_goes_on(places, tmp_path, monkeypatch):
    """After three parts, of which one is then lost; nothing else is done again."""
    out, whole, measure = tmp_path / "table1.csv", tmp_path / "whole.csv", Ruler.measure
    options = ["--sets", "oxford102", "--models", "icolorit-t", "acolvit-t-any@0.5", "no-colour"]
    run(places, whole, *options)
    done: list[str] = []
    most = 3

    def counted(self: Ruler, row: Any, paths: Any, count: int, title: str) -> Any:
        if len(done) == most:
            raise KeyboardInterrupt
        done.append(title)
        return measure(self, row, paths, count, title)

    monkeypatch.setattr(Ruler, "measure", counted)
    with pytest.raises(KeyboardInterrupt):
        run(places, out, *options)
    assert not out.exists()
    next(out.with_suffix(".parts").glob("*icolorit-t-5-*")).unlink()
    done.clear()
    most = 99
    run(places, out, *options)
    for end in (".csv", ".npz"):
        assert out.with_suffix(end).read_bytes() == whole.with_suffix(end).read_bytes()
    assert done[0] == "[2/6] oxford102, icolorit-t, 5 hints"
    assert len(done) == 6 - 2
    done.clear()
    run(places, out, *options)
    assert done == []
    # Other weights under the name: they are measured, and nothing else is.
    put_model(tmp_path / "icolorit-t.safetensors", 5, policy=False)
    run(places, out, *options[:3], str(tmp_path / "icolorit-t.safetensors"), "no-colour")
    assert done == [f"[{n}/4] oxford102, icolorit-t, {c} hints" for n, c in ((1, 1), (2, 5))]


def test_a_subset_is_named_so_and_the_batch_size_changes_nothing(places, table, tmp_path):
    out, row = tmp_path / "t.csv", "acolvit-t-any@0.5"
    options = ["--sets", "imagenet", "--models", row, "levin-2004", "--hints", "5"]
    lines = run(places, out, *options, "--limit", "4", "--levin-photos", "2", "--batch-size", "3")
    assert lines["photos"].tolist() == [4, 2]
    for note, count in zip(lines["note"], (4, 2), strict=True):
        assert note.startswith(f"{count} of 5 photos, evenly spread; ")
    few, whole = (per_photo(path, "imagenet", row, 5) for path in (out, table))
    for column in whole:
        np.testing.assert_array_equal(few[column], whole[column][:4])


def test_grey_photos_are_left_out_or_counted(places, tmp_path):
    """Of the gallery, which is measured without data: they would count 50 dB each."""
    out = tmp_path / "table1.csv"
    options = ["--out", str(out), "--models", "no-colour", "icolorit-t", "--hints", "1"]
    for photos, more in ((["g0", "g1"], []), (["g0", "g1", "grey"], ["--grey"])):
        assert main([*options, "--quiet", "--cpu", *more]) == 0
        found = per_photo(out, "gallery", "no-colour", 1)
        assert found["photo"].tolist() == photos
        about = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
        left_out = [] if more else ["grey.jpg: grey, without colours to compare with"]
        assert about["sets"]["gallery"]["left_out"] == left_out
        assert about["grey_photos"] == ("counted" if more else "left out")
    assert found["psnr"][2] > 48


def test_hints_of_files(places, given, table, tmp_path):
    """Files with the very positions of the hash give the very numbers; others are measured."""
    (tmp_path / "h2-n5").mkdir()
    for photo in given.photos:
        hints = evaluation_hints(photo, 5, side=32)
        write_icolorit(hints, tmp_path / "h2-n5" / f"{photo.name}.txt", side=32)
    options = ["--sets", "imagenet", "--models", "icolorit-t", "--hints", "5"]
    options += ["--hint-files", str(tmp_path)]
    assert run(places, tmp_path / "t.csv", *options)["hint_source"].tolist() == ["files"]
    own = per_photo(tmp_path / "t.csv", "imagenet", "icolorit-t", 5)["psnr"]
    np.testing.assert_allclose(
        own, per_photo(table, "imagenet", "icolorit-t", 5)["psnr"], atol=1e-3
    )
    (tmp_path / "h2-n5" / f"{given.photos[0].name}.txt").write_text("0 0\n", encoding="utf-8")
    run(places, tmp_path / "t.csv", *options)
    changed = per_photo(tmp_path / "t.csv", "imagenet", "icolorit-t", 5)["psnr"] != own
    assert changed.tolist() == [True] + [False] * 4


def test_paired_differences(table):
    """By hand, and only over the photos that both have."""
    one, other = (
        per_photo(table, "imagenet", name, 5)["psnr"].astype(float)
        for name in ("acolvit-t-any@0.7", "icolorit-t")
    )
    every = paired(table, "imagenet")
    assert len(every) == 2 * 5
    found = every["acolvit-t-any@0.7", 5]
    assert found.value == pytest.approx((one - other).mean())
    # Student's t of 5 photos: 2.776 standard errors.
    reach = 2.776 * (one - other).std(ddof=1) / 5**0.5
    assert found.high - found.value == pytest.approx(reach, rel=1e-3)
    assert found.value - found.low == pytest.approx(reach, rel=1e-3)
    assert paired(table, "imagenet", column="lpips_vgg") == {}
    # The references have no GMAC, and only photos that both were measured on are compared.
    assert len(paired(table, "imagenet", column="gmac")) == 2 * 3
    with pytest.raises(ColorlibError, match="no photos of nothing on imagenet with 5 hints"):
        per_photo(table, "imagenet", "nothing", 5)
    with pytest.raises(ColorlibError, match="cannot read"):
        paired(table.with_name("nothing.csv"), "imagenet")


def test_intervals_of_means_by_hand():
    # 1, 2, 3: mean 2, deviation 1, error 1 / sqrt 3 = .57735; t of 2 at 97.5% is 4.30265.
    assert mean_interval([1, 2, 3]) == pytest.approx((2, 2 - 2.48414, 2 + 2.48414), abs=1e-4)
    assert interval_of_mean(2, 3**-0.5, 3) == pytest.approx(mean_interval([1, 2, 3]))
    assert mean_interval([5.0])[0] == 5
    assert math.isnan(mean_interval([5.0]).low)
    signs = [Interval(0, *ends).sign for ends in ((0.1, 0.3), (-0.3, -0.1), (-0.1, 0.1))]
    assert signs == [1, -1, 0]
    assert Interval(0.314, -0.001, 0.5).text() == "+0.31 [+0.00, +0.50]"
    assert Interval(0.314, -0.06, 0.5).text(1) == "+0.3 [-0.1, +0.5]"
    assert Interval(math.nan, math.nan, math.nan).text() == "-"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--models", "nothing"], "no checkpoint 'nothing'"),
        (["--models", "icolorit-t@0.5"], "icolorit-t has no budget to set"),
        (["--models", "acolvit-t-any@half"], "must be a number, 0 to 1"),
        (["--models", "acolvit-t-any", "acolvit-t-any@0.5"], "acolvit-t-any@0.5 comes twice"),
        (["--batch-size", "0"], "--batch-size is 0"),
        (["--lpips-photos", "0"], "--lpips-photos is 0"),
        (["--hints", "1", "257"], "--hints 257: a photo has 256 cells"),
        (["--hints", "-1"], "--hints -1: a photo has 256 cells"),
        (["--sets", "coco"], "no test set 'coco'"),
        (["--data", "{bare}", "--sets", "oxford102"], "none of its 3 photos"),
        (["--data", "nowhere"], "no test set below nowhere"),
        (["--out", "t.npz"], "--out t.npz: the suffix must be .csv"),
        (["--out", "nowhere/t.csv"], "there is no folder nowhere"),
        (["--hint-files", "nowhere"], "cannot read nowhere"),
    ],
)
def test_bad_input_is_one_clear_line(options, message, places, tmp_path, capsys):
    given = ["--data", str(places["root"]), "--out", str(tmp_path / "t.csv"), "--quiet", "--cpu"]
    options = [option.format(**places) for option in options]
    assert main([*given, "--models", "icolorit-t", *options]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]


def test_impossible_hints_are_refused_before_a_photo_is_opened(monkeypatch):
    """Opening takes minutes with 10,000 photos."""
    monkeypatch.setattr(table1, "find_sets", lambda *_: pytest.fail("it opens the photos"))
    assert main(["--models", "icolorit-t", "--hints", "99999"]) == 2


def test_networks_of_two_sizes_are_measured_at_the_larger(places, tmp_path):
    """The small one is resized, as it is to be shipped."""
    put_model(tmp_path / "large.safetensors", 0, policy=False, img_size=48)
    small = checkpoints.load_model("icolorit-t")
    checkpoints.save_model(checkpoints.resized(small, 48), tmp_path / "same.safetensors", {})
    names = [str(tmp_path / "same.safetensors"), "icolorit-t", str(tmp_path / "large.safetensors")]
    sets, _ = find_sets(places["root"], ["imagenet"])
    found = make_table(rows_of(names), sets, [5], tmp_path / "t.csv")
    assert found["model"].tolist() == ["same", "icolorit-t", "large"]
    # The one was rounded to fp16 at the larger size, the other before it was resized.
    assert found["psnr"][0] == pytest.approx(found["psnr"][1], abs=0.02)
    assert found["gmac"][0] == found["gmac"][1]


def test_lpips_where_its_weights_are(places, given, shared_dir, tmp_path, monkeypatch):
    """Each network's, fed as its column says, on some of the photos; or that of one network."""
    weights, load = shared_dir / "lpips", functools.cache(Lpips)
    monkeypatch.setenv("COLORLIB_LPIPS", str(weights))
    monkeypatch.setattr(table1, "Lpips", load)
    options = ["--sets", "imagenet", "--models", "icolorit-t", "--hints", "5"]
    options += ["--lpips-photos", "2"]
    line = run(places, tmp_path / "t.csv", *options, "--batch-size", "2").iloc[0]
    pictures = given.run(checkpoints.load_model("icolorit-t").double()).pictures.numpy()
    photos = per_photo(tmp_path / "t.csv", "imagenet", "icolorit-t", 5)
    for net, fed in (("alex", "lpips"), ("vgg", "icolorit")):
        lpips = load(net, torch.device("cpu"))
        values = np.full(5, math.nan)
        for k in (0, 2):  # 2 of 5, evenly spread: 0 and 5 / 2, rounded down
            values[k] = lpips(pictures[k], given.truth[k].numpy(), fed)
        np.testing.assert_allclose(photos[f"lpips_{net}"], values, atol=1e-6)
        both = values[[0, 2]]
        assert line[f"lpips_{net}"] == pytest.approx(both.mean(), abs=1e-4)
        assert line[f"lpips_{net}_se"] == pytest.approx(standard_error(both), abs=1e-4)
    columns = ("lpips_vgg", "lpips_alex")
    assert line["note"] == "; ".join(f"2 of 5 photos for {c}, evenly spread" for c in columns)
    shutil.copy(weights / "alexnet_features.safetensors", tmp_path)
    monkeypatch.setenv("COLORLIB_LPIPS", str(tmp_path))
    assert list(Ruler(32).lpips) == ["alex"]


def test_the_papers_numbers_and_ours_beside_them():
    """A corner of Table 1, and some lines of ours; differences worked out by hand."""
    assert len(PAPER) == 3 * 5 * 4
    assert PAPER["oxford102", "acolvit-t-0.3", 50] == {"gmac": 0.49, "psnr": 26.8, "lpips": 0.103}
    for (place, model, _), printed in PAPER_DIFFERENCES.items():
        spent, dense = (PAPER[place, name, 1]["gmac"] for name in (model, "icolorit-t"))
        assert printed["gmac"] == pytest.approx(100 * (spent / dense - 1), abs=0.051)
    columns = ["row", "photos", "gmac", "psnr"]
    ours = pd.DataFrame(
        [
            ("icolorit-t", 370, 1.43, 27.0),
            ("acolvit-t-0.9", 370, 1.43, 26.5),
            ("no-colour", 370, None, 20.0),
            ("levin-2004", 100, None, 24.0),
        ],
        columns=columns,
    ).assign(set="cub200", hints=5, lpips_vgg=math.nan)
    # 26.5 - 27 and 28.86 - 28.74; no difference of what was measured on other photos.
    assert beside_paper(ours).reset_index().to_numpy().tolist() == [
        ["cub200", "icolorit-t", "370", "1.43", "27.00", "28.74"],
        ["cub200", "acolvit-t-0.9", "370", "1.43", "26.50 (-0.50)", "28.86 (+0.12)"],
        ["cub200", "no-colour", "370", "", "20.00 (-7.00)", "-"],
        ["cub200", "levin-2004", "100", "", "24.00", "-"],
    ]
    slip = beside_paper(ours, "lpips_vgg").loc["cub200", "acolvit-t-0.9"]
    assert slip.tolist() == ["370", "1.43", "-", "0.096 (+0.086)"]
