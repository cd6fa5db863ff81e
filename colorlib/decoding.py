"""8-bit sRGB pixels from a file, a PIL image or an array, with clear errors for what is none."""

import io
import threading
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from colorlib.errors import PhotoError

# What Pillow may try. Not its whole list: EPS, for one, would start another program.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "JPEG2000", "AVIF")

# EXIF tag 274 (orientation) and what turns the stored pixels upright (EXIF 2.32, 4.6.4 A).
_ORIENTATION = 274
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FLOAT_SLACK = 1e-3  # arithmetic that ends in [0, 1] may miss it by a rounding
_open_lock = threading.Lock()


def rgb_of_file(path: Path) -> np.ndarray:
    if path.is_dir():
        raise PhotoError(f"cannot open {path}: it is a folder; name a photo in it")
    try:
        with path.open("rb") as stream:
            return rgb_of_stream(stream, str(path))
    except FileNotFoundError as error:
        raise PhotoError(f"cannot open {path}: there is no such file; check the path") from error
    except (OSError, ValueError) as error:
        if isinstance(error, PhotoError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise PhotoError(f"cannot open {path}: {reason}; check path and permissions") from error


def whole(source: Any, label: str) -> io.BytesIO:
    """What is left in a file-like object: not all of them can seek, as Pillow needs to."""
    try:
        content = source.read()
    except (OSError, ValueError) as error:
        raise PhotoError(f"cannot read file {label!r}: {error}; is it open for reading?") from error
    if not isinstance(content, bytes | bytearray | memoryview):
        raise PhotoError(f"file {label!r} is open as text: open it in binary mode ('rb')")
    return io.BytesIO(content)


def rgb_of_stream(stream: Any, label: str) -> np.ndarray:
    if not stream.read(1):
        raise PhotoError(f"cannot open {label}: it is empty (0 bytes); take another copy")
    stream.seek(0)
    Image.init()
    formats = [known for known in FORMATS if known in Image.OPEN]
    try:
        # Pillow warns above MAX_IMAGE_PIXELS and raises above twice that; only the second is
        # our concern. Warning filters belong to the process, hence the lock.
        with _open_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(stream, formats=formats)
    except UnidentifiedImageError as error:
        raise PhotoError(
            f"cannot open {label}: it is no photo in a known format ({', '.join(FORMATS)}); "
            "export others, such as HEIC or camera raw, as JPEG"
        ) from error
    except Image.DecompressionBombError as error:
        raise PhotoError(
            f"cannot open {label}: it says it has too many pixels ({error}); make it smaller, "
            "or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
        ) from error
    except Exception as error:  # damaged headers make Pillow's readers raise almost anything
        raise _damaged(label, error) from error
    return rgb_of_pil(image, label)


def _damaged(label: str, error: Exception) -> PhotoError:
    return PhotoError(f"cannot open {label}: it is damaged or cut short ({error}); copy it again")


def rgb_of_pil(image: Image.Image, label: str) -> np.ndarray:
    if 0 in image.size:
        raise PhotoError(f"cannot open {label}: it has no pixels ({image.height}x{image.width})")
    try:
        image.load()
        if image.mode == "F" or image.mode.startswith("I"):
            array = _array_of_deep(image, label)
        else:
            array = np.asarray(_srgb(image))
    except (PhotoError, MemoryError):
        raise
    except Exception as error:  # as above: cut short, a bad checksum, an unknown mode, ...
        raise _damaged(label, error) from error
    # Of an array too, turn the copy: the caller's image stays as it is.
    turn = _UPRIGHT.get(_orientation(image))
    return array if turn is None else np.asarray(Image.fromarray(array).transpose(turn))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken EXIF is no reason to refuse a photo whose pixels are whole
        return 1


def _array_of_deep(image: Image.Image, label: str) -> np.ndarray:
    """Grey of more than 8 bits, which Pillow itself would clip at 255 instead of scaling."""
    values = np.asarray(image)
    if values.dtype == np.int32:  # Pillow's "I" also carries 16-bit files, such as PGM
        if values.min() < 0 or values.max() > 65535:
            raise PhotoError(
                f"cannot open {label}: 32-bit values from {values.min()} to {values.max()}; "
                "save it with 8 or 16 bits"
            )
        values = values.astype(np.uint16)
    return rgb_of_array(values, label)


def _srgb(image: Image.Image) -> Image.Image:
    """Mode RGB in sRGB, transparency laid on white."""
    alpha = None
    if image.has_transparency_data:
        alpha = image.convert("RGBA").getchannel("A")
    if image.mode in ("1", "P", "PA", "La", "LA", "RGBa", "RGBA", "RGBX"):
        grey = image.mode in ("1", "La", "LA")
        image = _straight(image, "L" if grey else "RGB")
    transform = _to_srgb(image.info.get("icc_profile") or b"", image.mode)
    if transform is not None:
        # The stub has None for in-place work; here it is always a new image.
        image = cast(Image.Image, ImageCms.applyTransform(image, transform))
    image = image.convert("RGB")
    if alpha is not None and np.asarray(alpha).min() < 255:
        white = Image.new("RGB", image.size, (255, 255, 255))
        image = Image.composite(image, white, alpha)
    return image


def _straight(image: Image.Image, mode: str) -> Image.Image:
    """Without the alpha channel, the colours under it as they were, the profile kept."""
    profile = image.info.get("icc_profile")
    if image.mode in ("La", "RGBa", "P", "PA"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    plain = image.convert(mode)
    plain.info["icc_profile"] = profile
    return plain


@lru_cache(maxsize=16)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform from an embedded profile; None without one, or if broken, or if sRGB."""
    if not profile and mode != "LAB":
        return None
    try:
        source = (
            ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if profile
            else ImageCms.createProfile("LAB")
        )
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    if mode != "RGB":
        return transform
    # A profile that is sRGB under any name would only add a rounding: leave such photos alone.
    levels = np.array([0, 32, 64, 96, 128, 160, 192, 224, 255], np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    probe = Image.fromarray(cube.reshape(27, 27, 3))
    there = np.asarray(ImageCms.applyTransform(probe, transform), np.int16)
    return None if np.abs(there - np.asarray(probe)).max() <= 1 else transform


def rgb_of_array(array: np.ndarray, label: str) -> np.ndarray:
    """uint8 [H, W, 3] of an array as `open_photo` takes it."""
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise PhotoError(
            f"{label}: expected [H, W], [H, W, 1], [H, W, 3] or [H, W, 4], got "
            f"{list(array.shape)}; channels come last, one photo at a time"
        )
    if array.size == 0:
        raise PhotoError(f"{label}: it has no pixels, its shape is {list(array.shape)}")
    levels = _levels(array, label)
    if levels.shape[2] == 4:
        alpha = levels[:, :, 3:].astype(np.uint32)
        # As Pillow's composite: the colour's share plus white's, rounded.
        mixed = levels[:, :, :3] * alpha + 255 * (255 - alpha)
        levels = ((mixed + 127) // 255).astype(np.uint8)
    return np.broadcast_to(levels, (*levels.shape[:2], 3))


def _levels(array: np.ndarray, label: str) -> np.ndarray:
    """The values as 0..255 in uint8, rounded to the nearest."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if not np.issubdtype(array.dtype, np.floating):
        raise PhotoError(
            f"{label}: values of type {array.dtype}; make them uint8 (0 to 255), uint16 "
            "(0 to 65535) or floating point (0 to 1)"
        )
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise PhotoError(f"{label}: it holds NaN or infinite values; replace them first")
    if low < -_FLOAT_SLACK or high > 1 + _FLOAT_SLACK:
        raise PhotoError(
            f"{label}: floating-point values from {low:g} to {high:g}; they must lie in [0, 1], "
            "so divide by 255 or clip first"
        )
    return np.rint(np.clip(array, 0, 1) * np.float32(255)).astype(np.uint8)
