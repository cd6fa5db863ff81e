"""A photo as 8-bit sRGB, and opening one from whatever holds it.

`Photo` and `open_photo` are public as `colorlib.photos.Photo` and `colorlib.photos.open_photo`.
"""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from colorlib.decoding import rgb_of_array, rgb_of_file, rgb_of_pil, rgb_of_stream, whole
from colorlib.errors import PhotoError
from colorlib.files import atomic_write

UNNAMED = "photo"
_GREY_TOLERANCE = 2  # of 255: what JPEG compression leaves of a grey photo's channels
_JPEG: dict[str, Any] = {"format": "JPEG", "quality": 95, "subsampling": 0}
_SAVE: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG"},
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": {"format": "WEBP", "quality": 95},
}


@dataclass(frozen=True, eq=False, repr=False)
class Photo:
    """A colour photo: `rgb` uint8 [H, W, 3] in sRGB, and the `name` it goes by.

    The pixels are a private copy that cannot be written to. Two photos are equal when name
    and pixels are. Raises PhotoError when `rgb` is not uint8 [H, W, 3] with pixels in it.
    """

    rgb: np.ndarray
    name: str = UNNAMED

    def __post_init__(self) -> None:
        rgb = np.asarray(self.rgb)
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
            raise PhotoError(
                f"photo {self.name!r}: expected uint8 [H, W, 3], at least 1x1, got "
                f"{rgb.dtype} {list(rgb.shape)}; open_photo takes other arrays"
            )
        # An array over bytes stays read-only: numpy refuses setflags(write=True) on it.
        frozen = np.frombuffer(rgb.tobytes(), np.uint8).reshape(rgb.shape)
        object.__setattr__(self, "rgb", frozen)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]

    @property
    def is_grey(self) -> bool:
        """Whether red, green and blue differ by at most 2 of 255 in every pixel."""
        red, green, blue = np.moveaxis(self.rgb, 2, 0)
        largest = np.maximum(np.maximum(red, green), blue)
        smallest = np.minimum(np.minimum(red, green), blue)
        return int((largest - smallest).max()) <= _GREY_TOLERANCE

    def resized(self, side: int | tuple[int, int]) -> "Photo":
        """The photo at side x side pixels, or at (H, W), whatever its aspect ratio was.

        Bilinear with antialiasing (Pillow's BILINEAR, which torchvision's Resize uses for PIL
        images): the protocol of iColoriT's evaluation. Raises PhotoError for sides under 1.
        """
        height, width = (side, side) if isinstance(side, int | np.integer) else side
        if min(height, width) < 1:
            raise PhotoError(f"photo {self.name!r}: cannot resize to {height}x{width}, under 1x1")
        if (height, width) == self.shape:
            return self
        image = Image.fromarray(self.rgb).resize((width, height), Image.Resampling.BILINEAR)
        return Photo(np.asarray(image), self.name)

    def tensor(self) -> torch.Tensor:
        """float32 [1, 3, H, W] in [0, 1]: the pixels / 255, channel first."""
        channels = torch.tensor(self.rgb).permute(2, 0, 1)
        return channels.unsqueeze(0).to(torch.float32).contiguous().div_(255)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Photo):
            return NotImplemented
        return self.name == other.name and np.array_equal(self.rgb, other.rgb)

    def __hash__(self) -> int:
        return hash((self.name, self.shape))

    def __repr__(self) -> str:
        return f"Photo({self.name!r}, {self.shape[0]}x{self.shape[1]})"

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickled array comes back writable: make the copy through the constructor.
        return Photo, (np.array(self.rgb), self.name)


def open_photo(source: Any, name: str | None = None) -> Photo:
    """Open a photo from a path, bytes, a binary file, a PIL image, an array or a Photo.

    Files may be JPEG (CMYK and progressive too), PNG, WebP, TIFF, GIF, BMP, PPM, JPEG 2000 or
    AVIF. The EXIF orientation is applied, an embedded colour profile is converted to sRGB,
    transparency is laid on white, 16 bits become 8 (v / 257), of an animation the first frame
    is taken; a grey photo gets three equal channels.

    Arrays are channel last, [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] (with alpha): uint8,
    uint16 (0 to 65535) or floating point in [0, 1]. A Photo comes back as it is.

    `name` is what the photo goes by; by default the file's name without its suffix.
    Raises PhotoError, which names the source, for anything that is no whole photo.
    """
    if isinstance(source, Photo):
        return source if name in (None, source.name) else Photo(source.rgb, str(name))
    if isinstance(source, np.ndarray):
        label = name or UNNAMED
        return Photo(rgb_of_array(source, f"array {label!r}"), label)
    if isinstance(source, Image.Image):
        label = name or _stem(getattr(source, "filename", None))
        return Photo(rgb_of_pil(source, f"PIL image {label!r}"), label)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return Photo(rgb_of_file(path), name or path.stem)
    if isinstance(source, bytes | bytearray | memoryview):
        label = name or UNNAMED
        return Photo(rgb_of_stream(io.BytesIO(source), f"bytes {label!r}"), label)
    if hasattr(source, "read"):
        label = name or _stem(getattr(source, "name", None))
        return Photo(rgb_of_stream(whole(source, label), f"file {label!r}"), label)
    raise PhotoError(
        f"cannot open a {type(source).__name__} as a photo: give a path, bytes, a binary file, "
        "a PIL image, a numpy array or a Photo"
    )


def _stem(filename: object) -> str:
    return (Path(filename).stem if isinstance(filename, str) else "") or UNNAMED


def save_photo(rgb: Photo | np.ndarray, path: str | os.PathLike[str]) -> Path:
    """Save a photo as PNG (lossless), JPEG (quality 95, full colour) or WebP (quality 95).

    The suffix of `path` says which. `rgb` is a Photo or any array that `open_photo` takes. The
    file is written whole or not at all. Returns the path. Raises PhotoError for another suffix
    and DataError for a folder that is missing or may not be written to.
    """
    target = Path(path)
    options = _SAVE.get(target.suffix.lower())
    if options is None:
        raise PhotoError(f"cannot save {target}: the suffix must be one of {', '.join(_SAVE)}")
    photo = open_photo(rgb)
    with atomic_write(target) as temporary:
        Image.fromarray(photo.rgb).save(temporary, **options)
    return target
