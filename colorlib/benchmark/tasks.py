"""What Table 2 times: networks in engines, and whole photos."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from colorlib.benchmark.plain import PlainEngine, paint
from colorlib.benchmark.timing import Task
from colorlib.colorizer import Colorizer
from colorlib.files import ConfigError
from colorlib.hints import evaluation_hints
from colorlib.model import ATTENTION, FFN, ColViT, Prediction, predict
from colorlib.onnx import OnnxModel
from colorlib.photos import Photo

HINTS = 10
OWN, DECISIONS = "own", "decisions"
FORCED = (24, 17, 12, 7, 5, 0)  # of 24
BUDGETS = (0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
LARGE, SCREEN = (3000, 4000), 1600  # 12 megapixels; the longest side of a preview

Network = Callable[[Tensor], Prediction]
Models = Mapping[str, ColViT]


@dataclass(frozen=True)
class Subject:
    """What a line of the table is of: the columns that say so."""

    engine: str
    model: str
    budget: float | None = None
    gates: str = OWN
    stage: str = "network"
    batch: int = 1
    threads: int = 1


def evenly(kept: int, depth: int = 12) -> Tensor:
    """Gates bool [depth, 2] that keep `kept` sub-layers, spread evenly over the depth.

    As many attentions as FFNs, or one more. Raises ConfigError for more than there are.
    """
    if not 0 <= kept <= 2 * depth:
        raise ConfigError(f"kept is {kept}; there are {2 * depth} sub-layers")
    gates = torch.zeros(depth, 2, dtype=torch.bool)
    for kind, count in ((ATTENTION, math.ceil(kept / 2)), (FFN, kept // 2)):
        gates[torch.linspace(0, depth - 1, count).round().long(), kind] = True
    return gates


def roles(models: Models) -> tuple[str, list[str], list[str]]:
    """The dense network, the gated ones (large budgets first), and those with a dial.

    Raises ConfigError where there is no dense one, which all others are compared with.
    """
    dense = [name for name, model in models.items() if not model.policy]
    if not dense:
        raise ConfigError(f"Table 2 needs a network that skips nothing beside {list(models)}")
    dials = [name for name, model in models.items() if model.config["budget"]]
    return dense[0], sorted(set(models) - {*dense, *dials}, reverse=True), dials


def network_subjects(models: Models, batch: int, threads: int) -> list[Subject]:
    """What is timed from X to ab; a photo at a time on one thread there is more to learn."""
    dense, gated, dials = roles(models)
    engines = ("eager", "onnx", "approximate")
    found = [Subject("plain", dense)]
    found += [Subject(engine, name) for engine in engines for name in (dense, *gated)]
    if batch == threads == 1:
        found += [Subject("onnx", name, budget) for name in dials for budget in BUDGETS]
        for name in gated[-1:]:
            found += [Subject("masked", name), Subject("eager", name, gates=DECISIONS)]
            most = 2 * len(models[name].blocks)
            forced = [f"{kept} of {most}" for kept in FORCED if kept <= most]
            found += [Subject(engine, name, gates=text) for engine in engines for text in forced]
    return [replace(subject, batch=batch, threads=threads) for subject in found]


def network(subject: Subject, model: ColViT) -> Network:
    """What runs `subject`: X [B, 4, S, S] -> Prediction, whose gates say what was computed."""
    if subject.engine == "plain":
        return PlainEngine(model)
    if subject.engine == "masked":
        return _masked(model)
    if subject.gates == DECISIONS:
        return _decisions(model)
    own = subject.gates == OWN
    gates = None if own else evenly(int(subject.gates.split()[0]), len(model.blocks))
    if subject.engine == "eager":
        return lambda x: predict(model, x, subject.budget, gates)
    onnx = OnnxModel(model, approximate=subject.engine == "approximate")
    return lambda x: onnx(x, subject.budget, gates)


def _masked(model: ColViT) -> Network:
    """As AdaViT's published code skips: all is computed, then multiplied by 0 or 1."""
    model = copy.deepcopy(model).train()

    @torch.inference_mode()
    def run(x: Tensor) -> Prediction:
        answer = model(x)
        return replace(answer, gates=torch.ones_like(answer.gates) > 0)

    return run


def _decisions(model: ColViT) -> Network:
    """All decisions and nothing else; what they decide of is the first block's input."""
    side, blocks = model.img_size, range(len(model.blocks))
    none = torch.zeros(1, len(model.blocks), 2, dtype=torch.bool)

    @torch.inference_mode()
    def tokens() -> Tensor:
        return model.embed(torch.zeros(1, 4, side, side))

    z = tokens()

    @torch.inference_mode()
    def run(x: Tensor) -> Prediction:
        logits = torch.stack([model.decide(index, z) for index in blocks], 1)
        return Prediction(x[:, 1:3], none, logits)

    return run


def photo_tasks(models: Models, photos: Sequence[Photo]) -> dict[Subject, Task]:
    """Whole photos with their hints: the gallery's `photos`, and as large ones the first two.

    "next hint" are calls in which the photo is the last call's.
    """
    dense, gated, _ = roles(models)
    large = [photo.resized(LARGE) for photo in photos[:2]]
    tasks: dict[Subject, Task] = {}
    for stage, given in (("gallery photo", photos), ("12 MP photo", large)):
        tasks[Subject("plain", dense, stage=stage)] = _plain_task(models[dense], given)
        for name in (dense, *gated[-1:]):
            tasks[Subject("onnx", name, stage=stage)] = _photo_task(models[name], given)
    for stage, longest in (("12 MP, next hint", None), ("12 MP, preview of next hint", SCREEN)):
        for name in (dense, *gated[-1:]):
            tasks[Subject("onnx", name, stage=stage)] = _hint_task(models[name], large[0], longest)
    return tasks


def _plain_task(model: ColViT, photos: Sequence[Photo]) -> Task:
    engine = PlainEngine(model)
    hints = [evaluation_hints(photo, HINTS) for photo in photos]
    return lambda index: paint(engine, photos[index % len(photos)], hints[index % len(photos)])


def _photo_task(model: ColViT, photos: Sequence[Photo]) -> Task:
    colorizer = Colorizer(model, engine="onnx")
    hints = [evaluation_hints(photo, HINTS) for photo in photos]
    return lambda index: colorizer(photos[index % len(photos)], hints[index % len(photos)])


def _hint_task(model: ColViT, photo: Photo, longest: int | None) -> Task:
    colorizer = Colorizer(model, engine="onnx")
    hints = evaluation_hints(photo, HINTS)
    return lambda index: colorizer(photo, hints, longest=longest)
