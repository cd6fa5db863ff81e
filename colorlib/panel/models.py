"""The models a panel offers: networks shared by the panels of a kernel, and their answers."""

import os
import threading
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import torch

from colorlib import checkpoints, colorizer
from colorlib.colorizer import Colorization, Colorizer
from colorlib.evaluate import HintedPhotos
from colorlib.files import ColorlibError
from colorlib.model import threads
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
class Answer(colorizer.Answer):
    """A Colorizer's answer, and PSNR: that of the evaluation, of the network's own colours."""

    psnr: float | None  # dB; None where the photo is grey

    @property
    def share(self) -> float:
        """The share of sub-layers that ran."""
        return self.kept / self.gates.numel()


class Models:
    """All shipped checkpoints, and `first`: a name, the path of a checkpoint, or a Colorizer.

    `codes` has each one's Python expression, by name. May be used from several threads. Raises
    ColorlibError for a model that cannot be loaded.
    """

    def __init__(self, first: Model = DEFAULT):
        # The dense network, then those that keep less and less, then those with a budget.
        names = sorted(
            checkpoints.available(),
            key=lambda name: (name.startswith("icolorit"), not name.endswith("any"), name),
            reverse=True,
        )
        self.codes = {name: f'colorlib.Colorizer("{name}")' for name in names}
        self._own: dict[str, Colorizer] = {}  # what no name of a checkpoint loads
        self.first = str(first)
        if self.first not in names:
            made = first if isinstance(first, Colorizer) else Colorizer(first)
            code = "colorizer" if made is first else f"colorlib.Colorizer({self.first!r})"
            # Another than the shipped one of its name, or that with another engine.
            self.first = made.name if made.name not in names else f"{made.name}, own"
            self._own[self.first], self.codes[self.first] = made, code
        self._lock = threading.Lock()
        self._answer = lru_cache(12)(self._ask)  # undo comes back to those before
        self._resized = lru_cache(2)(lambda subject, side: HintedPhotos([subject.photo], 0, side))

    def forget(self) -> None:
        """Let go of all photos and answers."""
        self._answer.cache_clear()
        self._resized.cache_clear()

    def colorizer(self, name: str) -> Colorizer:
        """Return the Colorizer of a model, loaded at its first use. ColorlibError if unknown."""
        if name not in self.codes:
            raise ColorlibError(f"no model {name!r}: there are {', '.join(self.codes)}")
        with _loading:
            weights = checkpoints.checkpoint_dir() / f"{name}.safetensors"
            return self._own.get(name) or _shared(weights)

    def takes_budget(self, name: str) -> bool:
        """Tell whether a model was made with a budget; the network need not be loaded for it."""
        own = self._own.get(name)
        return bool((own.model.config if own else checkpoints.card(name)["model"]).get("budget"))

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
        asked, hints = self.colorizer(name), hints_of(points, subject.photo.shape)
        resized = self._resized(subject, asked.model.img_size)
        answer, ab = asked.answer(subject.photo, hints, resized.lightness, budget)
        psnr = None if subject.is_grey else float(resized.painted(ab).psnr)
        return Answer(**vars(answer) | {"model": name}, psnr=psnr)
