"""sRGB and Lab, what the network sees of them, and which ab exist at a given L.

Tensors are channel first, [..., C, H, W]; L is 0 to 100, ab are in Lab units (sRGB's colours
reach from -86 to 98 in a and from -108 to 94 in b), sRGB is in [0, 1]. Everything is float32
(float64 stays float64), on the device of its input, differentiable, and treats each pixel by
itself. The constants are those of CIE Lab under D65 as scikit-image has them, so that
`srgb_to_lab` is its `rgb2lab` to rounding.

No matrix product is used: three multiply-adds a channel are as fast, and are never silently
lowered to TF32 or bfloat16 by the caller's settings.
"""

import torch
from torch import Tensor

from colorlib.files import ColorlibError

L_CENTER = 50.0
L_SCALE = 100.0
AB_SCALE = 110.0

_WHITE = (0.95047, 1.0, 1.08883)
_XYZ_OF_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
# Rows divided by the white point, so that white is (1, 1, 1) on both sides.
WHITED_OF_RGB = tuple(
    tuple(entry / white for entry in row) for row, white in zip(_XYZ_OF_RGB, _WHITE, strict=True)
)
RGB_OF_WHITED = tuple(
    map(tuple, torch.linalg.inv(torch.tensor(WHITED_OF_RGB, dtype=torch.float64)).tolist())
)

# Lab's f is a straight line of this slope where it is below this value, as scikit-image has it.
F_THRESHOLD = 0.2068966
F_SLOPE = 7.787
GAMUT_TOLERANCE = 1e-4  # of linear light: a third of an 8-bit step at black, less elsewhere


