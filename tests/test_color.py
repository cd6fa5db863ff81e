"""colorlib.color against scikit-image, and rules that hold for any colour."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import lab2rgb, rgb2lab

from colorlib import color
from colorlib.files import ColorlibError

HALF_STEP = 0.5 / 255


def lattice(step: int = 15) -> torch.Tensor:
    """8-bit colours in all combinations, every 15th level (0 and 255 are in): [3, 18^2, 18]."""
    levels = torch.arange(0, 256, step) / 255
    grid = torch.stack(torch.meshgrid(levels, levels, levels, indexing="ij"))
    return grid.reshape(3, -1, len(levels))


def reference_lab(rgb: torch.Tensor) -> np.ndarray:
    return np.moveaxis(rgb2lab(rgb.double().movedim(-3, -1).numpy()), -1, -3)


@pytest.mark.parametrize(
    "rgb",
    [
        pytest.param(lattice(), id="lattice"),
        pytest.param(torch.arange(256).reshape(1, 1, 256).expand(3, 1, 256) / 255, id="greys"),
        pytest.param(torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)), id="any"),
    ],
)
def test_srgb_to_lab_is_scikit_images(rgb):
    L, ab = color.srgb_to_lab(rgb)
    assert np.abs(torch.cat((L, ab)).numpy() - reference_lab(rgb)).max() < 1e-3
    assert (color.lab_to_srgb(L, ab) - rgb).abs().max() < HALF_STEP / 10
    assert -1e-4 <= L.min() <= L.max() <= 100 + 1e-4
    assert color.in_gamut(L, ab).all()


def test_lab_to_srgb_is_scikit_images_in_and_out_of_gamut():
    generator = torch.Generator().manual_seed(1)
    L = torch.rand(1, 80, 80, generator=generator) * 100
    ab = torch.rand(2, 80, 80, generator=generator) * 200 - 100
    lab = torch.cat((L, ab)).movedim(0, -1).double().numpy()
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(UserWarning)  # "negative Z values that have been clipped": expected
        reference = lab2rgb(lab)
    ours = color.lab_to_srgb(L, ab).movedim(0, -1).numpy()
    assert np.abs(ours - reference).max() < 1e-3


def test_gradients_are_right_and_finite_even_at_black_and_white():
    rgb = lattice(51).double().clamp(0.02, 0.98).requires_grad_()
    lab = torch.cat(color.srgb_to_lab(rgb.detach())).requires_grad_()
    check = partial(torch.autograd.gradcheck, fast_mode=True)
    assert check(lambda x: torch.cat(color.srgb_to_lab(x)), rgb)
    assert check(lambda x: color.lab_to_srgb(x[:1], x[1:]), lab)
    corners = lattice(255).requires_grad_()
    color.lab_to_srgb(*color.srgb_to_lab(corners)).sum().backward()
    wild = torch.tensor([-5.0, 0.0, 50.0, 120.0]).reshape(1, 1, 4).requires_grad_()
    ab = torch.tensor([[0.0, 0.0, 127.0, -127.0], [0.0, 0.0, 127.0, 127.0]]).reshape(2, 1, 4)
    color.lab_to_srgb(wild, ab.requires_grad_()).sum().backward()
    for leaf in (corners, wild, ab):
        assert leaf.grad.isfinite().all()


def test_mixed_precision_of_the_caller_changes_nothing():
    rgb = lattice(51)
    expected = color.srgb_to_lab(rgb)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = color.srgb_to_lab(rgb)
    assert all(map(torch.equal, inside, expected))


def test_the_networks_normalisation():
    assert color.normalize_L(torch.tensor([0.0, 50, 100])).tolist() == [-0.5, 0, 0.5]
    assert color.normalize_ab(torch.tensor([-110.0, 55])).tolist() == [-1, 0.5]
    assert color.denormalize_ab(torch.tensor([-1, 0.5])).tolist() == [-110, 55]


def test_wrong_tensors_are_named():
    with pytest.raises(ColorlibError, match="divide 8-bit sRGB by 255"):
        color.srgb_to_lab(torch.zeros(3, 2, 2, dtype=torch.uint8))
    with pytest.raises(ColorlibError, match=r"\(2, 2, 3\): floating point \[..., 3, H, W\] is"):
        color.srgb_to_lab(torch.zeros(2, 2, 3))


def test_gamut_is_in_gamut_and_narrows_to_a_point():
    ab, inside = color.gamut(50.0, step=5)
    # a along columns, b along rows, both rising; grey in the middle.
    assert ab.shape == (2, *inside.shape) == (2, 45, 45)
    assert ab[:, 0, -1].tolist() == [110, -110]
    assert ab[:, 22, 22].tolist() == [0, 0]
    rows, columns = inside.nonzero().unbind(1)
    rgb = color.lab_to_srgb(torch.full((1, len(rows), 1), 50.0), ab[:, rows, columns][..., None])
    _, back = color.srgb_to_lab(rgb)
    assert (back[..., 0] - ab[:, rows, columns]).abs().max() < 0.2
    for end in (0.0, 100.0):
        assert color.gamut(end, step=5)[1].nonzero().tolist() == [[22, 22]]
    with pytest.raises(ColorlibError, match="L = 101"):
        color.gamut(101.0)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 99.5), st.lists(st.floats(-128, 127), min_size=4, max_size=20))
def test_nearest_in_gamut_is_nearest(L, values):
    ab = torch.tensor(values[: len(values) // 2 * 2]).reshape(2, 1, -1)
    lightness = torch.full((1, 1, ab.shape[-1]), L)
    found = color.nearest_in_gamut(lightness, ab)
    inside = color.in_gamut(lightness, ab)
    assert color.in_gamut(lightness, found).all()
    assert torch.equal(found[:, inside], ab[:, inside])
    # The gamut is in one piece: were any of it nearer, a circle a little smaller would cross it.
    angle = torch.linspace(0, 2 * torch.pi, 20_000, dtype=torch.float64)
    circle = torch.stack((angle.cos(), angle.sin()))[:, None]
    with pytest.MonkeyPatch.context() as exact:
        exact.setattr(color, "GAMUT_TOLERANCE", 0.0)
        for index in (~inside).squeeze(0).nonzero().flatten().tolist():
            goal, distance = ab[:, :, index, None].double(), (found - ab)[:, 0, index].norm()
            nearer = goal + (distance - 0.02) * circle
            assert not color.in_gamut(torch.full_like(nearer[:1], L), nearer).any()


def test_nearest_keeps_shape_batch_and_the_black_and_white_ends():
    L = torch.tensor([0.0, 100.0, -3.0, 105.0]).reshape(2, 1, 1, 2)
    ab = torch.full((2, 2, 1, 2), 60.0)
    found = color.nearest_in_gamut(L, ab)
    assert found.shape == ab.shape
    assert found.abs().max() < 0.05
    assert ab.min() == 60
