"""How near a colour photo is to another: PSNR, CIEDE2000, LPIPS; and what is in one.

Photos have 8 bits, uint8 [H, W, 3], and each function gives one number. A table's number is the
mean of these over the set, with its `standard_error`. All raise ColorlibError for floats, for
other shapes, and for two photos whose shapes differ.
"""

import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from safetensors.torch import load_file
from skimage.color import deltaE_ciede2000, rgb2lab
from torch import Tensor

from colorlib.files import ColorlibError

# iColoriT's floor of the mean squared error, so that no photo counts more than 50 dB.
MSE_FLOOR = 1e-5


def psnr(a: ArrayLike, b: ArrayLike) -> float:
    """Return the PSNR of two photos, dB.

    -10 log10 of the mean squared error over pixels and channels, of sRGB on [0, 1], floored at
    1e-5 (50 dB), as iColoriT's evaluation of its saved 8-bit pictures. For a set of photos it
    takes the mean of these dB.
    """
    a, b = _checked("PSNR", a, b)
    error = np.square(a.astype(np.int32) - b).mean() / 255**2
    return -10 * math.log10(max(error, MSE_FLOOR))


def delta_e(a: ArrayLike, b: ArrayLike) -> float:
    """Return the mean CIEDE2000 of two photos.

    0 for the same photo, 100 for black and white; a difference of about 1 can just be seen.
    CIE 142-2001 with unit weights, by scikit-image, averaged over the pixels. In float32: a
    photo's mean is that of float64 to about 1e-5.
    """
    labs = [rgb2lab(photo.astype(np.float32) / 255) for photo in _checked("CIEDE2000", a, b)]
    return float(deltaE_ciede2000(*labs).mean(dtype=np.float64))