def srgb_to_lab(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Convert sRGB [..., 3, H, W] in [0, 1] to L [..., 1, H, W] and ab [..., 2, H, W].

    IEC 61966-2-1 (threshold .04045, gamma 2.4), then D65 XYZ, then CIE 1976 Lab (threshold
    .008856). Raises ColorlibError for integers (divide 8-bit colours by 255) or other shapes.
    """
    rgb = _channels(rgb, 3, "rgb")
    f = lab_curve(_mix(WHITED_OF_RGB, linear_of_srgb(rgb)))
    x, y, z = f.split(1, dim=-3)
    return 116.0 * y - 16.0, torch.cat((500.0 * (x - y), 200.0 * (y - z)), dim=-3)


def lab_to_srgb(L: Tensor, ab: Tensor) -> Tensor:
    """Convert L [..., 1, H, W] and ab [..., 2, H, W] to sRGB [..., 3, H, W], cut to [0, 1]."""
    # Below 0 before the gamma curve, which has no real power there.
    return srgb_of_linear(_linear_of_lab(L, ab).clamp_min(0.0)).clamp_max(1.0)


def linear_of_srgb(rgb: Tensor) -> Tensor:
    """Return the linear light in [0, 1] of sRGB in [0, 1], any shape."""
    # Bases of powers are kept off 0, where an unused branch would have an infinite gradient.
    curve = ((rgb.clamp_min(0.04045) + 0.055) / 1.055).pow(2.4)
    return torch.where(rgb > 0.04045, curve, rgb / 12.92)


def srgb_of_linear(linear: Tensor) -> Tensor:
    """Return the sRGB of linear light, not negative, any shape."""
    curve = 1.055 * linear.clamp_min(0.0031308).pow(1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, curve, 12.92 * linear)


def normalize_L(L: Tensor) -> Tensor:
    """Return (L - 50) / 100: lightness as the network sees it, in [-0.5, 0.5]."""
    return (L - L_CENTER) / L_SCALE


def normalize_ab(ab: Tensor) -> Tensor:
    """Return ab / 110: colour as the network sees it, in [-1, 1]."""
    return ab / AB_SCALE


def denormalize_ab(ab: Tensor) -> Tensor:
    """Return 110 ab: colour in Lab units from what the network returns in [-1, 1]."""
    return ab * AB_SCALE


def in_gamut(L: Tensor, ab: Tensor) -> Tensor:
    """Say which of L [..., 1, H, W] and ab [..., 2, H, W] sRGB can show: bool [..., H, W].

    Those whose linear red, green and blue lie in [0, 1], with GAMUT_TOLERANCE for rounding.
    """
    linear = _linear_of_lab(L, ab)
    return ((linear >= -GAMUT_TOLERANCE) & (linear <= 1.0 + GAMUT_TOLERANCE)).all(dim=-3)


def gamut(L: float, step: float = 1.0, extent: float = 110.0) -> tuple[Tensor, Tensor]:
    """Return the ab plane at one lightness, [2, n, n], and which of it sRGB can show, [n, n].

    a rises along columns and b along rows, both from -extent to extent in steps of `step`
    (draw it with `origin="lower"`). Raises ColorlibError for L outside 0 to 100.
    """
    if not 0.0 <= L <= 100.0:
        raise ColorlibError(f"no gamut at L = {L}: lightness goes from 0 to 100")
    assert 0.0 < step <= extent, (step, extent)
    count = int(extent / step + 1e-6)
    axis = torch.arange(-count, count + 1, dtype=torch.float32) * step
    b, a = torch.meshgrid(axis, axis, indexing="ij")
    ab = torch.stack((a, b))
    return ab, in_gamut(torch.full((1, *a.shape), L), ab)


def nearest_in_gamut(L: Tensor, ab: Tensor) -> Tensor:
    """Move each ab [..., 2, H, W] to the nearest one that sRGB can show at its L [..., 1, H, W].

    Nearest is Euclidean in ab with L held; a colour in gamut already is returned unchanged.
    L beyond 0 to 100 counts as the nearer end. Gradients do not flow.

    The colours of one L have one luminance Y, and the colours of one Y are a polygon in linear
    light whose sides lie in the faces red, green or blue = 0 or 1. In ab the sides are curved
    (the set need not be convex), so each is sampled, and the stretch about the nearest sample
    is sampled again, finer: the distance is within 0.001 Lab units of the least.
    """
    L, ab = _channels(L, 1, "L").detach(), _channels(ab, 2, "ab").detach()
    outside = ~in_gamut(L, ab)
    L_flat = L.movedim(-3, -1).expand(*outside.shape, 1)[outside][:, 0]
    result = ab.movedim(-3, -1).expand(*outside.shape, 2).clone()
    points = result[outside]
    # In pieces, so that a whole photo needs no more memory than 16 thousand pixels do.
    pieces = zip(L_flat.split(16384), points.split(16384), strict=True)
    if len(points):
        result[outside] = torch.cat([_nearest_on_boundary(*piece) for piece in pieces])
    return result.movedim(-1, -3).contiguous()


def _nearest_on_boundary(L: Tensor, ab: Tensor, samples: int = 17) -> Tensor:
    """Find the point on the gamut's boundary at L [n] nearest to ab [n, 2], by sampling."""
    f_y = (L.clamp(0.0, 100.0) + 16.0) / 116.0
    start, stop, exists = _sides(_light_of_lab_curve(f_y))
    scale = ab.new_tensor((500.0, 200.0))
    goal = torch.stack((f_y + ab[:, 0] / 500.0, f_y - ab[:, 1] / 200.0), dim=-1)[:, None, None]
    unit = torch.linspace(0.0, 1.0, samples, device=ab.device, dtype=ab.dtype)
    low, width = torch.zeros_like(start[..., 0]), torch.ones_like(start[..., 0])
    row = torch.arange(len(ab), device=ab.device)
    # Each side is refined for itself: the one that is nearest at first need not stay so.
    for _ in range(4):
        f = _along(start, stop, low[..., None] + width[..., None] * unit)
        distance = ((f - goal) * scale).square().sum(-1)  # [n, 6, samples]
        least, index = torch.where(exists[..., None], distance, torch.inf).min(-1)
        low, width = low + width * (index - 1) / (samples - 1), width * 2 / (samples - 1)
        width = (low + width).clamp_max(1.0) - low.clamp_min(0.0)
        low = low.clamp_min(0.0)
    side = least.argmin(-1)
    f_x, f_z = f[row, side, index[row, side]].unbind(-1)
    return torch.stack((500.0 * (f_x - f_y), 200.0 * (f_y - f_z)), dim=-1)


def _sides(y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gamut's sides at luminance y [n]: starts, stops as X, Z [n, 6, 2], exists [n, 6].

    On the face of the cube where channel k is v, the other two, p and q, obey
    w_p p + w_q q = y - w_k v: p has an interval, empty where the face does not reach y.
    """
    k = [0, 1, 2, 0, 1, 2]
    p, q = [(i + 1) % 3 for i in k], [(i + 2) % 3 for i in k]
    v = y.new_tensor([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    x, weight, z = y.new_tensor(WHITED_OF_RGB)
    xz = torch.stack((x, z), dim=-1)
    rest = y[:, None] - weight[k] * v
    exists = (rest >= -1e-6) & (rest <= weight[p] + weight[q] + 1e-6)

    def corner(p_value: Tensor) -> Tensor:
        q_value = ((rest - weight[p] * p_value) / weight[q]).clamp(0.0, 1.0)
        return v[:, None] * xz[k] + p_value[..., None] * xz[p] + q_value[..., None] * xz[q]

    start = corner(((rest - weight[q]) / weight[p]).clamp(0.0, 1.0))
    return start, corner((rest / weight[p]).clamp(0.0, 1.0)), exists


def _along(start: Tensor, stop: Tensor, at: Tensor) -> Tensor:
    """Return points of the sides as Lab's f of X and Z, [n, 6, samples, 2], at shares 0 to 1.

    Shares are even in the f of X or of Z, whichever changes more, and so nearly even in ab;
    even steps of light would leave gaps where it is dark.
    """
    f_start, f_stop = lab_curve(start), lab_curve(stop)
    by_z = (f_stop - f_start).abs().argmax(-1, keepdim=True)
    main_start, main_stop = start.gather(-1, by_z), stop.gather(-1, by_z)
    f = torch.lerp(f_start.gather(-1, by_z), f_stop.gather(-1, by_z), at)
    length = main_stop - main_start
    share = (_light_of_lab_curve(f) - main_start) / torch.where(length == 0, 1.0, length)
    share = share.clamp(0.0, 1.0)[..., None]
    return lab_curve(torch.lerp(start[:, :, None], stop[:, :, None], share))


def _linear_of_lab(L: Tensor, ab: Tensor) -> Tensor:
    """Return linear red, green, blue [..., 3, H, W] of Lab, outside [0, 1] where out of gamut."""
    L, ab = _channels(L, 1, "L"), _channels(ab, 2, "ab")
    a, b = ab.split(1, dim=-3)
    y = (L + 16.0) / 116.0
    f = torch.cat((y + a / 500.0, y, (y - b / 200.0).clamp_min(0.0)), dim=-3)
    return _mix(RGB_OF_WHITED, _light_of_lab_curve(f))


def lab_curve(t: Tensor) -> Tensor:
    """Compute Lab's f of XYZ over white: a cube root, with a straight line near black."""
    return torch.where(t > 0.008856, t.clamp_min(0.008856).pow(1 / 3), F_SLOPE * t + 16.0 / 116.0)


def _light_of_lab_curve(f: Tensor) -> Tensor:
    """Invert `lab_curve`."""
    return torch.where(f > F_THRESHOLD, f * f * f, (f - 16.0 / 116.0) / F_SLOPE)


def _mix(weights: tuple[tuple[float, ...], ...], channels: Tensor) -> Tensor:
    """Multiply each row of `weights` and the three channels: [..., 3, H, W] to [..., 3, H, W]."""
    red, green, blue = channels.split(1, dim=-3)
    mixed = [(red * u).add(green, alpha=v).add(blue, alpha=w) for u, v, w in weights]
    return torch.cat(mixed, dim=-3)


def _channels(values: Tensor, count: int, name: str) -> Tensor:
    """Return `values` in float32 or float64, after a check of its shape [..., count, H, W]."""
    shape, dtype = tuple(values.shape), values.dtype
    if not dtype.is_floating_point or len(shape) < 3 or shape[-3] != count:
        raise ColorlibError(
            f"{name} is {dtype} {shape}: floating point [..., {count}, H, W] is right "
            "(divide 8-bit sRGB by 255)"
        )
    return values if values.dtype == torch.float64 else values.float()
