"""colorlib.colorizer: any size in and out, lightness untouched, scikit-image's colours, fast."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2lab
from torch.nn.functional import interpolate

from colorlib import colorizer as module
from colorlib import photos
from colorlib.checkpoints import save_model
from colorlib.color import in_gamut, lab_to_srgb, srgb_to_lab
from colorlib.colorizer import Colorizer, Painter, paint, refined, resize_ab
from colorlib.files import ColorlibError
from colorlib.hints import Hints, photo_input, small_lightness
from colorlib.model import ColViT, macs
from colorlib.photos import Photo, open_photo, save_photo

# scikit-image tells of colours that it must cut.
pytestmark = pytest.mark.filterwarnings("ignore:.*negative Z values")


@pytest.fixture(scope="module")
def model() -> ColViT:
    torch.manual_seed(0)
    return ColViT(img_size=32, dim=24, depth=3, heads=3).eval()


@pytest.fixture(scope="module")
def colorizer(model) -> Colorizer:
    return Colorizer(model)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "small-0.5.safetensors"
    save_model(model, path, {"steps": 0})
    return path


def grey(height: int, width: int, name: str = "ramp") -> Photo:
    values = np.linspace(0, 255, height * width).reshape(height, width).round().astype(np.uint8)
    return Photo(np.repeat(values[..., None], 3, axis=2), name)


def noise(height: int, width: int) -> Photo:
    rng = np.random.default_rng(0)
    return Photo(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), "noise")


def smooth_ab(height: int = 224, width: int = 224, reach: float = 60.0) -> torch.Tensor:
    coarse = torch.rand(1, 2, 7, 7, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return reach * interpolate(coarse, size=(height, width), mode="bilinear")[0]


@pytest.mark.parametrize(
    ("name", "source"), [("chelsea", "wild"), ("camera", "wild"), ("spices", "its own")]
)
def test_the_picture_is_scikit_images(name, source):
    photo = photos.gallery(name).resized((300, 451))
    _, own = srgb_to_lab(photo.resized(224).tensor())
    ab = 1.3 * own[0] if source == "its own" else smooth_ab()
    large = interpolate(ab[None].double(), size=photo.shape, mode="bilinear")[0]
    lab = np.concatenate((rgb2lab(photo.rgb)[..., :1], large.permute(1, 2, 0).numpy()), axis=2)
    error = paint(photo, ab) - np.rint(255 * lab2rgb(lab))
    assert np.abs(error).max() <= 1
    assert np.square(error).mean() < 255**2 / 10**6  # a PSNR of 60 dB


@pytest.mark.parametrize("level", [0, 1, 127, 255])
def test_a_grey_photo_without_colours_stays_as_it_is(level):
    photo = Photo(np.full((5, 7, 3), level, np.uint8))
    assert np.array_equal(paint(photo, torch.zeros(2, 4, 4)), photo.rgb)


@pytest.mark.parametrize("shape", [(1, 1), (3, 70), (50, 41), (300, 200)])
def test_any_size_and_no_seams(shape, monkeypatch):
    photo, ab = noise(*shape), smooth_ab(32, 32)
    whole = paint(photo, ab)
    assert whole.shape == (*shape, 3)
    assert not whole.flags.writeable
    monkeypatch.setattr(module, "STRIP", 7 * shape[1])
    assert np.abs(paint(photo, ab).astype(int) - whole).max() <= 1
    L, _ = srgb_to_lab(photo.tensor())
    torch.testing.assert_close(116 * Painter(photo).f_y - 16, L[0, 0], rtol=0, atol=2e-4)


def test_lightness_is_the_photos(colorizer, monkeypatch):
    photo = noise(90, 120)
    result = colorizer(photo, refine=False)
    before, _ = srgb_to_lab(photo.tensor())
    after, ab = srgb_to_lab(Photo(result.rgb).tensor())
    given = resize_ab(result.ab, photo.shape)[None]
    monkeypatch.setattr("colorlib.color.GAMUT_TOLERANCE", 0.0)
    shown = in_gamut(before, given)
    assert shown.float().mean() > 0.5
    # Half a level of 255 in each of the three channels is at most 0.28 of L, in the dark.
    assert (after - before).squeeze(1)[shown].abs().max() < 0.28
    # The colours are the network's there, as near as 8 bits tell.
    assert (ab - given).abs().mean(1)[shown].mean() < 1


def test_it_is_the_network_on_the_common_input(colorizer, model):
    photo = grey(64, 48)
    hints = Hints([10, 60], [5, 40], [(40, -30), (-20, 50)], (64, 48))
    result = colorizer(photo, hints)
    answer = model(photo_input(photo, hints, side=32))
    torch.testing.assert_close(result.ab, answer.ab[0] * 110, rtol=0, atol=1e-4)
    as_it_is = colorizer(photo, hints, refine=False)
    assert np.array_equal(as_it_is.rgb, paint(photo, result.ab))
    assert torch.equal(result.gates, answer.gates[0])
    assert result.kept == int(answer.gates.sum())
    assert result.macs == int(macs(answer.gates[0], model.costs))
    assert result.hints == hints
    assert result.milliseconds > 0
    assert not np.array_equal(result.rgb, colorizer(photo).rgb)


def test_the_photos_own_colours_are_not_looked_at(colorizer):
    # Two photos of one lightness: a saturated colour field and its grey version.
    L = torch.full((1, 8, 8), 60.0)
    first, second = (
        lab_to_srgb(L, torch.full((2, 8, 8), ab)).mul(255).round().byte().permute(1, 2, 0).numpy()
        for ab in (30.0, 0.0)
    )
    torch.testing.assert_close(colorizer(first).ab, colorizer(second).ab, rtol=0, atol=0.5)


def test_gates_and_budget_are_passed_on(colorizer):
    photo = grey(40, 40)
    assert colorizer(photo, gates=torch.zeros(3, 2).bool()).kept == 0
    result = colorizer(photo, gates=torch.ones(3, 2).bool())
    assert result.kept == 6
    assert result.macs == colorizer.model.costs.dense
    with pytest.raises(ColorlibError, match="budget"):
        colorizer(photo, budget=0.5)
    with pytest.raises(ColorlibError, match="photo of 30x20, and 'ramp' has 40x40"):
        colorizer(photo, Hints.empty((30, 20)))


def test_a_file_goes_in_and_comes_out_at_its_size(colorizer, tmp_path):
    path = save_photo(grey(41, 57), tmp_path / "ramp.png")
    result = colorizer(path)
    result.save(tmp_path / "out.png")
    assert np.array_equal(open_photo(tmp_path / "out.png").rgb, colorizer(grey(41, 57)).rgb)
    assert re.fullmatch(
        rf"Colorization\('ramp' 41x57, 0 hints, acolvit: kept {result.kept} of 6, "
        rf"{result.macs / 1e9:.2f} GMAC, \d+ ms\)",
        repr(result),
    )


def test_models_by_path_and_engines(model, saved):
    photo = grey(40, 50)
    eager = Colorizer(saved, device="cpu", engine="eager")
    assert (repr(eager), eager.engine) == ("Colorizer('small-0.5')", "eager")
    # The file holds 16-bit floats.
    assert (eager(photo).ab - Colorizer(model)(photo).ab).abs().max() < 0.5
    for name in (None, "onnx", "approximate"):
        colorizer = Colorizer(saved, device="cpu", engine=name)
        assert colorizer.engine == (name or "onnx")
        difference = (colorizer(photo).ab - eager(photo).ab).abs().max()
        assert difference < (5 if name == "approximate" else 1e-2)
    # A model may yet change, so it stays with the engine that sees it change.
    assert Colorizer(model).engine == "eager"
    with pytest.raises(ColorlibError, match=r"acolvit-t-7"):
        Colorizer("acolvit-t-7")
    with pytest.raises(ColorlibError, match="'fast'"):
        Colorizer(saved, engine="fast")
    with pytest.raises(ColorlibError, match="not on cuda"):
        Colorizer(saved, "cuda", "onnx")


def test_without_onnx_runtime_pytorch_takes_over(saved, monkeypatch):
    """Absent, or there and not to be loaded (a missing DLL): both are an ImportError."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "colorlib.onnx", raising=False)
    with pytest.warns(UserWarning, match="slower than need be: ONNX Runtime cannot be used: "):
        assert Colorizer(saved, "cpu").engine == "eager"
    with pytest.raises(ColorlibError, match=r"ONNX Runtime cannot be used: .*onnxruntime"):
        Colorizer(saved, engine="onnx")