def colorfulness(photo: ArrayLike) -> float:
    """Return M of Hasler and Süsstrunk of a photo.

    With rg = R - G and yb = (R + G) / 2 - B in 8-bit levels, and sigma and mu the standard
    deviation and the mean over the pixels, it is ("Measuring colourfulness in natural images",
    2003)

        sqrt(sigma_rg^2 + sigma_yb^2) + 0.3 sqrt(mu_rg^2 + mu_yb^2).

    Their viewers call 0 "not colourful", 33 "moderately" and 109 "extremely". A photo's M less
    its truth's is negative when it is too pale.
    """
    (array,) = _checked("colourfulness", photo)
    red, green, blue = np.moveaxis(array.astype(np.float64), -1, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    return math.hypot(rg.std(), yb.std()) + 0.3 * math.hypot(rg.mean(), yb.mean())


def border_ratio(ab: Tensor, patch: int = 16) -> float:
    """Return how much larger the steps of ab [n, 2, S, S] are across patch borders than elsewhere.

    The mean distance in ab between neighbouring pixels on either side of a border, over the mean
    distance between all other neighbours: .98 for true photos, more where squares are seen.
    """
    steps = [ab.diff(dim=-1), ab.diff(dim=-2).mT]
    means = torch.stack([one.norm(dim=1).mean(dim=(0, 1)) for one in steps])
    border = torch.arange(1, means.shape[1] + 1) % patch == 0
    return float(means[:, border].mean() / means[:, ~border].mean())


def standard_error(values: ArrayLike) -> float:
    """Return the standard error of the mean of [n]: standard deviation (n - 1) over sqrt(n).

    NaN for a single number, of which nothing can be said.
    """
    values = np.asarray(values, dtype=np.float64)
    assert values.ndim == 1, values.shape
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else math.nan


# LPIPS (Zhang et al. 2018), by the authors' package `lpips`, version 0.1 of the metric. The
# package has the weights that make a distance of a network's features. Those of the network itself
# are torchvision's and large, so nothing here fetches them: they are where torch keeps what it once
# downloaded, or in the folder that the environment variable COLORLIB_LPIPS names, or LPIPS is not
# measured.

FOLDER_VARIABLE = "COLORLIB_LPIPS"
# What 0 to 255 becomes: as iColoriT's evaluation feeds it, and as lpips asks for it.
INPUT_RANGES = {"icolorit": (0.0, 1.0), "lpips": (-1.0, 1.0)}
# Network -> its file in the folder: the convolutions alone, named as in torchvision's state dict;
# its file in torch's cache: torchvision's IMAGENET1K_V1; the megabytes of that.
NETWORKS = {
    "alex": ("alexnet_features.safetensors", "alexnet-owt-7be5be79.pth", 233),
    "vgg": ("vgg16_features.safetensors", "vgg16-397923af.pth", 528),
}


def why_not_lpips(net: str = "vgg") -> str | None:
    """Return why LPIPS by `net`, "alex" or "vgg", cannot be measured, or None when it can.

    It names where the weights were looked for and how to get them. Raises ColorlibError for
    another network.
    """
    places = _places(net)
    if any(path.is_file() for path in places):
        return None
    features, _, megabytes = NETWORKS[net]
    return (
        f"weights missing: LPIPS ({net}) needs {' or '.join(map(str, places))}; "
        f"get them ({megabytes} MB, once) by "
        f"python -c \"import colorlib, lpips; lpips.LPIPS(net='{net}')\", or set "
        f"{FOLDER_VARIABLE} to a folder with {features}"
    )


class Lpips:
    """LPIPS by `net`: "vgg" (VGG16), as iColoriT and the paper, or "alex" (AlexNet).

    Raises ColorlibError when the weights are missing (it says how to get them) or damaged, and for
    another network.
    """

    def __init__(self, net: str = "vgg", device: str | torch.device = "cpu"):
        missing = why_not_lpips(net)
        if missing:
            raise ColorlibError(missing)
        self.device = torch.device(device)
        path = next(path for path in _places(net) if path.is_file())
        self._distance = _load(net, path).to(self.device)

    @torch.inference_mode()
    def __call__(self, a: ArrayLike, b: ArrayLike, input_range: str = "lpips") -> float:
        """Return LPIPS of two photos, of 31 pixels a side or more.

        `input_range` says what the network is fed: "lpips" is [-1, 1], as it should be;
        "icolorit" is [0, 1], as iColoriT's evaluation did it, for numbers beside its own.
        """
        low, high = INPUT_RANGES[input_range]
        fed = []
        for photo in _checked("LPIPS", a, b):
            pixels = torch.from_numpy(photo.astype(np.float32)).to(self.device) / 255
            fed.append((pixels * (high - low) + low).permute(2, 0, 1)[None])
        return float(self._distance(*fed))


def _places(net: str) -> list[Path]:
    """List where the weights of `net` may be, in the order they are looked for."""
    if net not in NETWORKS:
        raise ColorlibError(f"no LPIPS network {net!r}: there are {', '.join(NETWORKS)}")
    features, download, _ = NETWORKS[net]
    named = os.environ.get(FOLDER_VARIABLE)
    folder = [Path(named) / features] if named else []
    return [*folder, Path(torch.hub.get_dir()) / "checkpoints" / download]


def _load(net: str, path: Path) -> Any:
    """Make the distance of package lpips with the network's weights at `path`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lpips uses torchvision's deprecated API
        import lpips

        # On "meta", or torchvision would draw VGG16's 138 million weights at random first.
        with torch.device("meta"):
            distance = lpips.LPIPS(net=net, pretrained=False, pnet_rand=True, verbose=False)
    distance.scaling_layer = lpips.ScalingLayer()
    linear = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{net}.pth"
    state = torch.load(linear, map_location="cpu", weights_only=True)
    try:
        whole = path.suffix != ".safetensors"
        features = torch.load(path, "cpu", weights_only=True) if whole else load_file(path)
        for name in distance.net.state_dict():
            # lpips cuts torchvision's `features` into slices: slice3.6.weight is its 6.weight.
            state[f"net.{name}"] = features[f"features.{name.split('.', 1)[1]}"].float()
        distance.load_state_dict(state, strict=False, assign=True)
    except Exception as error:  # torch.load fails on a damaged file in whatever way it can
        raise ColorlibError(
            f"{path} is damaged, or not torchvision's {net}: {error}; take another copy"
        ) from error
    return distance.requires_grad_(False)


def _checked(metric: str, *photos: ArrayLike) -> list[np.ndarray]:
    """Return photos as arrays, all uint8 and of one shape [H, W, 3]; or ColorlibError."""
    arrays = [np.asarray(one) for one in photos]
    shape = arrays[0].shape
    alike = all(array.dtype == np.uint8 and array.shape == shape for array in arrays)
    if not alike or len(shape) != 3 or shape[-1] != 3 or 0 in shape:
        these = " and ".join(f"{array.dtype} {list(array.shape)}" for array in arrays)
        raise ColorlibError(f"{metric} is of uint8 [H, W, 3], of one shape; not of {these}")
    return arrays
