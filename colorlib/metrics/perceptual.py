"""LPIPS: how far two photos are apart to a network that was trained to tell objects.

Zhang et al. 2018, by the authors' package `lpips`, version 0.1 of the metric. The package has
the weights that make a distance of the network's features; those of the network itself are
torchvision's and large, so nothing here fetches them: they are where torch keeps what it once
downloaded, or in the folder that the environment variable COLORLIB_LPIPS names, or LPIPS is
not measured.
"""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from safetensors.torch import load_file
from torch import Tensor

from colorlib.files import ColorlibError, DataError
from colorlib.metrics.pictures import checked_pair

FOLDER_VARIABLE = "COLORLIB_LPIPS"
# What 0 to 255 becomes: as iColoriT's evaluation feeds it, and as lpips asks for it.
INPUT_RANGES = {"icolorit": (0.0, 1.0), "lpips": (-1.0, 1.0)}


@dataclass(frozen=True)
class _Network:
    features: str  # in the folder: the convolutions alone, names as in torchvision's state dict
    download: str  # in torch's cache: torchvision's IMAGENET1K_V1
    megabytes: int
    smallest_side: int  # below it no pixel is left after the last pooling


NETWORKS = {
    "alex": _Network("alexnet_features.safetensors", "alexnet-owt-7be5be79.pth", 233, 31),
    "vgg": _Network("vgg16_features.safetensors", "vgg16-397923af.pth", 528, 16),
}


def why_not_lpips(net: str = "vgg") -> str | None:
    """Why LPIPS by `net`, "alex" or "vgg", cannot be measured, or None when it can.

    It names where the weights were looked for and how to get them. Raises ColorlibError for
    another network.
    """
    places = _places(net)
    if any(path.is_file() for path in places):
        return None
    return (
        f"weights missing: LPIPS ({net}) needs {' or '.join(map(str, places))}; "
        f"get them ({_network(net).megabytes} MB, once) by "
        f"python -c \"import colorlib, lpips; lpips.LPIPS(net='{net}')\", or set "
        f"{FOLDER_VARIABLE} to a folder with {_network(net).features}"
    )


class Lpips:
    """LPIPS by `net`: "vgg" (VGG16), as iColoriT and the paper, or "alex" (AlexNet).

    Raises DataError when the weights are missing (it says how to get them) or damaged,
    ColorlibError for another network.
    """

    def __init__(self, net: str = "vgg", device: str | torch.device = "cpu"):
        missing = why_not_lpips(net)
        if missing:
            raise DataError(missing)
        self.net = net
        self.device = torch.device(device)
        path = next(path for path in _places(net) if path.is_file())
        self._distance = _load(net, path).to(self.device)
        # Of the last `b`, by input range: one truth is compared with many pictures.
        self._truth: dict[str, tuple[np.ndarray, list[Tensor]]] = {}

    @torch.inference_mode()
    def __call__(self, a: ArrayLike, b: ArrayLike, input_range: str = "lpips") -> np.ndarray:
        """LPIPS of each pair of photos, uint8 [..., H, W, 3] both -> float64 [...].

        `input_range` says what the network is fed: "lpips" is [-1, 1], as it should be;
        "icolorit" is [0, 1], as iColoriT's evaluation did it, for numbers beside its own.
        Raises ColorlibError as `psnr`, and for photos too small for the network.
        """
        a, b = checked_pair("LPIPS", a, b)
        if input_range not in INPUT_RANGES:
            raise ColorlibError(
                f"no LPIPS input range {input_range!r}: there are {', '.join(INPUT_RANGES)}"
            )
        smallest = _network(self.net).smallest_side
        if min(a.shape[-3:-1]) < smallest:
            raise ColorlibError(
                f"LPIPS ({self.net}) of photos of {a.shape[-3]} x {a.shape[-2]}: "
                f"both sides must be {smallest} or more"
            )
        distances = np.empty(a.shape[:-3])
        # Pair by pair, so that a photo's number cannot depend on its neighbours; on a CPU it is
        # no slower, and it takes the memory of one pair.
        for index in np.ndindex(distances.shape):
            one = self._features(a[index], input_range)
            other = self._features_of_truth(b[index], input_range)
            distances[index] = self._compared(one, other)
        return distances

    def _features(self, photo: np.ndarray, input_range: str) -> list[Tensor]:
        """The network's, layer by layer, [1, C, h, w], each place's of length 1."""
        low, high = INPUT_RANGES[input_range]
        values = torch.from_numpy(photo.astype(np.float32)).to(self.device) / 255
        fed = (values * (high - low) + low).permute(2, 0, 1).unsqueeze(0)
        layers = self._distance.net(self._distance.scaling_layer(fed))
        return [layer / (layer.square().sum(1, keepdim=True).sqrt() + 1e-10) for layer in layers]

    def _features_of_truth(self, photo: np.ndarray, input_range: str) -> list[Tensor]:
        known, features = self._truth.get(input_range, (None, []))
        if known is None or not np.array_equal(known, photo):
            features = self._features(photo, input_range)
            self._truth[input_range] = photo.copy(), features
        return features

    def _compared(self, one: list[Tensor], other: list[Tensor]) -> float:
        """As lpips.LPIPS.forward, which would run the network on both each time."""
        layers = zip(self._distance.lins, one, other, strict=True)
        return float(sum(weigh((x - y) ** 2).mean((2, 3), keepdim=True) for weigh, x, y in layers))


def _network(net: str) -> _Network:
    if net not in NETWORKS:
        raise ColorlibError(f"no LPIPS network {net!r}: there are {', '.join(NETWORKS)}")
    return NETWORKS[net]


def _places(net: str) -> list[Path]:
    """Where the weights of `net` may be, in the order they are looked for."""
    network = _network(net)
    named = os.environ.get(FOLDER_VARIABLE)
    folder = [Path(named) / network.features] if named else []
    return [*folder, Path(torch.hub.get_dir()) / "checkpoints" / network.download]


def _load(net: str, path: Path) -> Any:
    """The distance of package lpips with the weights at `path`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lpips asks torchvision in words of long ago
        import lpips

        # Made without values: torchvision would draw VGG16's 138 million at random, for
        # seconds and out of the caller's generator.
        with torch.device("meta"):
            distance = lpips.LPIPS(net=net, pretrained=False, pnet_rand=True, verbose=False)
    distance.scaling_layer = lpips.ScalingLayer()
    linear = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{net}.pth"
    state = torch.load(linear, map_location="cpu", weights_only=True)
    features = _read(path)
    try:
        for name in distance.net.state_dict():
            # lpips cuts torchvision's `features` into slices: slice3.6.weight is its 6.weight.
            _, layer = name.split(".", 1)
            state[f"net.{name}"] = features[f"features.{layer}"].float()
        distance.load_state_dict(state, strict=False, assign=True)
    except KeyError as error:
        raise DataError(f"{path} is not torchvision's {net}: it has no {error}") from None
    except RuntimeError as error:
        raise DataError(f"{path} is not torchvision's {net}: {error}") from error
    return distance.requires_grad_(False)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch.load fails on a damaged file in whatever way it can
        raise DataError(f"{path} is damaged: {error}; take another copy") from error
