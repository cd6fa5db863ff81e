"""Training examples: photos from folders and tar shards, crops, hints drawn, gate noise.

Every random choice is a function of the seed and of the sample's or the step's number, and a
sample's number is step * batch + its place in the batch. So nothing depends on workers, on
processes or on what ran before, and a run resumes at any step by counting alone.
"""

import hashlib
import logging
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, default_collate
from tqdm.auto import tqdm

from colorlib.color import normalize_ab, srgb_to_lab
from colorlib.files import ColorlibError, PhotoError
from colorlib.hints import cells_hint_map, draw_cells, network_input, widened
from colorlib.model import logistic_noise, position_code
from colorlib.photos import FORMATS, Photo, open_photo

if TYPE_CHECKING:
    from colorlib.train import DataConfig, RunConfig

# Those of all that `open_photo` opens; pillow-heif's are not known before it is asked.
PHOTO_SUFFIXES = {end for end, known in Image.registered_extensions().items() if known in FORMATS}
PHOTO_SUFFIXES |= {".heic", ".heif"}
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")  # all but the first refused
TRIED_PHOTOS = 48
# Streams of randomness: each kind of draw has its own.
_ORDER, _CROP, _HINTS, _NOISE, _POSITION, _BUDGET, _BLOCK = range(7)

_log = logging.getLogger(__name__)


# Photos


@dataclass(frozen=True)
class Entry:
    """A photo in a file of its own, or `size` bytes from `offset` on in a tar shard."""

    path: Path
    offset: int = 0
    size: int = -1

    def open(self, short_side: int = 0) -> Photo:
        """Open the photo; it is named after its file, or its offset in the shard.

        A photo whose short side exceeds `short_side` pixels (0: no limit) is shrunk to that,
        keeping its aspect. Raises PhotoError for a damaged photo.
        """
        if self.size < 0:
            photo = open_photo(self.path)
        else:
            name = f"{self.path.name}:{self.offset}"
            try:
                with self.path.open("rb") as file:
                    file.seek(self.offset)
                    photo = open_photo(file.read(self.size), name)
            except OSError as error:
                raise PhotoError(f"cannot read {name}: {error.strerror}") from error
        shrink = short_side / min(photo.shape)
        if not 0 < shrink < 1:
            return photo
        return photo.resized((round(photo.shape[0] * shrink), round(photo.shape[1] * shrink)))


def find_photos(paths: Sequence[str | os.PathLike[str]]) -> list[Entry]:
    """Return all photos in `paths`: folders (searched deeply), tar shards, photo files; sorted.

    Raises ColorlibError for no such path, a damaged or compressed shard, or no photo at all.
    """
    entries = []
    for path in map(Path, paths):
        if not path.exists():
            raise ColorlibError(f"there is no {path}: give a folder of photos or of tar shards")
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.name.lower().endswith(TARS):
                entries += _shard_entries(file)
            elif _is_photo(file) and file.is_file():
                entries.append(Entry(file))
    if not entries:
        raise ColorlibError(f"no photos found in {', '.join(map(str, paths)) or 'no folder'}")
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
            # tarfile takes any header that it cannot read for the end. The end is two blocks of
            # zeros or more, up to the file's end.
            file.seek(tar.offset)
            left = os.fstat(file.fileno()).st_size - tar.offset
            if left < 2 * tarfile.BLOCKSIZE or any(map(any, iter(lambda: file.read(2**16), b""))):
                raise tarfile.ReadError(
                    f"after {len(tar.getmembers())} members there is neither another nor the end; "
                    "it is damaged, cut short, or several tars in one file"
                )
            return entries
    except (tarfile.TarError, OSError) as error:
        raise ColorlibError(f"{shard} is no uncompressed tar: {error}; unpack it") from error


def _is_photo(path: Path) -> bool:
    # Hidden files: what other systems leave beside photos (._NAME.jpg), under their suffix.
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".")


