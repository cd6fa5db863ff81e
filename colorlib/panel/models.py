"""The models a panel offers: networks shared by the panels of a kernel, and their answers."""

import os
import threading
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from colorlib import checkpoints
from colorlib.color import denormalize_ab
from colorlib.colorizer import Colorization, Colorizer
from colorlib.evaluate import HintedPhotos
from colorlib.files import ColorlibError
from colorlib.hints import photo_input
from colorlib.model import macs, threads
from colorlib.panel.state import Point, State, Subject, hints_of

DEFAULT = "acolvit-t-0.5"
ENGINES = {
    "eager": "PyTorch",
    "onnx": "ONNX Runtime",
    "approximate": "ONNX Runtime with 8 bits",
}

Model = str | os.PathLike[str] | Colorizer

_loading = threading.Lock()


@cache
def _shared(weights: Path) -> Colorizer:
    """Load a network, once for all panels of a kernel."""
    # The page draws meanwhile: with all cores taken both would be slower.
    with threads(max(1, torch.get_num_threads() - 1)):
        return Colorizer(weights)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model makes of a photo with hints.

    ab: float32 [2, S, S], Lab units. gates: bool [depth, 2], the sub-layers (attention, FFN)
    that ran; kept: how many. macs: the network's multiply-adds; milliseconds: its time. psnr:
    that of the evaluation, dB; None where the photo is grey.
    """

    model: str
    ab: Tensor
    gates: Tensor
    kept: int
    macs: int
    milliseconds: float
    psnr: float | None

    @property
    def share(self) -> float:
        """The share of sub-layers that ran."""
        return self.kept / self.gates.numel()


class Models:
    """All shipped checkpoints, and `first`: a name, the path of a checkpoint, or a Colorizer.

    May be used from several threads. Raises ColorlibError for a model that cannot be loaded.
    """

    def __init__(self, first: Model | None = None):
        first = DEFAULT if first is None else first
        names = tuple(sorted(checkpoints.available(), key=_rank))
        self._own: dict[str, Colorizer] = {}  # what no name of a checkpoint loads, and its code
        self._code = ""
        if str(first) not in names:
            if isinstance(first, Colorizer):
                made, self._code = first, "colorizer"
            else:
                made, self._code = Colorizer(first), f"colorlib.Colorizer({os.fspath(first)!r})"
            self._own[made.name] = made
            first = made.name
        self.first = str(first)
        self.names = names if self.first in names else (*names, self.first)
        self._lock = threading.Lock()
        self._answer = lru_cache(maxsize=12)(self._ask)  # undo comes back to those before
        self._evaluation = lru_cache(maxsize=2)(_evaluation)

    def forget(self) -> None:
        """Let go of all photos and answers."""
        self._answer.cache_clear()
        self._evaluation.cache_clear()

    def colorizer(self, name: str) -> Colorizer:
        """Return the Colorizer of a model, loaded at its first use. ColorlibError if unknown."""
        if name not in self.names:
            raise ColorlibError(f"no model {name!r}: there are {', '.join(self.names)}")
        if name in self._own:
            return self._own[name]
        with _loading:
            return _shared(checkpoints.checkpoint_dir() / f"{name}.safetensors")

    def code(self, name: str) -> str:
        """Return the Python expression of a model's Colorizer."""
        return self._code if name in self._own else f'colorlib.Colorizer("{name}")'

    def takes_budget(self, name: str) -> bool:
        """Tell whether a model was made with a budget; the network need not be loaded for it."""
        own = self._own.get(name)
        config = own.model.config if own else checkpoints.card(name)["model"]
        return bool(config.get("budget"))

    def where(self, name: str) -> str:
        """Tell what runs a model, and on which device."""
        colorizer = self.colorizer(name)
        return f"{ENGINES[colorizer.engine]}, {colorizer.device}"

    def answer(self, state: State, name: str) -> Answer:
        """Return a model's answer to a state's hints; what was asked before is remembered."""
        budget = state.budget if self.takes_budget(name) else None
        with self._lock:
            return self._answer(state.scene.subject, state.points_in_use, name, budget)

    def full(self, state: State) -> Colorization:
        """Return the photo in colour at its full size. Takes a while for many megapixels."""
        budget = state.budget if self.takes_budget(state.model) else None
        return self.colorizer(state.model)(state.photo, state.hints, budget=budget)

    def _ask(
        self, subject: Subject, points: tuple[Point, ...], name: str, budget: float | None
    ) -> Answer:
        colorizer, photo = self.colorizer(name), subject.photo
        model = colorizer.model
        resized = self._evaluation(subject, model.img_size)
        x = photo_input(photo, hints_of(points, photo.shape), model.img_size, resized.lightness)
        start = perf_counter()
        prediction = colorizer.predict(x, budget)
        milliseconds = 1e3 * (perf_counter() - start)
        ran = prediction.gates[0] > 0.5
        return Answer(
            model=name,
            ab=denormalize_ab(prediction.ab[0]),
            gates=ran,
            kept=int(ran.sum()),
            macs=int(macs(ran, model.costs)),
            milliseconds=milliseconds,
            psnr=None if subject.is_grey else float(resized.painted(prediction.ab).psnr),
        )


def _evaluation(subject: Subject, side: int) -> HintedPhotos:
    return HintedPhotos([subject.photo], count=0, side=side)


def _rank(name: str) -> tuple[bool, bool, float, str]:
    """The dense network, then those that keep less and less, then those with a budget."""
    share = name.rpartition("-")[2]
    number = float(share) if share.replace(".", "", 1).isdecimal() else 0.0
    return not name.startswith("icolorit"), share == "any", -number, name
