"""Training crops from folders of photos and tar shards.

Every random choice is a function of the seed and of the sample's number, and the number is
step * batch + place: nothing depends on workers, processes or on what ran before, so a run
resumes at any step by counting alone.
"""

import hashlib
import logging
import os
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from colorlib.files import DataError, PhotoError
from colorlib.photos import FORMATS, Photo, open_photo
from colorlib.training.config import DataConfig

# Those of all that `open_photo` opens.
PHOTO_SUFFIXES = {end for end, known in Image.registered_extensions().items() if known in FORMATS}
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """A photo in a file of its own, or `size` bytes from `offset` on in a tar shard."""

    path: Path
    offset: int = 0
    size: int = -1

    def open(self, short_side: int = 0) -> Photo:
        """The photo, by the name of its file or place in its shard; PhotoError if damaged.

        Where its short side is more than `short_side` pixels (and that is not 0), it is shrunk
        to that, keeping its aspect.
        """
        photo = self._open()
        height, width = photo.shape
        if not 0 < short_side < min(height, width):
            return photo
        shrink = short_side / min(height, width)
        return photo.resized((round(height * shrink), round(width * shrink)))

    def _open(self) -> Photo:
        if self.size < 0:
            return open_photo(self.path)
        name = f"{self.path.name}:{self.offset}"
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                return open_photo(file.read(self.size), name)
        except OSError as error:
            raise PhotoError(f"cannot read {name}: {error.strerror}") from error


def find_photos(places: Sequence[str | os.PathLike[str]]) -> list[Entry]:
    """All photos in `places`: folders (searched deeply), tar shards, photo files; sorted.

    Hidden files are left out. Raises DataError for a place that is not there, a damaged or
    compressed shard, or no photo at all.
    """
    entries = []
    for place in map(Path, places):
        if not place.exists():
            raise DataError(f"there is no {place}: give a folder of photos or of tar shards")
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            if file.name.lower().endswith(COMPRESSED):
                raise DataError(f"{file} is compressed and cannot be read at random: unpack it")
            if file.suffix.lower() == ".tar":
                entries += _shard_entries(file)
            elif _is_photo(file) and file.is_file():
                entries.append(Entry(file))
    if not entries:
        raise DataError(f"no photos found in {', '.join(map(str, places)) or 'no place at all'}")
    return entries


def _shard_entries(shard: Path) -> list[Entry]:
    try:
        # "r:" takes plain tars only: a compressed one has no offsets to jump to.
        with shard.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            entries = [
                Entry(shard, member.offset_data, member.size)
                for member in tar
                if member.isfile() and _is_photo(Path(member.name))
            ]
            # tarfile takes any header it cannot read for the end. The end is two blocks of
            # zeros or more, up to the file's end.
            file.seek(tar.offset)
            left = os.fstat(file.fileno()).st_size - tar.offset
            if left < 2 * tarfile.BLOCKSIZE or any(map(any, iter(lambda: file.read(2**16), b""))):
                raise tarfile.ReadError(
                    f"after {len(tar.getmembers())} members there is neither another nor the end; "
                    "it is damaged, cut short, or several tars in one file: pack it anew"
                )
            return entries
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{shard} cannot be read as an uncompressed tar: {error}") from error


def check_colours(entries: Sequence[Entry]) -> None:
    """Raise DataError when up to 48 photos, taken evenly from `entries`, are all grey."""
    tried = 0
    for entry in entries[:: len(entries) // 48 + 1]:
        with suppress(PhotoError):  # training reports it
            if not entry.open().is_grey:
                return
            tried += 1
    if tried:
        raise DataError(f"all {tried} photos tried are grey: train on photos with colours")


def photo_list(entries: Sequence[Entry]) -> tuple[int, str]:
    """How many photos there are, and a hash of their names and order (not of their contents)."""
    names = "".join(f"{entry.path.as_posix()}\0{entry.offset}\0" for entry in entries)
    return len(entries), hashlib.sha256(os.fsencode(names)).hexdigest()


def _is_photo(path: Path) -> bool:
    # Hidden files: what other systems leave beside photos (._NAME.jpg), under their suffix.
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".")


