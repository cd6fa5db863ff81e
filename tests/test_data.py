"""Where crops come from, and that each depends on its number alone."""

import io
import itertools
import pickle
import tarfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from colorlib.data import Crops, Entry, find_photos, random_box
from colorlib.files import ColorlibError
from colorlib.train import DataConfig

WHOLE = DataConfig(crop_scale=[1.0, 1.0])


def encoded(number: int, size: tuple[int, int] = (20, 24), format: str = "PNG") -> bytes:
    """A photo of one grey, its number: found again in any crop."""
    stream = io.BytesIO()
    Image.new("RGB", size[::-1], (number,) * 3).save(stream, format)
    return stream.getvalue()


def folder_of(path: Path, count: int) -> Path:
    path.mkdir()
    for number in range(count):
        (path / f"{number:03}.png").write_bytes(encoded(number))
    return path


def shard_of(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


# Finding photos


def test_places_may_be_mixed_and_nested(tmp_path):
    """Folders, shards and photos; what is no photo, or what a Mac leaves beside one, is not."""
    folder = tmp_path / "all"
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "deep" / "deeper" / "b.JPEG").write_bytes(encoded(1, format="JPEG"))
    (folder / "a.webp").write_bytes(encoded(2, format="WEBP"))
    (folder / "0.eps").write_bytes(b"not opened, as it would start another program")
    (folder / "notes.txt").write_text("no photo", encoding="utf-8")
    (folder / "._a.webp").write_bytes(b"what a Mac leaves beside it")
    (folder / "folder.png").mkdir()
    members = {"0.txt": b"a label", "x/0.png": encoded(3), "x/._0.png": b"", "y.png": encoded(5)}
    shard_of(folder / "c.TAR", members)
    single = tmp_path / "single.png"
    single.write_bytes(encoded(4))
    found = find_photos([single, str(folder)])
    assert [one.path.name for one in found] == ["single.png", "a.webp", "c.TAR", "c.TAR", "b.JPEG"]
    opened = [entry.open() for entry in found]
    assert [int(photo.rgb[0, 0, 0]) for photo in opened] == pytest.approx([4, 2, 3, 5, 1], abs=1)
    # Photos of a shard have names too, each its own.
    assert len({photo.name for photo in opened}) == 5


def test_places_without_photos(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ColorlibError, match=r"no photos found in .*empty"):
        find_photos([empty])
    with pytest.raises(ColorlibError, match="no photos found in no folder"):
        find_photos([])
    with pytest.raises(ColorlibError, match=r"there is no .*nowhere: give a folder of photos"):
        find_photos([empty, tmp_path / "nowhere"])


def test_compressed_shards_are_refused(tmp_path):
    """By their name, and when the name hides it."""
    named = shard_of(tmp_path / "shard.tar.xz", {"0.png": encoded(0)}, "w:xz")
    hidden = shard_of(tmp_path / "hidden" / "shard.tar", {"0.png": encoded(0)}, "w:gz")
    for place in (named, tmp_path, hidden):
        with pytest.raises(ColorlibError, match=r"shard\.tar.* is no uncompressed tar.*unpack it"):
            find_photos([place])


@given(st.integers(0, 2), st.integers(0, 511), st.integers(0, 255), st.integers(0, 10239))
@settings(max_examples=50, deadline=None)
def test_a_damaged_shard_is_refused_never_read_in_part(
    tmp_path_factory, member, byte, value, length
):
    path = tmp_path_factory.mktemp("shard") / "s.tar"
    shard_of(path, {f"{n}.png": encoded(n, (9, 9)) for n in range(3)})
    found, whole = find_photos([path]), path.read_bytes()
    end = found[member].offset
    header = bytearray(whole[end - 512 : end])
    header[byte] = value
    # Whole still: a byte as it was, or not under the checksum, or fewer zeros at the end.
    for damaged in (whole[: end - 512] + header + whole[end:], whole[:length]):
        path.write_bytes(damaged)
        with suppress(ColorlibError):
            assert find_photos([path]) == found
    zeroed = whole[: end - 512] + bytes(512) + whole[end:]
    for damaged in (b"", b"no tar at all" * 100, zeroed, whole[: end - 512], whole + whole):
        path.write_bytes(damaged)
        with pytest.raises(ColorlibError, match=r"s\.tar is no uncompressed tar"):
            find_photos([path])


# Order and independence


def textured(path: Path, count: int) -> list[Entry]:
    """Photos in which every crop looks different."""
    path.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        rgb = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(rgb).save(path / f"{number}.png")
    return find_photos([path])


def test_a_sample_depends_on_its_number_alone(tmp_path):
    """Not on batch size, start, processes, cache, or what was drawn before."""
    entries = textured(tmp_path / "photos", 7)
    config = DataConfig(flip=True)
    crops = Crops(entries, 16, config, seed=5)
    alone = [crops[n][0] for n in range(24)]
    cached = Crops(entries, 16, DataConfig(flip=True, cache=True), seed=5)
    for order in (range(23, -1, -1), range(24)):
        assert all(torch.equal(cached[n][0], alone[n]) for n in order)
    for size, processes in ((4, 1), (6, 2), (12, 3)):
        for rank in range(processes):
            share = size // processes
            firsts = range(size + rank * share, 24, size)  # from step 1 on
            numbers = (range(first, first + share) for first in firsts)
            for first, (batch, _) in zip(firsts, crops.batches(numbers), strict=True):
                assert torch.equal(batch, torch.stack(alone[first : first + share]))
    assert not torch.equal(Crops(entries, 16, config, seed=6)[0][0], alone[0])
    assert len({crop.numpy().tobytes() for crop in alone}) == 24