def test_a_preview_has_the_colours_of_the_whole(colorizer):
    photo = grey(300, 400)
    hints = Hints([250, 10], [390, 5], [(40, -30), (-20, 50)], (300, 400))
    whole, small = colorizer(photo, hints), colorizer(photo, hints, longest=100)
    assert small.rgb.shape == (75, 100, 3)
    assert torch.equal(small.ab, whole.ab)
    colors = refined(photo, hints, whole.ab, small_lightness(photo, 32))
    assert np.array_equal(whole.rgb, paint(photo, colors))
    assert np.array_equal(small.rgb, paint(photo.resized((75, 100)), colors))
    assert colorizer(photo, hints, longest=5000).rgb.shape == whole.rgb.shape
    assert Painter(noise(2, 400)).reduced(10).photo.shape == (1, 10)


def test_two_threads_each_get_their_own_photo(model):
    """A second photo once took the place of the first while that was being painted."""
    colorizer, several = Colorizer(model), [grey(40, 50), noise(40, 50), noise(50, 40)]
    alone = [colorizer(photo).rgb for photo in several]
    with ThreadPoolExecutor(4) as pool:
        turns = [k % 3 for k in range(24)]
        for k, result in zip(turns, pool.map(lambda k: colorizer(several[k]), turns), strict=True):
            assert np.array_equal(result.rgb, alone[k])


MEMORY = """
import resource
import numpy as np, torch
from colorlib.colorizer import Painter
from colorlib.photos import Photo, open_photo
def peak():
    unit = 1 if "darwin" in __import__("sys").platform else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
photo = Photo(np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8))
Painter(Photo(photo.rgb[:400])).paint(torch.zeros(2, 224, 224))
before = peak()
once = Painter(photo)
once.network_lightness(224)
once.paint(torch.zeros(4, 112, 112))
once.reduced(1600).paint(torch.zeros(2, 224, 224))
print((peak() - before) / 1e9)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no getrusage")
def test_twelve_megapixels_take_less_than_half_a_gigabyte():
    ran = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, timeout=600
    )
    # Lightness 48 MB, the answer 36 MB, and what Pillow needs to make it smaller.
    assert float(ran.stdout) < 0.5
