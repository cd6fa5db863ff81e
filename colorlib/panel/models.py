"""The models a panel offers: names, networks loaded when they are first used, and their answers."""

import os
import threading

import torch

from colorlib import checkpoints
from colorlib.canvas import Canvas
from colorlib.colorizer import Colorization, Colorizer
from colorlib.files import CheckpointError, ConfigError
from colorlib.hints import Hints
from colorlib.metrics import psnr
from colorlib.model import threads
from colorlib.panel.answers import Answer
from colorlib.panel.caches import Newest
from colorlib.panel.points import Subject
from colorlib.panel.state import State

DEFAULT = "acolvit-t-0.5"

Model = str | os.PathLike[str] | Colorizer


class Models:
    """All shipped checkpoints, and `first`: a name, the path of a checkpoint, or a Colorizer.

    May be used from several threads. Raises CheckpointError where there is nothing to offer.
    """

    def __init__(self, first: Model | None = None):
        self._lock, self._whole = threading.RLock(), threading.Lock()
        self._colorizers: dict[str, Colorizer] = {}
        self._answers, self._squares = Newest(12), Newest(2)
        names = sorted(checkpoints.available(), key=_rank)
        if first is None:
            if not names:
                raise CheckpointError(
                    f"there are no checkpoints in {checkpoints.checkpoint_dir()}: "
                    "restore them with 'git checkout'"
                )
            first = DEFAULT if DEFAULT in names else names[0]
        if isinstance(first, Colorizer) or str(first) not in names:
            made = first if isinstance(first, Colorizer) else Colorizer(first)
            self._colorizers[made.name] = made
            first = made.name
        self.first = str(first)
        self.names = tuple(names) if self.first in names else (*names, self.first)

    def colorizer(self, name: str) -> Colorizer:
        """The Colorizer of a model, loaded at its first use. ConfigError for an unknown name."""
        if name not in self.names:
            raise ConfigError(f"no model {name!r}: there are {', '.join(self.names)}")
        with self._lock:
            if name not in self._colorizers:
                # The page draws meanwhile: with all cores taken both would be slower.
                with threads(max(1, torch.get_num_threads() - 1)):
                    self._colorizers[name] = Colorizer(name)
            return self._colorizers[name]

    def takes_budget(self, name: str) -> bool:
        """Whether a model was made with a budget; the network need not be loaded for it."""
        if name in self._colorizers:
            return bool(self._colorizers[name].model.config["budget"])
        return bool(checkpoints.card(name)["model"].get("budget"))

    def budget(self, state: State, name: str) -> float | None:
        """The budget that goes to a model, None for one that takes none."""
        return state.budget if self.takes_budget(name) else None

    def answer(self, state: State, name: str) -> Answer:
        """A model's answer to a state's hints; what was asked before is remembered."""
        subject, hints, budget = state.scene.subject, state.hints, self.budget(state, name)
        places = (hints.rows.tobytes(), hints.cols.tobytes(), hints.ab.tobytes())
        with self._lock:
            return self._answers.get(
                (subject, name, budget, places), lambda: self._ask(subject, hints, name, budget)
            )

    def full(self, state: State) -> Colorization:
        """The photo in colour at its full size. Takes a while for many megapixels."""
        budget = self.budget(state, state.model)
        with self._whole:
            return self.colorizer(state.model)(state.photo, state.hints, budget=budget)

    def where(self, name: str) -> str:
        """What runs a model, and on which device."""
        colorizer = self.colorizer(name)
        return f"{ENGINES[colorizer.engine]}, {colorizer.device}"

    def _ask(self, subject: Subject, hints: Hints, name: str, budget: float | None) -> Answer:
        colorizer = self.colorizer(name)
        side = colorizer.model.img_size
        preview = colorizer(subject.photo, hints, budget=budget, longest=side)
        if subject.is_grey:
            return Answer(preview, None)
        square = self._squares.get((subject, side), lambda: Canvas(subject.photo.resized(side)))
        return Answer(preview, float(psnr(square.paint(preview.network_ab), square.photo.rgb)))


ENGINES = {
    "eager": "PyTorch",
    "onnx": "ONNX Runtime",
    "approximate": "ONNX Runtime with 8 bits",
}


def _rank(name: str) -> tuple[bool, bool, float, str]:
    """The dense network, then those that keep less and less, then those with a budget."""
    share = name.rpartition("-")[2]
    number = float(share) if share.replace(".", "", 1).isdecimal() else 0.0
    return not name.startswith("icolorit"), share == "any", -number, name
