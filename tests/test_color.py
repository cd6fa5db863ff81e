"""colorlib.color against scikit-image, a brute-force search, and rules that hold for any colour."""

import itertools
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


def gamut_sides(L: float) -> tuple[np.ndarray, np.ndarray]:
    """The gamut's six sides at L as short chords, their starts and ends in ab: float64 [n, 2].

    In linear light they lie in the faces red, green or blue = 0 or 1 of the cube. Cosines make
    the chords short near black, where ab changes fast: none is longer than 0.3 Lab units.
    """
    y = ((L + 16) / 116) ** 3 if L > 8 else L / 116 / 7.787
    weight = np.array([0.212671, 0.715160, 0.072169])
    share = (1 - np.cos(np.linspace(0, np.pi, 1001))) / 2
    sides = []
    for k, face in itertools.product(range(3), (0.0, 1.0)):
        p, q = (k + 1) % 3, (k + 2) % 3
        rest = y - weight[k] * face
        if not 0 <= rest <= weight[p] + weight[q]:
            continue  # the face does not reach this lightness
        ends = np.clip([(rest - weight[q]) / weight[p], rest / weight[p]], 0, 1)
        side = np.full((1001, 3), face)
        side[:, p] = ends[0] + share * (ends[1] - ends[0])
        side[:, q] = ((rest - weight[p] * side[:, p]) / weight[q]).clip(0, 1)
        sides.append(side)
    linear = np.stack(sides)
    curve = 1.055 * linear.clip(0.0031308) ** (1 / 2.4) - 0.055
    ab = rgb2lab(np.where(linear > 0.0031308, curve, 12.92 * linear))[..., 1:]
    return ab[:, :-1].reshape(-1, 2), ab[:, 1:].reshape(-1, 2)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 99.5), st.lists(st.floats(-128, 127), min_size=4, max_size=20))
def test_nearest_in_gamut_is_nearest(L, values):
    ab = torch.tensor(values[: len(values) // 2 * 2]).reshape(2, 1, -1)
    lightness = torch.full((1, 1, ab.shape[-1]), L)
    found = color.nearest_in_gamut(lightness, ab)
    inside = color.in_gamut(lightness, ab)
    assert color.in_gamut(lightness, found).all()
    assert torch.equal(found[:, inside], ab[:, inside])
    start, end = gamut_sides(L)
    along = end - start
    length = np.maximum((along**2).sum(-1), 1e-30)
    for index in (~inside).squeeze(0).nonzero().flatten().tolist():
        goal = ab[:, 0, index].double().numpy()
        at = (((goal - start) * along).sum(-1) / length).clip(0, 1)
        brute = np.linalg.norm(start + at[:, None] * along - goal, axis=1).min()
        ours = np.linalg.norm(found[:, 0, index].double().numpy() - goal)
        assert ours == pytest.approx(brute, abs=0.01)


def test_nearest_keeps_shape_batch_and_the_black_and_white_ends():
    L = torch.tensor([0.0, 100.0, -3.0, 105.0]).reshape(2, 1, 1, 2)
    ab = torch.full((2, 2, 1, 2), 60.0)
    found = color.nearest_in_gamut(L, ab)
    assert found.shape == ab.shape
    assert found.abs().max() < 0.05
    assert ab.min() == 60
