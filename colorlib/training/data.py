"""Training crops from folders of photos and tar shards.

Every random choice is a function of the seed and of the sample's number, and the number is
step * batch + place: nothing depends on workers, processes or on what ran before, so a run
resumes at any step by counting alone.
"""

import io
import os
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from colorlib.errors import DataError, PhotoError
from colorlib.photos import open_photo
from colorlib.training.config import DataConfig

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}


@dataclass(frozen=True)
class Entry:
    """A photo in a file of its own, or `size` bytes from `offset` on in a tar shard."""

    path: Path
    offset: int = 0
    size: int = -1

    def read(self) -> bytes:
        """The encoded photo."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


def find_photos(places: Sequence[str | os.PathLike[str]]) -> list[Entry]:
    """All photos in `places`: folders (searched deeply), tar shards, photo files; sorted.

    Raises DataError for a place that is not there, a damaged shard, or no photo at all.
    """
    entries = []
    for place in map(Path, places):
        if not place.exists():
            raise DataError(f"there is no {place}: give a folder of photos or of tar shards")
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            if file.suffix == ".tar":
                entries += _shard_entries(file)
            elif file.suffix.lower() in PHOTO_SUFFIXES:
                entries.append(Entry(file))
    if not entries:
        raise DataError(f"no photos found in {', '.join(map(str, places)) or 'no place at all'}")
    return entries


def _shard_entries(shard: Path) -> list[Entry]:
    try:
        # "r:" takes plain tars only: a compressed one has no offsets to jump to.
        with tarfile.open(shard, "r:") as tar:
            return [
                Entry(shard, member.offset_data, member.size)
                for member in tar
                if member.isfile() and Path(member.name).suffix.lower() in PHOTO_SUFFIXES
            ]
    except tarfile.TarError as error:
        raise DataError(f"{shard} cannot be read as an uncompressed tar: {error}") from error


class Crops(Dataset[tuple[Tensor, int]]):
    """Sample number -> (crop uint8 [3, S, S], how many photos had to be passed over for it).

    Each epoch goes through all photos once, in an order of its own. A photo that cannot be
    opened is passed over for the next one.
    """

    def __init__(self, entries: Sequence[Entry], side: int, config: DataConfig, seed: int):
        self.entries = entries
        self.side = side
        self.config = config
        self.seed = seed
        self._cache: dict[int, np.ndarray] = {}

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        epoch, place = divmod(number, len(self.entries))
        order = _epoch_order(len(self.entries), self.seed, epoch)
        for skipped in range(len(self.entries)):
            index = int(order[(place + skipped) % len(order)])
            try:
                photo = self._photo(index)
            except PhotoError:
                continue
            random = np.random.default_rng([self.seed, 1, number])
            crop = random_crop(photo, self.side, self.config.crop_scale, random)
            if self.config.flip and random.random() < 0.5:
                crop = crop[:, ::-1]
            return torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))), skipped
        raise DataError(f"none of the {len(self.entries)} photos can be opened")

    def _photo(self, index: int) -> np.ndarray:
        if index in self._cache:
            return self._cache[index]
        entry = self.entries[index]
        rgb = open_photo(io.BytesIO(entry.read()), name=entry.path.stem).rgb
        if self.config.cache:
            self._cache[index] = rgb
        return rgb


@lru_cache(maxsize=4)
def _epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, 0, epoch]).permutation(count)


def random_crop(
    rgb: np.ndarray, side: int, scale: Sequence[float], random: np.random.Generator
) -> np.ndarray:
    """A random part of `rgb` (uint8 [H, W, 3]), resized to [side, side, 3].

    As torchvision's RandomResizedCrop: a share of the area uniform in `scale`, a ratio of
    width to height log-uniform in 3/4 to 4/3; after ten misses the largest part in the middle.
    """
    height, width = rgb.shape[:2]
    for _ in range(10):
        area = height * width * random.uniform(*scale)
        ratio = np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3)))
        w, h = round(np.sqrt(area * ratio)), round(np.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            top, left = random.integers(height - h + 1), random.integers(width - w + 1)
            break
    else:
        h, w = min(height, round(width * 4 / 3)), min(width, round(height * 4 / 3))
        top, left = (height - h) // 2, (width - w) // 2
    part = Image.fromarray(rgb[top : top + h, left : left + w])
    return np.asarray(part.resize((side, side), Image.Resampling.BILINEAR))


@dataclass(frozen=True)
class StepBatches:
    """The sample numbers of each step that process `rank` of `processes` takes."""

    start: int
    steps: int
    batch_size: int
    rank: int
    processes: int

    def __len__(self) -> int:
        return self.steps - self.start

    def __iter__(self) -> Iterator[list[int]]:
        share = self.batch_size // self.processes
        for step in range(self.start, self.steps):
            first = step * self.batch_size + self.rank * share
            yield list(range(first, first + share))


def loader(crops: Crops, batches: StepBatches, workers: int) -> DataLoader[Any]:
    """Batches (crops uint8 [b, 3, S, S], passed-over counts [b]), one a step."""
    return DataLoader(crops, batch_sampler=batches, num_workers=workers)
