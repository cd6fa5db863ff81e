"""How far one hint reaches, and how much of it leaks, on photos whose regions people have drawn.

    python tools/leaks.py BSDS500/data --models icolorit-t acolvit-t-0.5

In each test photo of BSDS500 (Arbelaez et al. 2011) one hint of a strong colour stands in the
middle of one region, the largest of 5 to 40% of the photo; once alone, and once with a grey hint
in the middle of every other region of some size. Writes data/results/leaks.csv: for each method
and both of these the mean share of the change of colour that falls inside the region, the share
of the region that is reached, and their standard errors; `area` is the region's share of the
photo, which is what a method has inside that colours everything alike.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from scipy.io import loadmat
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from tqdm.auto import tqdm

from colorlib import Colorizer, Hints, levin
from colorlib.color import nearest_in_gamut, srgb_to_lab
from colorlib.colorizer import paint, refined
from colorlib.files import ColorlibError, data_dir, one_line_errors, write_text
from colorlib.hints import small_lightness
from colorlib.metrics import standard_error
from colorlib.photos import Photo, open_photo

SIDE = 224  # photos and regions are squashed to the networks' side
SMALLEST, LARGEST = 0.05, 0.4  # shares of the photo: of the hinted region
GREY_FROM = 0.01  # a region of at least this share gets the grey hint
CHROMA = 70.0  # of the hint, Lab units; the hue turns by the golden angle from photo to photo
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
SEEN = 5.0  # a change of ab that one sees at once, Lab units

# To ab [2, S, S], Lab units, by whether they are refined.
Method = Callable[[Photo, Hints], dict[bool, Tensor]]


def leak(before: Tensor, after: Tensor, region: Tensor) -> tuple[float, float]:
    """Return what a hint did to ab [2, H, W], Lab units, for its `region`, bool [H, W].

    First the share of the change, the distances added up, that falls inside the region; then the
    share of the region's pixels that changed by more than 5. Where nothing changed, 0 and 0.
    """
    change = (after - before).norm(dim=0)
    inside = change[region].sum() / change.sum().clamp_min(1e-9)
    return float(inside), float((change[region] > SEEN).float().mean())


def middle(region: np.ndarray) -> tuple[int, int]:
    """Return the pixel of a region, bool [H, W], that is farthest from its border."""
    depth = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    return divmod(int(depth.argmax()), region.shape[1])


def by_network(network: Colorizer, photo: Photo, hints: Hints) -> dict[bool, Tensor]:
    """Colour a photo by one call of the network: the colours that its painted photo has."""
    plain = network(photo, hints, refine=False)
    L = small_lightness(photo, network.model.img_size)
    pictures = {False: plain.rgb, True: paint(photo, refined(photo, hints, plain.ab, L))}
    return {refine: srgb_to_lab(Photo(rgb).tensor())[1][0] for refine, rgb in pictures.items()}


def by_levin(photo: Photo, hints: Hints) -> dict[bool, Tensor]:
    ab, hinted = np.zeros((2, *photo.shape)), np.zeros(photo.shape, bool)
    ab[:, hints.rows, hints.cols], hinted[hints.rows, hints.cols] = hints.ab.T, True
    L = srgb_to_lab(photo.tensor())[0][0, 0].numpy()
    return {False: torch.from_numpy(levin.colorize(L, ab, hinted)).float()}


def measure(data: Path, methods: Mapping[str, Method]) -> pd.DataFrame:
    """Return a row for method, refined or not, grey hints or none: means and standard errors."""
    rows = []
    truths = sorted((data / "groundTruth" / "test").glob("*.mat"))
    if not truths:
        raise ColorlibError(f"no groundTruth/test/*.mat below {data}: name BSDS500's folder data")
    for number, truth in enumerate(tqdm(truths, desc="photos", leave=False)):
        photo = open_photo(data / "images" / "test" / f"{truth.stem}.jpg").resized(SIDE)
        try:
            drawn = loadmat(truth)["groundTruth"][0, 0]["Segmentation"][0, 0]  # by the first person
        except (OSError, KeyError, ValueError) as error:
            raise ColorlibError(f"{truth} is no ground truth of BSDS500: {error}") from error
        regions = np.asarray(Image.fromarray(drawn).resize((SIDE, SIDE), Image.Resampling.NEAREST))
        shares = pd.Series(regions.ravel()).value_counts(normalize=True).sort_index()
        fits = shares[shares.between(SMALLEST, LARGEST)]
        if fits.empty:
            continue
        region = regions == fits.idxmax()
        row, col = middle(region)
        hue = number * GOLDEN_ANGLE
        asked = CHROMA * torch.tensor([np.cos(hue), np.sin(hue)]).float()
        L = srgb_to_lab(photo.tensor())[0][..., row : row + 1, col : col + 1]
        ab = nearest_in_gamut(L, asked[None, :, None, None]).flatten().tolist()
        alone = fenced = Hints.empty(photo.shape)
        for other in shares.index[shares >= GREY_FROM].drop(fits.idxmax()):
            fenced = fenced.add(*middle(regions == other), (0.0, 0.0))
        for name, method in methods.items():
            for grey, hints in ((False, alone), (True, fenced)):
                before, after = method(photo, hints), method(photo, hints.add(row, col, ab))
                for refine in before:
                    shown = leak(before[refine], after[refine], torch.from_numpy(region))
                    rows.append((name, refine, grey, *shown, region.mean()))
    columns = ["method", "refined", "grey_hints", "inside", "reached", "area"]
    groups = pd.DataFrame(rows, columns=columns).groupby(columns[:3], sort=False)
    errors = groups[["inside", "reached"]].agg(standard_error).add_suffix("_se")
    return groups.mean().join(errors).assign(photos=groups.size()).reset_index()


@one_line_errors
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="BSDS500's folder data")
    parser.add_argument("--models", nargs="*", default=["icolorit-t", "acolvit-t-0.5"])
    parser.add_argument("--out", type=Path, default=data_dir() / "results" / "leaks.csv")
    asked = parser.parse_args()
    methods: dict[str, Method] = {"levin-2004": by_levin}
    methods |= {name: partial(by_network, Colorizer(name, "cpu")) for name in asked.models}
    table = measure(asked.data, methods)
    write_text(asked.out, table.to_csv(index=False, float_format="%.4f"))
    print(table.round(3).to_string(index=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
