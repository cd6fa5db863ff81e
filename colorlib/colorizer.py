"""A photo and a few hints in, a colour photo out, at the photo's own size.

`Colorizer.predict` runs the network, `refined` carries its colours to the photo's edges and holds
the hints (ours), `Painter.paint` puts them on the photo, and `Colorizer.__call__` does one after
the other. Painting follows `color` by tables and in place, for 8-bit photos: 12 megapixels take
two tenths of a second on one core, and are within a level of what `color` gives.
"""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from importlib import import_module
from time import perf_counter
from typing import Any, Literal, get_args

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate

from colorlib.checkpoints import load_model, stem
from colorlib.color import (
    F_SLOPE,
    F_THRESHOLD,
    RGB_OF_WHITED,
    WHITED_OF_RGB,
    denormalize_ab,
    lab_curve,
    linear_of_srgb,
    nearest_in_gamut,
    srgb_of_linear,
    srgb_to_lab,
)
from colorlib.files import ColorlibError
from colorlib.hints import Hints, photo_input, small_lightness
from colorlib.model import ColViT, Prediction, macs, predict
from colorlib.photos import Photo, open_photo, photo_file, save_photo

# Colours are painted in strips of about this many pixels, which stay in a core's cache.
STRIP = 1 << 17
# Of the refinement, lengths as shares of a side: half the guided filter's window, how far a hint
# reaches to what is as light as itself, and the spot where it is met.
WINDOW, REACH, SPOT = 1 / 56, 1 / 14, 1 / 90
SMOOTHING = 2.0  # the variance of L below which the filter smooths
LEVELS = 6.0  # units of L that are alike
RIDGE = 0.1  # so that close hints that contradict each other do not grow beyond all measure
# Steps of linear light in the table of 8-bit levels; at black a level is five of them.
STEPS = 1 << 14

# To STEPS of linear light, from F_SLOPE times X, Y and Z.
_MIX = torch.tensor(RGB_OF_WHITED) * (STEPS / F_SLOPE)
# The level of each step's middle; the last is white itself.
_MIDDLES = ((torch.arange(STEPS + 1, dtype=torch.float64) + 0.5) / STEPS).clamp_max(1.0)
_LEVELS = (srgb_of_linear(_MIDDLES) * 255).round().to(torch.uint8)


EngineName = Literal["onnx", "approximate", "eager"]


@dataclass(frozen=True, eq=False, repr=False)
class Answer:
    """What a network makes of a photo with hints, before anything is painted."""

    model: str
    colors: Tensor  # float32 [4, s, s], refined, or [2, S, S], as `Painter.paint` takes them
    gates: Tensor  # bool [depth, 2], the sub-layers (attention, FFN) that ran
    kept: int  # how many of them
    macs: int  # the network's multiply-adds
    milliseconds: float  # of the network


