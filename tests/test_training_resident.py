"""Crops from the device's memory are those of the general path, and Pillow's."""

import logging
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorlib.files import DataError
from colorlib.photos import gallery
from colorlib.training import resident
from colorlib.training.config import DataConfig
from colorlib.training.data import Crops, Entry, find_photos
from colorlib.training.resident import Resident, resized_parts, triangles

CPU = torch.device("cpu")


def cut(rgb: np.ndarray, boxes: list[tuple[int, int, int, int]], side: int, mirrored: bool = False):
    """`resized_parts` of one photo, uint8 [b, side, side, 3]; boxes of top, left, height, width."""
    width = rgb.shape[1]
    rows = [(top * width + left, width, h, w) for top, left, h, w in boxes]
    largest = max(row[2] for row in rows), max(row[3] for row in rows)
    crops = resized_parts(
        torch.tensor(rgb.reshape(-1, 3)),
        *torch.tensor(rows).unbind(1),
        torch.full((len(rows),), mirrored),
        largest=largest,
        side=side,
    )
    return crops.permute(0, 2, 3, 1).numpy()


def by_pillow(rgb: np.ndarray, box: tuple[int, int, int, int], side: int) -> np.ndarray:
    top, left, h, w = box
    part = Image.fromarray(rgb[top : top + h, left : left + w])
    return np.asarray(part.resize((side, side), Image.Resampling.BILINEAR))


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(int) - other)


def test_triangles_by_hand() -> None:
    """Four pixels in two places: a place is 2 pixels wide, so weights reach 2 pixels far.

    From the first centre, 1, pixels are .5, .5, 1.5, 2.5 away: 1 - d/2 is .75, .75, .25 and 0.
    Two pixels in four places, centres .25, .75, 1.25, 1.75; pixels' centres are .5 and 1.5.
    """
    weights = triangles(torch.tensor([4, 2]), 4, 2)
    third = torch.tensor([[3, 3, 1, 0], [0, 1, 3, 3]]) / 7
    torch.testing.assert_close(weights[0], third)
    torch.testing.assert_close(weights[1], torch.eye(2, 4))
    larger = triangles(torch.tensor([2, 2]), 2, 4, torch.tensor([False, True]))
    expected = torch.tensor([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    torch.testing.assert_close(larger[0], expected)
    torch.testing.assert_close(larger[1], expected.flip(0))


@pytest.mark.parametrize(
    ("box", "side"),
    [
        ((20, 30, 90, 100), 224),  # enlarged 2.4 times
        ((10, 9, 224, 224), 224),  # as it is
        ((0, 0, 300, 400), 224),  # shrunk 1.3 and 1.8 times
        ((0, 50, 300, 300), 100),  # by 3
        ((0, 0, 300, 451), 40),  # 7.5 and 11.3 times, the whole photo
        ((299, 450, 1, 1), 8),  # one pixel, the last
    ],
)
def test_a_crop_is_pillows(box: tuple[int, int, int, int], side: int) -> None:
    """At most one level of 255 apart, in at most 2% of the values.

    Pillow's weights are whole numbers of 2^-22, so rounding can differ. Without antialiasing
    the crop that is shrunk by 3 would be 5 levels off on average.
    """
    rgb = gallery("chelsea").rgb
    (crop,) = cut(rgb, [box], side)
    apart = difference(crop, by_pillow(rgb, box, side))
    assert apart.max() <= 1
    assert apart.mean() < 0.02
    (mirrored,) = cut(rgb, [box], side, mirrored=True)
    assert difference(mirrored, crop[:, ::-1]).max() <= 1


def test_neighbours_in_a_batch_change_nothing() -> None:
    rgb = gallery("chelsea").rgb
    boxes = [(20, 30, 9, 100), (0, 0, 300, 451), (7, 5, 200, 1)]
    together = cut(rgb, boxes, 64)
    for box, crop in zip(boxes, together, strict=True):
        assert difference(crop, cut(rgb, [box], 64)[0]).max() <= 1
        assert difference(crop, by_pillow(rgb, box, 64)).max() <= 1


@pytest.fixture
def entries(tmp_path: Path) -> list[Entry]:
    """Photos of several shapes, one of which is damaged, in a folder and a shard."""
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number, shape in enumerate([(40, 50), (60, 33), (16, 90), (30, 30), (45, 64)]):
        rgb = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
        Image.fromarray(rgb).save(folder / f"{number}.png")
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:60])
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        tar.add(folder / "3.png", "3.png")
    (folder / "3.png").unlink()
    return find_photos([folder, tmp_path / "shard.tar"])


@pytest.mark.parametrize("config", [DataConfig(flip=True), DataConfig(short_side=24)])
def test_samples_are_those_of_the_general_path(entries: list[Entry], config: DataConfig) -> None:
    """The same photo, box and mirroring for a number; two epochs of five photos and more."""
    loose = [Crops(entries, 20, config, 3)[number] for number in range(13)]
    crops, passed_over = Resident(entries, 20, config, 3, CPU).batch(range(13))
    assert (crops.dtype, crops.shape, crops.is_contiguous()) == (torch.uint8, (13, 3, 20, 20), True)
    apart = difference(crops.numpy(), torch.stack([crop for crop, _ in loose]).numpy())
    assert apart.max() <= 1
    # In so small a crop weights are simple fractions, and many sums lie half between levels.
    assert apart.mean() < 0.1
    assert passed_over.tolist() == [skipped for _, skipped in loose]
    assert sum(passed_over) >= 2


def test_a_batch_depends_on_its_numbers_alone(
    entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not on what came before, on how it is shared out, or on how much is gathered at a time."""
    photos = Resident(entries, 16, DataConfig(flip=True), 0, CPU)
    whole, _ = photos.batch(range(8, 16))
    assert torch.equal(photos.batch(range(8, 16))[0], whole)
    halves = [photos.batch(range(first, first + 4))[0] for first in (8, 12)]
    assert difference(torch.cat(halves).numpy(), whole.numpy()).max() <= 1
    sizes = []

    def counted(pixels: torch.Tensor, first: torch.Tensor, *rest, **options) -> torch.Tensor:
        sizes.append(len(first))
        return resized_parts(pixels, first, *rest, **options)

    monkeypatch.setattr(resident, "resized_parts", counted)
    for limit, most in ((1, 1), (60 * 64 * 3, 8)):
        monkeypatch.setattr(resident, "CHUNK_PIXELS", limit)
        sizes.clear()
        assert difference(photos.batch(range(8, 16))[0].numpy(), whole.numpy()).max() <= 1
        assert sum(sizes) == 8
        assert max(sizes) <= most
        assert len(sizes) > 1


def test_damaged_photos_are_reported_once(
    entries: list[Entry], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        photos = Resident(entries, 8, DataConfig(), 0, CPU)
        photos.batch(range(20))
    (message,) = (record.getMessage() for record in caplog.records)
    assert "passed over" in message
    assert "2.png" in message
    (entry,) = (entry for entry in entries if entry.path.name == "2.png")
    with pytest.raises(DataError, match="none of the 1 photos can be opened"):
        Resident([entry], 8, DataConfig(), 0, CPU)


def test_a_photo_is_opened_once_and_takes_three_bytes_a_pixel(entries: list[Entry]) -> None:
    photos = Resident(entries, 8, DataConfig(), 0, CPU)
    for entry in entries:
        if entry.path.suffix == ".png":
            entry.path.unlink()
    photos.batch(range(10))
    assert photos.pixels.nbytes == 3 * (40 * 50 + 60 * 33 + 30 * 30 + 45 * 64)
