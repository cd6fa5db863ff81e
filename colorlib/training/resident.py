"""All training photos in the memory of the training device, and batches of crops from there.

Opening and cropping photos on a CPU feeds some hundred crops a second and core; a data-centre
GPU learns from thousands. Here each photo is opened once, and a step sends the device nothing
but the boxes to crop, which it does not wait for.
"""

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from colorlib.files import DataError, PhotoError
from colorlib.training.config import DataConfig
from colorlib.training.data import Entry, crop_random, photo_order, random_box
from colorlib.training.speed import send

# Pixels of photos gathered at a time, each about 40 bytes on the way: 0.3 GB.
CHUNK_PIXELS = 2**23

_log = logging.getLogger(__name__)


class Resident:
    """The photos as one uint8 tensor on `device`, and the crops of any samples.

    The crops are those of `data.Crops`: the same photo, box and mirroring for the same seed and
    sample number, and Pillow's filter to a level of 255 (`resized_parts`). Photos that cannot
    be opened are logged once and passed over for the next ones, as there. Opening needs twice
    the photos' memory for a moment; three bytes a pixel stay. Raises DataError when none opens.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        side: int,
        config: DataConfig,
        seed: int,
        device: torch.device,
        bar: bool = False,
    ):
        self.side = side
        self.config = config
        self.seed = seed
        self.device = device
        photos = _opened(entries, config.short_side, bar)
        # (0, 0) is a photo that could not be opened.
        self.shapes = [(0, 0) if rgb is None else rgb.shape[:2] for rgb in photos]
        self.starts = np.cumsum([0] + [height * width for height, width in self.shapes]).tolist()
        whole = [rgb.reshape(-1, 3) for rgb in photos if rgb is not None]
        if not whole:
            raise DataError(f"none of the {len(entries)} photos can be opened")
        self.pixels = torch.from_numpy(np.concatenate(whole)).to(device)

    def batch(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The crops uint8 [b, 3, S, S] of these samples, and the photos passed over for each."""
        rows = [self._draw(number) for number in numbers]
        drawn = send(torch.tensor(rows), self.device)
        *parts, mirrored, passed_over = drawn.unbind(1)
        height, width = (max(row[place] for row in rows) for place in (2, 3))
        at_once = max(1, CHUNK_PIXELS // (height * width))
        columns = (column.split(at_once) for column in (*parts, mirrored.bool()))
        crops = [
            resized_parts(self.pixels, *chunk, largest=(height, width), side=self.side)
            for chunk in zip(*columns, strict=True)
        ]
        return torch.cat(crops), passed_over

    def _draw(self, number: int) -> tuple[int, ...]:
        """First pixel, row length, height and width of the part, mirrored, passed over."""
        for skipped, index in enumerate(photo_order(len(self.shapes), self.seed, number)):
            height, width = self.shapes[index]
            if not height:
                continue
            random = crop_random(self.seed, number)
            top, left, h, w = random_box(height, width, self.config.crop_scale, random)
            mirrored = self.config.flip and random.random() < 0.5
            return self.starts[index] + top * width + left, width, h, w, int(mirrored), skipped
        raise AssertionError("there is a photo")


def _opened(entries: Sequence[Entry], short_side: int, bar: bool) -> list[np.ndarray | None]:
    """Each photo, uint8 [H, W, 3], or None; by threads, as Pillow decodes without the GIL."""

    def rgb_of(entry: Entry) -> np.ndarray | None:
        try:
            return entry.open(short_side).rgb
        except PhotoError as error:
            _log.warning("passed over: %s", error)
            return None

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        opened = threads.map(rgb_of, entries)
        return list(tqdm(opened, "opening photos", len(entries), leave=False, disable=not bar))


def resized_parts(
    pixels: Tensor,
    first: Tensor,
    row: Tensor,
    heights: Tensor,
    widths: Tensor,
    mirrored: Tensor,
    *,
    largest: tuple[int, int],
    side: int,
) -> Tensor:
    """Parts of photos, each resized to uint8 [b, 3, side, side] as by Pillow's BILINEAR.

    pixels: uint8 [P, 3], photos row by row, one after another. Of each part, int64 [b] but for
    `mirrored` (bool [b]): its first pixel, how many pixels further its next row starts, height
    and width. `largest`: no part has more rows or columns. All on one device, which is not
    waited for.

    Pillow's filter is a triangle as wide as the reduction, so nothing aliases, and it works
    across, then down, rounding each time. Being linear, each is a product with a matrix.
    """
    rows, columns = (torch.arange(length, device=pixels.device) for length in largest)
    # Beyond the part its last pixel is repeated, with weight 0.
    down = torch.minimum(rows, heights[:, None] - 1) * row[:, None] + first[:, None]
    across = torch.minimum(columns, widths[:, None] - 1)
    part = pixels[down[:, :, None] + across[:, None, :]]
    lines = part.transpose(2, 3).reshape(len(part), -1, largest[1]).float()
    narrow = lines @ triangles(widths, largest[1], side, mirrored).mT
    narrow = narrow.add_(0.5).floor_().reshape(len(part), largest[0], 3 * side)
    whole = triangles(heights, largest[0], side) @ narrow
    crops = whole.add_(0.5).to(torch.uint8)
    return crops.reshape(len(part), side, 3, side).transpose(1, 2).contiguous()


def triangles(lengths: Tensor, longest: int, side: int, mirrored: Tensor | None = None) -> Tensor:
    """What each pixel of a line weighs in each of `side` places, float32 [b, side, longest].

    Place o is centred at (o + 1/2) length / side; weights fall linearly to 0 over one place's
    width, or over one pixel where the line is enlarged, and sum to 1. `mirrored`, bool [b]:
    the places in opposite order.
    """
    place = torch.arange(side, device=lengths.device).expand(len(lengths), side)
    if mirrored is not None:
        place = torch.where(mirrored[:, None], side - 1 - place, place)
    scale = lengths[:, None, None] / side
    pixel = torch.arange(longest, device=lengths.device) + 0.5
    distance = (pixel - (place[:, :, None] + 0.5) * scale).abs()
    weights = (1 - distance / scale.clamp_min(1)).clamp_min(0)
    weights.masked_fill_(pixel >= lengths[:, None, None], 0)
    return weights / weights.sum(-1, keepdim=True)