def some_photos(entries: Sequence[Entry]) -> Iterator[Photo]:
    """Open up to 48 photos, taken evenly from `entries`; damaged ones are left out."""
    for entry in entries[:: max(1, len(entries) // TRIED_PHOTOS)][:TRIED_PHOTOS]:
        with suppress(PhotoError):  # training reports it
            yield entry.open()


def photo_list(entries: Sequence[Entry]) -> tuple[int, str]:
    """Return how many photos there are and a hash of their names and order, not contents."""
    names = "".join(f"{entry.path.as_posix()}\0{entry.offset}\0" for entry in entries)
    return len(entries), hashlib.sha256(os.fsencode(names)).hexdigest()


# Crops


@dataclass
class Crops(Dataset[tuple[Tensor, int]]):
    """Sample number -> (crop uint8 [3, S, S], how many photos had to be passed over for it).

    Each epoch goes through all photos once, in an order of its own. A photo that cannot be
    opened is passed over for the next one, and logged as a warning the first time.
    """

    entries: Sequence[Entry]
    side: int
    config: "DataConfig"
    seed: int
    # Photos uint8 [H, W, 3] kept in memory; None for one that cannot be opened.
    _kept: dict[int, np.ndarray | Tensor | None] = field(default_factory=dict)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        count = len(self.entries)
        epoch, first = divmod(number, count)
        order = _epoch_order(count, self.seed, epoch)
        for passed_over in range(count):
            photo = self._photo(int(order[(first + passed_over) % count]))
            if photo is None:
                continue
            random = np.random.default_rng([self.seed, _CROP, number])
            height, width = photo.shape[:2]
            top, left, h, w = random_box(height, width, self.config.crop_scale, random)
            crop = resized(photo[top : top + h, left : left + w], self.side)
            mirrored = self.config.flip and random.random() < 0.5
            return (crop.flip(-1) if mirrored else crop), passed_over
        raise ColorlibError(f"none of the {count} photos can be opened")

    def _photo(self, index: int) -> np.ndarray | Tensor | None:
        if index in self._kept:
            return self._kept[index]
        try:
            rgb = self.entries[index].open(self.config.short_side).rgb
        except PhotoError as error:
            _log.warning("passed over: %s", error)
            rgb = None
        if self.config.cache or rgb is None:
            self._kept[index] = rgb
        return rgb

    def keep_on(self, device: torch.device, bar: bool = False) -> None:
        """Open every photo once and keep all on `device`, where they are cropped from now on.

        A CPU core opens and crops some hundred photos a second; a GPU learns from thousands.
        """

        def keep(index: int) -> None:
            if (rgb := self._photo(index)) is not None:
                self._kept[index] = torch.tensor(rgb, device=device)

        with ThreadPoolExecutor(os.cpu_count()) as threads:  # Pillow decodes without the GIL
            indices = range(len(self.entries))
            list(tqdm(threads.map(keep, indices), "opening photos", len(indices), disable=not bar))

    def batches(self, numbers: Iterable[range]) -> Iterable[Any]:
        """Yield the crops uint8 [b, 3, S, S] and passed-over counts [b] of each of `numbers`."""
        if self.config.resident:
            return (default_collate([self[number] for number in some]) for some in numbers)
        return DataLoader(
            self,
            batch_sampler=map(list, numbers),
            num_workers=self.config.workers,
            # It seeds its workers, which draw nothing from that; the global one is left alone.
            generator=torch.Generator().manual_seed(self.seed),
            pin_memory=torch.cuda.is_available(),  # so that sending them need not wait
        )


@lru_cache(maxsize=4)
def _epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, _ORDER, epoch]).permutation(count)