def test_workers_change_nothing(tmp_path):
    """Where processes are started afresh (Windows, macOS), the crops go there as a pickle."""
    entries = textured(tmp_path / "photos", 5)
    results = []
    for workers in (0, 2):
        crops = pickle.loads(pickle.dumps(Crops(entries, 8, DataConfig(workers=workers), 0)))
        numbers = (range(first, first + 3) for first in range(0, 12, 3))
        results.append(torch.cat([batch for batch, _ in crops.batches(numbers)]))
    assert results[0].shape == (12, 3, 8, 8)
    assert results[0].dtype == torch.uint8
    assert torch.equal(*results)


# Damage


def test_a_corrupt_photo_is_passed_over_counted_and_reported(tmp_path, caplog):
    folder = folder_of(tmp_path / "photos", 6)
    entries = find_photos([folder])
    whole = [Crops(entries, 4, WHOLE, 0)[number][0] for number in range(12)]
    (folder / "002.png").write_bytes(encoded(2)[:50])
    (folder / "004.png").write_text("no photo", encoding="utf-8")
    crops = Crops(entries, 4, WHOLE, 0)
    seen = [crops[number] for number in range(12)]
    # Which photos they are of; the whole ones are as they would have been.
    assert {crop.unique().item() for crop, _ in seen} == {0, 1, 3, 5}
    for (crop, skipped), as_it_was in zip(seen, whole, strict=True):
        assert skipped or torch.equal(crop, as_it_was)
    # Two epochs, two photos each; a sample may meet both of them in a row, and then counts two.
    assert sum(skipped for _, skipped in seen) >= 4
    # Each is named once.
    first, second = sorted(record.getMessage() for record in caplog.records)
    assert ("002.png" in first, "004.png" in second) == (True, True)


# Crops


def test_photos_are_shrunk_when_opened_never_enlarged(tmp_path):
    """Of 40 x 50 to 16: the other side is 50 * 16 / 40 = 20."""
    (entry,) = textured(tmp_path / "photos", 1)
    for short_side, shape in [(0, (40, 50)), (16, (16, 20)), (60, (40, 50))]:
        assert entry.open(short_side).shape == shape


def test_boxes_are_as_random_resized_crop_says():
    """Area uniform in the scale, ratio log-uniform in 3/4 to 4/3, position uniform."""
    random = np.random.default_rng(0)
    boxes = np.array([random_box(200, 240, (0.1, 0.4), random) for _ in range(1500)])
    top, left, height, width = boxes.T
    share, ratio = height * width / (200 * 240), width / height
    # Quartiles; the ends but for whole numbers of pixels, of 60 or more a side.
    quarters = np.quantile(share, [0, 0.25, 0.5, 0.75, 1])
    assert quarters == pytest.approx([0.1, 0.175, 0.25, 0.325, 0.4], abs=0.02)
    quarters = np.quantile(np.log(ratio) / np.log(4 / 3), [0, 0.25, 0.5, 0.75, 1])
    assert quarters == pytest.approx([-1, -0.5, 0, 0.5, 1], abs=0.1)
    # The free space is used evenly, to both ends.
    for place in (top / (200 - height), left / (240 - width)):
        quarters = np.quantile(place, [0, 0.25, 0.5, 0.75, 1])
        assert quarters == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.06)


def test_boxes_of_long_and_of_tiny_photos():
    """torchvision's fallback: from the middle, the longer side cut to a ratio of 4/3."""
    random = np.random.default_rng(0)
    assert random_box(30, 200, (0.9, 1.0), random) == (0, 80, 30, 40)
    assert random_box(200, 30, (0.9, 1.0), random) == (80, 0, 40, 30)
    for height, width in itertools.product(range(1, 6), repeat=2):
        for _ in range(9):
            top, left, h, w = random_box(height, width, (0.08, 1.0), random)
            assert 0 <= top < top + h <= height
            assert 0 <= left < left + w <= width


# Photos in the device's memory


def test_samples_on_a_device_are_the_same(tmp_path, caplog):
    """Photo, box and mirroring; a damaged photo is logged once. Two epochs and more.

    Enlarged or shrunk, at most one level of 255 apart: Pillow rounds between its two passes.
    Without antialiasing it would be many.
    """
    config, entries = DataConfig(flip=True), textured(tmp_path / "photos", 5)
    damaged = entries[2].path
    damaged.write_bytes(damaged.read_bytes()[:60])
    loose = [Crops(entries, 20, config, 3)[number] for number in range(13)]
    caplog.clear()
    crops = Crops(entries, 20, config.model_copy(update={"resident": True}), 3)
    crops.keep_on(torch.device("cpu"))
    for entry in entries:
        entry.path.unlink()  # a photo is opened once
    ((batch, passed_over),) = crops.batches([range(13)])
    assert (batch.dtype, batch.is_contiguous()) == (torch.uint8, True)
    apart = (batch.int() - torch.stack([crop for crop, _ in loose]).int()).abs()
    assert apart.max() <= 1
    assert passed_over.tolist() == [skipped for _, skipped in loose]
    assert passed_over.sum() >= 2
    (record,) = caplog.records
    assert damaged.name in record.getMessage()
