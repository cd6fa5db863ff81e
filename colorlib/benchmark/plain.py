"""The yardstick of Table 2: iColoriT-T computed step by step, as the published code does it.

Our own writing of that computation, with `ColViT`'s weights. In every call the position bias
is gathered from its table, attention is four operations on the whole matrix of logits, and the
hints are averaged over their cells and enlarged again.
"""

import warnings

import numpy as np
import torch
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor
from torch.nn import functional as F

from colorlib.color import denormalize_ab
from colorlib.colorizer import resize_ab
from colorlib.files import ConfigError
from colorlib.hints import Hints, photo_input
from colorlib.model import Attention, ColViT, Prediction
from colorlib.photos import Photo

CELL = 2  # pixels a side of iColoriT's hints


class PlainEngine:
    """Runs a dense ColViT the published way. Raises ConfigError for one that skips."""

    def __init__(self, model: ColViT):
        if model.policy or not bool(model.fixed_gates.all()):
            raise ConfigError("the plain forward is that of iColoriT, which skips nothing")
        self.model = model.eval()

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> Prediction:
        """X [B, 4, S, S], hints of whole cells of 2 x 2 pixels -> Prediction."""
        model = self.model
        z = model.patch_embed(_cells_averaged(x))
        z = z + model.pos_embed.clone()
        for block in model.blocks:
            z = z + _attention(block.attn, block.norm1(z))
            z = z + block.mlp(block.norm2(z))
        return Prediction(model.decode(z), model.fixed_gates.expand(len(x), -1, -1), None)


def paint(engine: PlainEngine, photo: Photo, hints: Hints) -> np.ndarray:
    """A photo coloured by scikit-image's conversions, as most scripts do it: uint8 [H, W, 3]."""
    answer = engine(photo_input(photo, hints, engine.model.img_size))
    lab = rgb2lab(photo.rgb)
    ab = resize_ab(denormalize_ab(answer.ab[0]), photo.shape)
    lab[..., 1:] = ab.permute(1, 2, 0).numpy()
    with warnings.catch_warnings():
        # It says how many colours sRGB does not have.
        warnings.simplefilter("ignore", UserWarning)
        return (lab2rgb(lab) * 255).round().astype(np.uint8)


def _cells_averaged(x: Tensor) -> Tensor:
    """X with the hints' ab taken from the mean of each cell that the mask names."""
    mask = F.max_pool2d(x[:, 3:], CELL)
    ab = F.interpolate(x[:, :3], scale_factor=1 / CELL, mode="bilinear")[:, 1:]
    ab = ab.masked_fill(mask == 0, 0)
    enlarged = F.interpolate(torch.cat([ab, mask], 1), scale_factor=CELL, mode="nearest")
    return torch.cat([x[:, :1], enlarged], dim=1)


def _attention(layer: Attention, z: Tensor) -> Tensor:
    batch, tokens, dim = z.shape
    bias = torch.cat([layer.q_bias, torch.zeros_like(layer.v_bias), layer.v_bias])
    qkv = F.linear(z, layer.qkv.weight, bias)
    q, k, v = qkv.reshape(batch, tokens, 3, layer.heads, -1).permute(2, 0, 3, 1, 4)
    logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    pairs = layer.rpb_table[layer.relative_position_index.view(-1)]
    logits += pairs.view(tokens, tokens, -1).permute(2, 0, 1).contiguous()
    heads = logits.softmax(dim=-1) @ v
    return layer.proj(heads.transpose(1, 2).reshape(batch, tokens, dim))