@dataclass(frozen=True, eq=False, repr=False)
class Colorization(Answer):
    """A colour photo, and what it took.

    `rgb` shows the part of `colors` that sRGB can show; `milliseconds` are of the whole call
    but for opening the photo.
    """

    rgb: np.ndarray  # uint8 [H, W, 3], read-only
    ab: Tensor  # float32 [2, S, S], Lab units, as the network gave them
    hints: Hints
    photo: Photo  # the one that was coloured, at the size of `rgb`

    @property
    def name(self) -> str:
        """The photo's name."""
        return self.photo.name

    def file(self, name: str = "photo.png") -> bytes:
        """Return the colour photo as a file of that name would be: see `photos.photo_file`."""
        return photo_file(self._painted(), name, self.model)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save at full size as PNG, TIFF, JPEG or WebP, by the suffix. Raises PhotoError."""
        save_photo(self._painted(), path, self.model)

    def _painted(self) -> Photo:
        """Return the colour photo, of 16 bits if the photo is, with what else is in its file."""
        rgb = self.rgb
        if self.photo.levels.dtype == np.uint16:
            rgb = Painter(self.photo).paint(self.colors, np.uint16)
        return replace(self.photo, rgb=rgb)

    def __repr__(self) -> str:
        height, width, _ = self.rgb.shape
        hints = f"{len(self.hints)} hint{'' if len(self.hints) == 1 else 's'}"
        return (
            f"Colorization({self.name!r} {height}x{width}, {hints}, {self.model}: "
            f"kept {self.kept} of {self.gates.numel()}, {self.macs / 1e9:.2f} GMAC, "
            f"{self.milliseconds:.0f} ms)"
        )


class Colorizer:
    """Colours photos with one network. May be used from several threads.

        Colorizer("acolvit-t-0.5")(photo, hints)

    `model` is the name of a checkpoint, the path of one, or a ColViT. `device` None takes the
    best there is, and leaves a ColViT where it is.

    `engine` is "eager", which is PyTorch; "onnx", ONNX Runtime, the same colours faster, on the
    CPU; or "approximate", faster again and nearly the same (see `onnx.OnnxModel`). None takes
    "onnx" on the CPU and "eager" on a GPU, and "eager" for a ColViT, as its weights may change:
    the other two engines keep those that they were made with. Where ONNX Runtime cannot be used,
    None takes "eager", with a warning.

    What it knows of the last photo is kept, so that a second call with the same Photo has
    only the hints to look at. Raises ColorlibError for a model or an engine that cannot be had.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | ColViT = "acolvit-t-0.5",
        device: torch.device | str | None = None,
        engine: EngineName | None = None,
    ):
        if isinstance(model, ColViT):
            self.name = "acolvit" if model.policy else "icolorit"
            engine = engine or "eager"
        else:
            self.name = stem(model)
            if engine in (None, "eager"):
                device = torch.device(
                    device or torch.accelerator.current_accelerator(True) or "cpu"
                )
                engine = engine or _best_engine(device)
            model = load_model(model)
        if engine not in get_args(EngineName):
            names = ", ".join(get_args(EngineName))
            raise ColorlibError(f"engine is {engine!r}; it must be one of {names}")
        if engine != "eager" and torch.device(device or "cpu").type != "cpu":
            raise ColorlibError(f"engine {engine!r} runs on the CPU, not on {device}: take eager")
        self.model, self.engine = model, engine
        # X [B, 4, S, S], budget, gates -> Prediction.
        self.predict: Callable[..., Prediction] = (
            partial(predict, model if device is None else model.to(device))
            if engine == "eager"
            else _onnx().OnnxModel(model, approximate=engine == "approximate")
        )
        self._painter: Painter | None = None

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return self.model.pos_embed.device if self.engine == "eager" else torch.device("cpu")

    def __call__(
        self,
        photo: Any,
        hints: Hints | None = None,
        budget: float | None = None,
        gates: Tensor | None = None,
        longest: int | None = None,
        refine: bool = True,
    ) -> Colorization:
        """Colour `photo`, anything that `open_photo` takes, grey or colour, of any size.

        Of its colours nothing is used; its lightness stays, pixel by pixel. `hints` are for this
        photo's size; None means no hints. `budget` (0 to 1) is for models made with one, and
        `gates` bool [depth, 2] overrules the decisions. `longest` makes a preview, no side of
        which has more pixels than that, its colours the same. `refine` False paints the network's
        colours as they are, as all comparisons with the paper do. Raises PhotoError for a photo
        that cannot be opened, ColorlibError for hints, a budget or gates that do not fit.
        """
        photo = open_photo(photo)
        start = perf_counter()
        hints = Hints.empty(photo.shape) if hints is None else hints
        painter = self._painter  # another thread may put its own there
        if painter is None or painter.photo is not photo:
            painter = self._painter = Painter(photo)
        L = painter.network_lightness(self.model.img_size)
        answer, ab = self.answer(photo, hints, L, budget, gates, refine)
        painter = painter if longest is None else painter.reduced(longest)
        rgb = painter.paint(answer.colors)
        answer = replace(answer, milliseconds=1e3 * (perf_counter() - start))
        return Colorization(
            **vars(answer), rgb=rgb, ab=denormalize_ab(ab[0]), hints=hints, photo=painter.photo
        )

    def answer(
        self,
        photo: Photo,
        hints: Hints,
        L: Tensor,
        budget: float | None = None,
        gates: Tensor | None = None,
        refine: bool = True,
    ) -> tuple[Answer, Tensor]:
        """Ask the network and paint nothing: its answer, and its own ab / 110, [1, 2, S, S].

        L [1, 1, S, S] is the photo's at the network's size; the rest is as for a call.
        """
        x = photo_input(photo, hints, self.model.img_size, L)
        start = perf_counter()
        prediction = self.predict(x, budget, gates)
        milliseconds = 1e3 * (perf_counter() - start)
        ab, ran = denormalize_ab(prediction.ab[0]), prediction.gates[0] > 0.5
        colors = refined(photo, hints, ab, L) if refine else ab
        kept, cost = int(ran.sum()), int(macs(ran, self.model.costs))
        return Answer(self.name, colors, ran, kept, cost, milliseconds), prediction.ab

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the network as one ONNX file, which ONNX Runtime runs by itself: `onnx.export`."""
        _onnx().export(self.model, path)

    def __repr__(self) -> str:
        return f"Colorizer({self.name!r})"


def _onnx() -> Any:
    """Import `colorlib.onnx`; ColorlibError where ONNX Runtime is absent or does not load."""
    try:
        return import_module("colorlib.onnx")
    except (ImportError, OSError) as error:
        raise ColorlibError(f"ONNX Runtime cannot be used: {error}") from error


def _best_engine(device: torch.device) -> EngineName:
    if device.type != "cpu":
        return "eager"
    try:
        _onnx()
    except ColorlibError as error:
        warnings.warn(f"PyTorch runs the network, slower than need be: {error}", stacklevel=3)
        return "eager"
    return "onnx"


class Painter:
    """One photo, ready to be painted again and again: what depends on it alone is kept.

    May be used from several threads.
    """

    def __init__(self, photo: Photo):
        self.photo = photo
        # L [1, 1, side, side] of the photo resized to side x side, for `photo_input`.
        self.network_lightness = lru_cache(1)(partial(small_lightness, photo))
        # One at a time: a window that is being resized asks for many.
        self._smaller = lru_cache(1)(lambda shape: Painter(photo.resized(shape)))

    def reduced(self, longest: int) -> "Painter":
        """Return the Painter of the photo made so small that no side is longer than `longest`."""
        height, width = self.photo.shape
        scale = longest / max(height, width)
        if scale >= 1:
            return self
        return self._smaller((max(1, round(height * scale)), max(1, round(width * scale))))

    @cached_property
    def f_y(self) -> Tensor:
        """Lab's f of Y, (L + 16) / 116: float32 [H, W]."""
        f_y, levels = torch.empty(self.photo.shape), self.photo.levels
        white = np.iinfo(levels.dtype).max
        linear = linear_of_srgb(torch.arange(white + 1, dtype=torch.float64) / white)
        # The Y of each level of red, of green and of blue.
        tables = [(linear * weight).float().numpy() for weight in WHITED_OF_RGB[1]]
        for strip in self._strips():
            red, green, blue = (tables[k][levels[strip, :, k]] for k in range(3))
            f_y[strip] = lab_curve(torch.from_numpy(red + green + blue))
        return f_y

    def paint(self, colors: Tensor, kind: type = np.uint8) -> np.ndarray:
        """Paint the photo with `colors` [2 or 4, h, w], resized to meet it (bilinear).

        Two are ab, in Lab units; four are ab where L is 0, and how much it grows for each unit
        of the photo's own L (see `refined`). Returns [H, W, 3], read-only, np.uint8 or np.uint16
        as `kind` says. Where sRGB cannot show a colour at that lightness, red, green and blue
        are cut to what it can; elsewhere L is the photo's, to rounding.
        """
        (height, width), source = self.photo.shape, colors.shape[1]
        # As they are added to Lab's f of Y, to make f of X, and f of Z; what grows, by that f.
        base, growth = colors.detach().float().tensor_split([2])
        if len(growth):
            base, growth = base - 16 * growth, 116 * growth
        scale = torch.tensor([1 / 500, -1 / 200]).repeat(len(colors) // 2)[:, None, None]
        planes = resize_ab(torch.cat((base, growth)) * scale, (source, width))
        # For each row of the photo the two of `ab` around it, and the weight of the second.
        row = (torch.arange(height, dtype=torch.float64) + 0.5) * (source / height) - 0.5
        above = row.clamp_(0, source - 1).long()
        below, weight = (above + 1).clamp_max(source - 1), (row - above).float()[:, None]
        rgb: np.ndarray = np.empty(self.photo.rgb.shape, kind)
        for strip in self._strips():
            upper, lower = (planes.index_select(1, rows[strip]) for rows in (above, below))
            offsets, growth = upper.lerp_(lower, weight[strip]).tensor_split([2])
            if len(growth):
                offsets.addcmul_(growth, self.f_y[strip])
            levels = _levels(self.f_y[strip], offsets, kind).numpy()
            for channel in range(3):
                rgb[strip, :, channel] = levels[channel]
        rgb.setflags(write=False)
        return rgb

    def _strips(self) -> list[slice]:
        """Cut the rows into strips of about STRIP pixels."""
        rows = max(1, STRIP // self.photo.shape[1])
        return [slice(top, top + rows) for top in range(0, self.photo.shape[0], rows)]


def paint(photo: Photo, colors: Tensor) -> np.ndarray:
    """Paint a photo with colours [2 or 4, h, w] once: see `Painter.paint`."""
    return Painter(photo).paint(colors)


def resize_ab(ab: Tensor, shape: tuple[int, int]) -> Tensor:
    """Resize ab [C, h, w] to `shape` (H, W), bilinear: float32 [C, H, W]."""
    return interpolate(ab[None], size=shape, mode="bilinear", align_corners=False)[0]


def _levels(f_y: Tensor, offsets: Tensor, kind: type) -> Tensor:
    """Compute sRGB [3, h, w] of Lab's f of Y [h, w] and what X and Z add to it [2, h, w].

    Levels are whole numbers, uint8 or, for 16 bits, float32.
    """
    f = torch.empty(3, *f_y.shape)
    torch.add(f_y, offsets[0], out=f[0])
    f[1] = f_y
    torch.add(f_y, offsets[1], out=f[2]).clamp_min_(0.0)
    # Lab's curve back: a cube, and below the threshold the straight line that it ends in.
    cubed = f.clamp_min(F_THRESHOLD)
    f.sub_(cubed)
    f.addcmul_(cubed * cubed, cubed, value=F_SLOPE)
    light = torch.mm(_MIX, f.flatten(1)).clamp_(0, STEPS)
    if kind is np.uint8:
        levels = _LEVELS.index_select(0, light.to(torch.int32).flatten())
    else:
        levels = (65535 * srgb_of_linear(light / STEPS)).round_()
    return levels.view(3, *f_y.shape)


# Refinement (ours). The network answers in patches of 16 pixels, and near a hint, not at it.


def refined(photo: Photo, hints: Hints, ab: Tensor, L: Tensor) -> Tensor:
    """Carry colours to the photo's edges and hold the hints: [4, s, s], see `Painter.paint`.

    ab [2, S, S] in Lab units is the network's, L [1, 1, S, S] the photo's at its size. A guided
    filter (He et al. 2010) makes ab a linear function of L about each pixel, so that its steps
    are the photo's and not those of patches. What each hint then lacks to its colour, or to the
    nearest that exists at its lightness, is added: first most of it, far around, to what is as
    light as the hint; then the rest, at the hint itself. The filter works at half the network's
    size, at which nothing is lost; its result is linear in L, so that any photo can take it.
    """
    grid = L.shape[-1] // 2
    small_L, small_ab = (avg_pool2d(one.detach().cpu().float(), 2) for one in (L[0], ab))
    colors = _guided(small_L, small_ab)
    if not len(hints):
        return colors
    # As in the network's input, the last hint of a cell counts.
    cells = hints.cells(2 * grid)
    last = {tuple(cell): index for index, cell in enumerate(cells.tolist())}
    pixels = hints.rows[used := list(last.values())], hints.cols[used]
    own = Photo(photo.rgb[pixels][None])
    hint_L = srgb_to_lab(own.tensor())[0].flatten()
    wanted = torch.tensor(hints.ab[used]).T[:, None]
    wanted = nearest_in_gamut(hint_L[None, None], wanted)[:, 0].T  # [n, 2]
    shares = (np.stack(pixels, axis=1) + 0.5) / photo.shape
    places = torch.from_numpy(shares).float()[None]  # (y, x) from 0 to 1, [1, n, 2]
    here = torch.cat((sample(small_L, places)[0].T, places[0] * grid), dim=1)  # L, y, x: [n, 3]

    def lack(colors: Tensor) -> Tensor:
        """Return what the hints lack to the colours wanted, [n, 2]."""
        return wanted - ab_at(colors, places, hint_L)

    def around(points: Sequence[Tensor], reach: Tensor | float, levels: float) -> Tensor:
        """Return how much of each hint arrives at points (L, y, x): [n, ...], 1 at the hint."""
        total = torch.zeros(())
        for at, own, width in zip(points, here.T, (levels, reach, reach), strict=True):
            own, width = (torch.as_tensor(one).view(-1, *[1] * at.ndim) for one in (own, width))
            square = (at - own).div_(width * 2**0.5).square_()
            total = total.sub_(square) if total.ndim else square.neg_()  # in place: it is large
        return total.clamp_min_(-50).exp_()  # what is smaller yet is slow to compute

    # Kernel ridge regression over place and lightness ...
    far = partial(around, reach=REACH * grid, levels=LEVELS)
    weights = torch.linalg.solve(far(here.unbind(1)) + RIDGE * torch.eye(len(here)), lack(colors))
    middles = torch.arange(grid) + 0.5
    arrives = far((small_L[0], middles[:, None], middles[None]))
    colors = _guided(small_L, small_ab + torch.tensordot(weights.T, arrives, 1))
    # ... and what it leaves, in a spot at each hint that ends half way to the next.
    colors = resize_ab(colors, (2 * grid, 2 * grid))
    middles = torch.arange(2 * grid) / 2 + 0.25
    rows, columns = ((middles - at[:, None]).abs() < 4 * SPOT * grid for at in here.T[1:])
    near = rows.float().T @ columns.float() > 0  # all others would be 0
    y, x = near.nonzero(as_tuple=True)
    apart = torch.cdist(here[:, 1:], here[:, 1:]).fill_diagonal_(torch.inf).amin(dim=1)
    reach = (apart / 2).clamp(0.25, SPOT * grid)
    spots = partial(around, reach=reach, levels=2 * LEVELS)
    rest = lack(colors)
    # What arrives at a hint itself comes from the four pixels about it, as when it is painted.
    at = (places[0] * 2 * grid - 0.5).clamp(0, 2 * grid - 1)
    first, share = at.long(), at.frac()
    steps = torch.cartesian_prod(torch.arange(2), torch.arange(2))[:, None]  # [4, 1, 2]
    row, column = (first + steps).clamp_max(2 * grid - 1).unbind(2)  # [4, n]
    parts = torch.where(steps > 0, share, 1 - share).prod(2)
    arrives = spots((L[0, 0, row, column], middles[row], middles[column]))  # [n, 4, n]
    at_hints = (parts * arrives).sum(1).T
    weights = torch.linalg.solve(at_hints + 1e-3 * torch.eye(len(here)), rest)
    low, high = (2 * end[:, None] for end in rest.aminmax(dim=0))
    added = weights.T @ spots((L[0, 0, near], middles[y], middles[x]))
    # Spots that overlap must not overshoot.
    colors[:2, near] += added.clamp(low.clamp_max(0), high.clamp_min(0))
    return colors


def ab_at(colors: Tensor, places: Tensor, L: Tensor) -> Tensor:
    """Return ab [n, 2] of colours [4, s, s] at places [1, n, 2] whose lightness is L [n]."""
    base, growth = sample(colors, places)[:, 0].T.split(2, dim=1)
    return base + growth * L[:, None]


def sample(colors: Tensor, places: Tensor) -> Tensor:
    """Return [C, s, s] at places [h, w, 2], (y, x) from 0 to 1, bilinear: [C, h, w]."""
    grid = (2 * places - 1).flip(-1)[None]
    return grid_sample(colors[None], grid, padding_mode="border", align_corners=False)[0]


def _guided(L: Tensor, ab: Tensor) -> Tensor:
    """Filter ab [2, s, s], guided by L [1, s, s]: ab at L = 0, and its growth with L [4, s, s]."""
    window = 2 * max(1, round(WINDOW * L.shape[-1])) + 1

    def mean(values: Tensor) -> Tensor:
        return torch.from_numpy(uniform_filter(values.numpy(), window, mode="nearest", axes=(1, 2)))

    L_mean, ab_mean = mean(L), mean(ab)
    growth = (mean(L * ab) - L_mean * ab_mean) / (mean(L * L) - L_mean.square() + SMOOTHING)
    return mean(torch.cat((ab_mean - growth * L_mean, growth)))