def random_box(
    height: int, width: int, scale: Sequence[float], random: np.random.Generator
) -> tuple[int, int, int, int]:
    """Draw top, left, height and width of a part of a photo, pixels.

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


def resized(part: np.ndarray | Tensor, side: int) -> Tensor:
    """Resize a part of a photo, uint8 [H, W, 3], to uint8 [3, side, side].

    By Pillow's BILINEAR, which does not alias; a tensor by PyTorch's, on its device, which is
    not waited for and is at most a level of 255 apart.
    """
    if isinstance(part, Tensor):
        whole = part.permute(2, 0, 1)[None].float()
        crop = F.interpolate(whole, (side, side), mode="bilinear", antialias=True)
        return crop[0].round_().to(torch.uint8)
    image = Image.fromarray(part).resize((side, side), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


# What a step draws: for the whole batch of all processes and then shared out, so that it does not
# depend on how many there are. On a CUDA device by its own generator, which need not be waited
# for: the numbers differ from a CPU's.


def training_example(
    config: "RunConfig", step: int, accelerator: Accelerator, crops: Tensor
) -> tuple[Tensor, Tensor]:
    """Turn crops uint8 [b, 3, S, S] into X [b, 4, S, S] with hints and ab / 110 [b, 2, S, S]."""
    data = config.data
    cells = draw_cells(
        config.optim.batch_size,
        data.max_hints,
        side=crops.shape[-1],
        size=data.hint_size,
        method=data.hint_method,
        generator=_generator(config.seed, _HINTS, step, accelerator.device),
    )
    wide = slice(0)
    if data.block_every:
        # Counted over the whole batch of all processes.
        first = accelerator.process_index * len(crops)
        wide = slice(-first % data.block_every, None, data.block_every)
    width = int(np.random.default_rng([config.seed, _BLOCK, step]).integers(2, data.max_block + 1))
    example = _compiled_example() if config.optim.compile else _example
    return example(crops, _share(accelerator, cells, len(crops)), data.hint_size, wide, width)


def _example(
    crops: Tensor, cells: Tensor, hint_size: int, wide: slice, width: int
) -> tuple[Tensor, Tensor]:
    lightness, ab = srgb_to_lab(crops.float() / 255)
    hints = cells_hint_map(ab, cells, hint_size)
    hints[wide] = widened(hints[wide], width, hint_size)
    return network_input(lightness, hints), normalize_ab(ab)


@cache
def _compiled_example() -> Callable[..., tuple[Tensor, Tensor]]:
    """Compile `_example`: some forty passes over the pixels become few."""
    return torch.compile(_example)


def step_position_code(config: "RunConfig", step: int, device: torch.device) -> Tensor | None:
    """Draw the position code that a step trains with, shaped as `pos_embed`, or None: the usual.

    On a grid coarser than the counted one each step takes another of the codes that a patch
    covers, so that the network has met all 196 before it sees 224 pixels. With the same few at
    every step it learns those by heart, and at 224 is worse than the grey photo.
    """
    model = config.model
    grid = model.img_size // model.patch_size
    if grid >= model.code_grid:
        return None
    down, right = np.random.default_rng([config.seed, _POSITION, step]).random(2)
    code = position_code(grid, model.dim, (down, right), model.code_grid, model.policy_code)
    # A copy from memory that is not pinned would wait for the device.
    return (code.pin_memory() if device.type == "cuda" else code).to(device, non_blocking=True)


def gate_noise(config: "RunConfig", step: int, accelerator: Accelerator, count: int) -> Tensor:
    """Draw logistic noise [count, depth, 2] for this process, at the strength that `step` has."""
    gates, done = config.gates, step / config.optim.steps
    full, gone = gates.noise_full_until, gates.noise_gone_at
    strength = 1.0 if done < full else max(0.0, (gone - done) / max(gone - full, 1e-9))
    shape = (config.optim.batch_size, config.model.depth, 2)
    noise = logistic_noise(shape, _generator(config.seed, _NOISE, step, accelerator.device))
    return strength * _share(accelerator, noise, count)


def step_budget(config: "RunConfig", step: int) -> float:
    """Return the share to keep at `step`: the run's, or for model.budget one drawn for all."""
    if not config.model.budget:
        return config.gates.budget
    random = np.random.default_rng([config.seed, _BUDGET, step])
    return random.uniform(config.gates.lowest_budget, 1)


def _generator(seed: int, stream: int, step: int, device: torch.device) -> torch.Generator:
    words = np.random.SeedSequence([seed, stream, step]).generate_state(2)
    generator = torch.Generator(device if device.type == "cuda" else "cpu")
    return generator.manual_seed(int(words[0]) << 31 ^ int(words[1]))


def _share(accelerator: Accelerator, whole: Tensor, count: int) -> Tensor:
    """Return this process's `count` rows of `whole`, on its device."""
    first = accelerator.process_index * count
    return whole[first : first + count].to(accelerator.device)
