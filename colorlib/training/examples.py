"""From crops to what the network learns from: input with hints, target, and gate noise.

The draws of a step are made for the whole batch of all processes and then shared out, so
that they do not depend on how many processes there are. They are made by the CPU's generator,
but on a CUDA device by the device's own, so that it need not be waited for: the numbers differ
from a CPU's.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from colorlib.color import normalize_ab, srgb_to_lab
from colorlib.hints import cells_hint_map, draw_cells, network_input, widened
from colorlib.model import logistic_noise, position_code
from colorlib.training.config import RunConfig
from colorlib.training.speed import send

# Streams of randomness; 0 and 1 are the order and the crops (see data).
_HINTS, _NOISE, _PLACE, _BUDGET, _BLOCK = 2, 3, 4, 5, 6


def _generator(seed: int, stream: int, step: int, device: torch.device) -> torch.Generator:
    words = np.random.SeedSequence([seed, stream, step]).generate_state(2)
    place = device if device.type == "cuda" else "cpu"
    return torch.Generator(place).manual_seed(int(words[0]) << 31 ^ int(words[1]))


def _own_share(accelerator: Accelerator, whole: Tensor, count: int) -> Tensor:
    first = accelerator.process_index * count
    return whole[first : first + count].to(accelerator.device)


def training_example(
    config: RunConfig, step: int, accelerator: Accelerator, crops: Tensor
) -> tuple[Tensor, Tensor]:
    """Crops uint8 [b, 3, S, S] -> X [b, 4, S, S] with hints drawn, and ab / 110 [b, 2, S, S]."""
    data = config.data
    cells = draw_cells(
        config.optim.batch_size,
        data.max_hints,
        side=crops.shape[-1],
        size=data.hint_size,
        method=data.hint_method,
        generator=_generator(config.seed, _HINTS, step, accelerator.device),
    )
    own = _own_share(accelerator, cells, len(crops))
    example = _compiled_example() if config.optim.compile else _example
    wide = slice(0)
    if data.block_every:
        # Counted over the whole batch, so that it does not matter how it is shared out.
        first = accelerator.process_index * len(crops)
        wide = slice(-first % data.block_every, None, data.block_every)
    width = int(np.random.default_rng([config.seed, _BLOCK, step]).integers(2, data.max_block + 1))
    return example(crops, own, data.hint_size, wide, width)


@cache
def _compiled_example() -> Callable[..., tuple[Tensor, Tensor]]:
    """Some forty passes over the pixels, which compiled are few."""
    return torch.compile(_example)


def _example(
    crops: Tensor, cells: Tensor, hint_size: int, wide: slice, width: int
) -> tuple[Tensor, Tensor]:
    lightness, ab = srgb_to_lab(crops.float() / 255)
    hints = cells_hint_map(ab, cells, hint_size)
    hints[wide] = widened(hints[wide], width, hint_size)
    return network_input(lightness, hints), normalize_ab(ab)


def step_position_code(config: RunConfig, step: int, device: torch.device) -> Tensor | None:
    """The position code that a step trains with, shaped as `pos_embed`; None: the network's own.

    On a grid coarser than the counted one each step takes another of the codes that a patch
    covers, so that the network has met all 196 before it sees 224 pixels. With the same few at
    every step it learns those by heart, and at 224 is worse than the grey photo.
    """
    model = config.model
    grid = model.img_size // model.patch_size
    if grid >= model.code_grid:
        return None
    down, right = np.random.default_rng([config.seed, _PLACE, step]).random(2)
    code = position_code(grid, model.dim, (down, right), model.code_grid, model.policy_code)
    return send(code, device)


def gate_noise(config: RunConfig, step: int, accelerator: Accelerator, count: int) -> Tensor:
    """Logistic noise [count, depth, 2] for this process, at the strength that `step` has."""
    gates, done = config.gates, step / config.optim.steps
    full, gone = gates.noise_full_until, gates.noise_gone_at
    strength = 1.0 if done < full else max(0.0, (gone - done) / max(gone - full, 1e-9))
    shape = (config.optim.batch_size, config.model.depth, 2)
    noise = logistic_noise(shape, _generator(config.seed, _NOISE, step, accelerator.device))
    return strength * _own_share(accelerator, noise, count)


def step_budget(config: RunConfig, step: int) -> float:
    """The share to keep at `step`: the run's, or with a dial one drawn for the whole batch."""
    if not config.model.budget:
        return config.gates.budget
    return np.random.default_rng([config.seed, _BUDGET, step]).uniform(
        config.gates.lowest_budget, 1
    )