class Crops(Dataset[tuple[Tensor, int]]):
    """Sample number -> (crop uint8 [3, S, S], how many photos had to be passed over for it).

    Each epoch goes through all photos once, in an order of its own. A photo that cannot be
    opened is passed over for the next one, and logged as a warning the first time.
    """

    def __init__(self, entries: Sequence[Entry], side: int, config: DataConfig, seed: int):
        self.entries = entries
        self.side = side
        self.config = config
        self.seed = seed
        self._cache: dict[int, np.ndarray] = {}
        self._damaged: set[int] = set()

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        for skipped, index in enumerate(photo_order(len(self.entries), self.seed, number)):
            photo = self._photo(index)
            if photo is None:
                continue
            random = crop_random(self.seed, number)
            crop = random_crop(photo, self.side, self.config.crop_scale, random)
            if self.config.flip and random.random() < 0.5:
                crop = crop[:, ::-1]
            return torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))), skipped
        raise DataError(f"none of the {len(self.entries)} photos can be opened")

    def _photo(self, index: int) -> np.ndarray | None:
        if index in self._cache:
            return self._cache[index]
        if index in self._damaged:
            return None
        try:
            rgb = self.entries[index].open(self.config.short_side).rgb
        except PhotoError as error:
            _log.warning("passed over: %s", error)
            self._damaged.add(index)
            return None
        if self.config.cache:
            self._cache[index] = rgb
        return rgb


@lru_cache(maxsize=4)
def _epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, 0, epoch]).permutation(count)


def photo_order(count: int, seed: int, number: int) -> Iterator[int]:
    """Which of `count` photos sample `number` is of, then those to take where it is damaged."""
    epoch, place = divmod(number, count)
    order = _epoch_order(count, seed, epoch)
    for skipped in range(count):
        yield int(order[(place + skipped) % count])


def crop_random(seed: int, number: int) -> np.random.Generator:
    """What sample `number` draws from: its box, and then whether it is mirrored."""
    return np.random.default_rng([seed, 1, number])


def random_crop(
    rgb: np.ndarray, side: int, scale: Sequence[float], random: np.random.Generator
) -> np.ndarray:
    """A random part of `rgb` (uint8 [H, W, 3], see `random_box`) as [side, side, 3]."""
    top, left, h, w = random_box(rgb.shape[0], rgb.shape[1], scale, random)
    part = Image.fromarray(rgb[top : top + h, left : left + w])
    return np.asarray(part.resize((side, side), Image.Resampling.BILINEAR))


def random_box(
    height: int, width: int, scale: Sequence[float], random: np.random.Generator
) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random part of a photo, pixels.

    As torchvision's RandomResizedCrop: a share of the area uniform in `scale`, a ratio of
    width to height log-uniform in 3/4 to 4/3; after ten misses the largest part in the middle.
    """
    for _ in range(10):
        area = height * width * random.uniform(scale[0], scale[1])
        ratio = np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3)))
        w, h = round(np.sqrt(area * ratio)), round(np.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            top, left = random.integers(height - h + 1), random.integers(width - w + 1)
            return int(top), int(left), h, w
    h, w = min(height, round(width * 4 / 3)), min(width, round(height * 4 / 3))
    return (height - h) // 2, (width - w) // 2, h, w


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
    # It seeds its workers, which draw nothing from that; the global generator is left alone.
    seeds = torch.Generator().manual_seed(crops.seed)
    return DataLoader(
        crops,
        batch_sampler=batches,
        num_workers=workers,
        generator=seeds,
        pin_memory=torch.cuda.is_available(),  # so that sending them need not wait
    )
