"""colorlib.colorizer: any size in and out, lightness untouched."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from colorlib import canvas
from colorlib import colorizer as colorizer_module
from colorlib.checkpoints import save_model
from colorlib.color import in_gamut, lab_to_srgb, srgb_to_lab
from colorlib.colorizer import Colorizer, apply_ab
from colorlib.files import CheckpointError, ColorlibError, ConfigError, HintError, PhotoError
from colorlib.hints import Hints, photo_input
from colorlib.model import ColViT, macs
from colorlib.photos import Photo, open_photo


@pytest.fixture(scope="module")
def model() -> ColViT:
    torch.manual_seed(0)
    return ColViT(img_size=32, dim=24, depth=3, heads=3).eval()


@pytest.fixture(scope="module")
def colorizer(model) -> Colorizer:
    return Colorizer(model)


def grey(height: int, width: int, name: str = "ramp") -> Photo:
    values = np.linspace(0, 255, height * width).reshape(height, width).round().astype(np.uint8)
    return Photo(np.repeat(values[..., None], 3, axis=2), name)


@pytest.mark.parametrize("shape", [(1, 1), (3, 70), (32, 32), (451, 30), (200, 300)])
def test_any_size_comes_back_at_its_size(colorizer, shape):
    result = colorizer(grey(*shape))
    assert result.rgb.shape == (*shape, 3)
    assert result.rgb.dtype == np.uint8
    assert result.ab.shape == (2, *shape)
    assert result.ab.dtype == torch.float32
    assert result.photo.shape == shape


def test_lightness_is_the_photos(colorizer):
    rng = np.random.default_rng(0)
    photo = Photo(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8), "noise")
    result = colorizer(photo)
    before, _ = srgb_to_lab(photo.tensor())
    after, ab = srgb_to_lab(result.photo.tensor())
    shown = in_gamut(before, result.ab[None], tolerance=0)
    assert shown.float().mean() > 0.5
    # Half a level of 255 in each of the three channels is at most 0.28 of L, in the dark.
    assert (after - before).squeeze(1)[shown].abs().max() < 0.28
    # The colours are the network's there, as near as 8 bits tell.
    assert (ab - result.ab).abs().mean(1)[shown].mean() < 1


def test_it_is_the_network_on_the_common_input(colorizer, model):
    photo = grey(64, 48)
    hints = Hints([10, 60], [5, 40], [(40, -30), (-20, 50)], (64, 48))
    result = colorizer(photo, hints)
    answer = model(photo_input(photo, hints, side=32))
    expected = torch.nn.functional.interpolate(
        answer.ab * 110, size=(64, 48), mode="bilinear", align_corners=False
    )[0]
    torch.testing.assert_close(result.ab, expected, rtol=0, atol=1e-4)
    assert torch.equal(result.gates, answer.gates[0])
    assert result.kept == int(answer.gates.sum())
    assert result.macs == int(macs(answer.gates[0], model.costs))
    assert result.hints == hints
    assert 0 < result.network_milliseconds < result.milliseconds
    assert not np.array_equal(result.rgb, colorizer(photo).rgb)


def test_the_photos_own_colours_are_not_looked_at(colorizer):
    # Two photos of one lightness: a saturated colour field and its grey version in float.
    L = torch.full((1, 8, 8), 60.0)
    vivid = lab_to_srgb(L, torch.full((2, 8, 8), 30.0))
    dull = lab_to_srgb(L, torch.zeros(2, 8, 8))
    pictures = [
        open_photo((rgb * 255).round().byte().permute(1, 2, 0).numpy()) for rgb in (vivid, dull)
    ]
    first, second = (colorizer(picture).ab for picture in pictures)
    torch.testing.assert_close(first, second, rtol=0, atol=0.5)


def test_gates_and_budget_are_passed_on(colorizer):
    photo = grey(40, 40)
    none, everything = torch.zeros(3, 2).bool(), torch.ones(3, 2).bool()
    assert colorizer(photo, gates=none).kept == 0
    result = colorizer(photo, gates=everything)
    assert result.kept == 6
    assert result.macs == colorizer.model.costs.dense
    with pytest.raises(ConfigError, match="budget"):
        colorizer(photo, budget=0.5)


def test_what_a_photo_may_be(colorizer, tmp_path):
    photo = grey(20, 30)
    path = tmp_path / "ramp.png"
    Image.fromarray(photo.rgb[..., 0]).save(path)
    buffer = io.BytesIO()
    Image.fromarray(photo.rgb).save(buffer, "PNG")
    expected = colorizer(photo).rgb
    for source in (path, str(path), photo.rgb, buffer.getvalue(), Image.open(path)):
        assert np.array_equal(colorizer(source).rgb, expected)
    assert colorizer(path).name == "ramp"
    with pytest.raises(PhotoError, match=r"nothing\.png"):
        colorizer(tmp_path / "nothing.png")


def test_saving_keeps_the_full_size(colorizer, tmp_path):
    result = colorizer(grey(41, 57))
    result.save(tmp_path / "out.png")
    assert np.array_equal(open_photo(tmp_path / "out.png").rgb, result.rgb)
    with pytest.raises(ValueError, match="read-only"):
        result.rgb[0, 0, 0] = 1


def test_one_line_says_what_was_done(colorizer):
    hints = Hints.empty((300, 451)).add(3, 4, (10, 20))
    result = colorizer(grey(300, 451, "chelsea"), hints)
    gmac = result.macs / 1e9
    assert re.fullmatch(
        rf"Colorization\('chelsea' 300x451, 1 hint, acolvit: kept {result.kept} of 6, "
        rf"{gmac:.2f} GMAC, \d+ ms\)",
        repr(result),
    )
    assert "0 hints" in repr(colorizer(grey(5, 5)))
    assert repr(colorizer) == "Colorizer('acolvit')"


def test_hints_of_another_photo_are_refused(colorizer):
    with pytest.raises(HintError, match="photo of 30x20, and 'cat' has 20x30"):
        colorizer(grey(20, 30, "cat"), Hints.empty((30, 20)))


def test_models_by_path_and_wrong_ones(model, tmp_path):
    path = tmp_path / "small-0.5.safetensors"
    save_model(model, path, {"steps": 0})
    colorizer = Colorizer(path, device="cpu")
    assert colorizer.name == "small-0.5"
    photo = grey(32, 32)
    # The file holds 16-bit floats.
    assert (colorizer(photo).ab - Colorizer(model)(photo).ab).abs().max() < 0.5
    with pytest.raises(CheckpointError, match=r"acolvit-t-7"):
        Colorizer("acolvit-t-7")
    with pytest.raises(ConfigError, match="not a int"):
        Colorizer(7)


def test_twelve_megapixels(colorizer):
    photo = grey(3000, 4000)
    result = colorizer(photo)
    assert result.rgb.shape == (3000, 4000, 3)
    # Strips leave no seams: any part is what it is by itself.
    for part in (slice(0, 40), slice(1480, 1520), slice(2960, 3000)):
        alone = apply_ab(Photo(photo.rgb[part]), result.ab[:, part])
        assert np.abs(alone.astype(int) - result.rgb[part]).max() <= 1


def test_ab_of_another_size_is_refused():
    with pytest.raises(ColorlibError, match=r"\[2, 4, 4\]: \[2, 5, 4\]"):
        apply_ab(grey(5, 4), torch.zeros(2, 4, 4))


def test_engines(model, tmp_path, monkeypatch):
    path = tmp_path / "small.safetensors"
    save_model(model, path, {"steps": 0})
    photo = grey(40, 50)
    eager = Colorizer(path, device="cpu", engine="eager")
    assert eager.engine == "eager"
    for name in (None, "onnx", "approximate"):
        colorizer = Colorizer(path, device="cpu", engine=name)
        assert colorizer.engine == (name or "onnx")
        assert colorizer.model.config == model.config
        difference = (colorizer(photo).ab - eager(photo).ab).abs().max()
        assert difference < (5 if name == "approximate" else 1e-2)
    # A model may yet change, so it stays with the engine that sees it change.
    assert Colorizer(model).engine == "eager"
    assert Colorizer(model, engine="onnx").engine == "onnx"
    with pytest.raises(ConfigError, match="'fast'"):
        Colorizer(path, engine="fast")
    with pytest.raises(ConfigError, match="not on cuda"):
        Colorizer(path, "cuda", "onnx")


def test_without_onnx_runtime_pytorch_takes_over(model, tmp_path, monkeypatch):
    path = tmp_path / "small.safetensors"
    save_model(model, path, {"steps": 0})
    monkeypatch.setattr(colorizer_module, "find_spec", lambda name: None)
    with pytest.warns(UserWarning, match="pip install onnx onnxruntime"):
        assert Colorizer(path, device="cpu").engine == "eager"
    with pytest.raises(ConfigError, match="pip install onnx onnxruntime"):
        Colorizer(path, engine="onnx")


def test_a_preview_has_the_colours_of_the_whole(colorizer):
    photo = grey(300, 400)
    hints = Hints([250, 10], [390, 5], [(40, -30), (-20, 50)], (300, 400))
    whole, small = colorizer(photo, hints), colorizer(photo, hints, longest=100)
    assert small.rgb.shape == (75, 100, 3)
    assert small.ab.shape == (2, 75, 100)
    assert torch.equal(small.network_ab, whole.network_ab)
    assert torch.equal(small.gates, whole.gates)
    assert small.hints == hints
    assert colorizer(photo, hints, longest=5000).rgb.shape == whole.rgb.shape
    shrunk = photo.resized((75, 100))
    assert np.array_equal(small.rgb, canvas.Canvas(shrunk).paint(whole.network_ab))


def test_what_depends_on_the_photo_alone_is_computed_once(model, monkeypatch):
    seen = []

    def counted(rgb):
        seen.append(rgb.shape)
        return srgb_to_lab(rgb)

    monkeypatch.setattr("colorlib.hints.srgb_to_lab", counted)
    colorizer, photo, other = Colorizer(model), grey(40, 50), grey(30, 30)
    expected = colorizer(photo).rgb
    hints = Hints.empty((40, 50)).add(5, 5, (40, 40))
    assert not np.array_equal(colorizer(photo, hints).rgb, expected)
    colorizer(photo, longest=20)
    assert np.array_equal(colorizer(photo).rgb, expected)
    assert len(seen) == 1
    colorizer(other)
    assert len(seen) == 2
