"""Photos: opening and saving any, the gallery, the mini-set and the three test sets."""

import csv
import hashlib
import io
import os
import tarfile
import tempfile
import threading
import urllib.request
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import Any, cast, overload
from urllib.error import URLError

import numpy as np
import scipy.io
import torch
from PIL import Image, ImageCms, UnidentifiedImageError
from tqdm.auto import tqdm

from colorlib.files import DataError, PhotoError, atomic_write, data_dir

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


@dataclass(frozen=True)
class PhotoSet(Sequence[Photo]):
    """Photos on disk, opened when they are asked for: `len(set)`, `set[3]`, `for photo in set`.

    `paths` are the photos that are there, in the official order; `missing` the names of those
    that the set lists but the disk lacks; `official` how many the official set has. A slice is
    a PhotoSet too, of the photos there. Indexing raises PhotoError for a damaged photo.
    """

    name: str
    paths: tuple[Path, ...]
    missing: tuple[str, ...] = ()
    official: int | None = None

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> Photo: ...
    @overload
    def __getitem__(self, index: slice) -> "PhotoSet": ...
    def __getitem__(self, index: int | slice) -> "Photo | PhotoSet":
        if isinstance(index, slice):
            return PhotoSet(self.name, self.paths[index], official=self.official)
        return open_photo(self.paths[index])

    def __iter__(self) -> Iterator[Photo]:
        return (open_photo(path) for path in self.paths)

    def summary(self) -> str:
        """One line: how many photos were found, how many are missing, and which come first."""
        text = f"{self.name}: {len(self.paths):,} photos found"
        if self.official is not None and self.official != len(self.paths):
            text += f" (the official set has {self.official:,})"
        if not self.missing:
            return text + ", none missing of those listed"
        first = ", ".join(self.missing[:3]) + (", ..." if len(self.missing) > 3 else "")
        return f"{text}, {len(self.missing):,} missing: {first}"

    def __repr__(self) -> str:
        return f"PhotoSet({self.name!r}, {len(self.paths)} photos, {len(self.missing)} missing)"


_OXFORD_SPLITS = {"train": ("trnid", 1020), "valid": ("valid", 1020), "test": ("tstid", 6149)}
_CUB_SPLITS = {"train": ("1", 5994), "test": ("0", 5794)}
_IMAGENET_FOLDERS = ("val", "ILSVRC/Data/CLS-LOC/val", "Data/CLS-LOC/val", ".")
_JPEG_SUFFIXES = (".jpeg", ".jpg")
_IMAGENET_HOW = (
    "ImageNet may not be passed on freely: register at image-net.org, download the validation "
    "images (ILSVRC2012_img_val.tar) and unpack them into a folder 'val'"
)


def oxford102(root: str | os.PathLike[str], split: str = "valid") -> PhotoSet:
    """Oxford 102 flowers: `root/setid.mat` and `root/jpg/image_00001.jpg` and so on.

    `split` is "train" (1,020 photos), "valid" (1,020, the paper's test set) or "test" (6,149).
    Raises DataError when the layout is not there or holds no photo of the split.
    """
    field, official = _choose(split, _OXFORD_SPLITS, "oxford102")
    folder = Path(root)
    listing = _needed(folder / "setid.mat", "fetch('oxford102', root) downloads it")
    try:
        numbers = scipy.io.loadmat(listing)[field].ravel()
        names = [f"jpg/image_{int(number):05d}.jpg" for number in numbers]
    except Exception as error:  # scipy raises by the place where a damaged file stops it
        raise DataError(f"cannot read {listing}: {error}; fetch it again") from error
    return _gathered(f"oxford102 {split}", folder, names, official)


def cub200(root: str | os.PathLike[str], split: str = "test") -> PhotoSet:
    """CUB-200-2011: `images.txt`, `train_test_split.txt` and `images/CLASS/NAME.jpg`.

    `root` is the folder CUB_200_2011 or the one above it; `split` is "test" (5,794 photos, the
    paper's) or "train" (5,994). Raises DataError when the layout is not there.
    """
    flag, official = _choose(split, _CUB_SPLITS, "cub200")
    folder = Path(root)
    if (folder / "CUB_200_2011").is_dir():
        folder = folder / "CUB_200_2011"
    advice = "fetch('cub200', root) downloads it"
    names = _two_columns(_needed(folder / "images.txt", advice))
    flags = _two_columns(_needed(folder / "train_test_split.txt", advice))
    if names.keys() != flags.keys():
        raise DataError(
            f"{folder}: images.txt lists {len(names)} photos and train_test_split.txt "
            f"{len(flags)}, but they must list the same; fetch them again"
        )
    chosen = [f"images/{name}" for number, name in names.items() if flags[number] == flag]
    return _gathered(f"cub200 {split}", folder, chosen, official)


def imagenet(
    root: str | os.PathLike[str], file_list: str | os.PathLike[str] | None = None
) -> PhotoSet:
    """The validation photos of ImageNet (ILSVRC 2012): `root/val/*.JPEG` or `root/*.JPEG`.

    The official folder tree and one folder per class under `val` are found too. `file_list`
    names a text file with one photo a line, such as the list of ctest10k (the paper's 10,000);
    without it all photos there are taken, by name. Raises DataError when there are none.
    """
    found = next(filter(None, map(_jpegs, (Path(root) / part for part in _IMAGENET_FOLDERS))), None)
    if found is None:
        raise DataError(
            f"no ImageNet photos in {root}: expected val/*.JPEG or *.JPEG there. {_IMAGENET_HOW}"
        )
    if file_list is None:
        return PhotoSet("imagenet val", tuple(found[name] for name in sorted(found)), (), 50000)
    listing = _needed(Path(file_list), "give the file with one photo name a line")
    names = [Path(line).name for line in _lines(listing)]
    if not names:
        raise DataError(f"{listing} lists no photo: it must have one file name a line")
    there = tuple(found[name] for name in names if name in found)
    missing = tuple(name for name in names if name not in found)
    if not there:
        raise DataError(f"none of the {len(names)} photos that {listing} lists is in {root}")
    return PhotoSet(f"imagenet {listing.stem}", there, missing, len(names))


def _jpegs(folder: Path) -> dict[str, Path]:
    """The JPEGs in a folder, and in its folders of classes (n01440764, ...), by file name."""
    paths = [*folder.glob("*.*"), *folder.glob("n[0-9]*/*.*")]
    return {path.name: path for path in sorted(paths) if path.suffix.lower() in _JPEG_SUFFIXES}


def _choose(split: str, splits: dict[str, tuple[str, int]], name: str) -> tuple[str, int]:
    if split not in splits:
        raise DataError(f"{name} has no split {split!r}: choose one of {', '.join(splits)}")
    return splits[split]


def _needed(path: Path, advice: str) -> Path:
    if not path.is_file():
        raise DataError(f"there is no {path}: {advice}")
    return path


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}; it must be a text file") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _two_columns(path: Path) -> dict[str, str]:
    """The official text files: a number, a blank, a value on every line."""
    rows = [line.split(maxsplit=1) for line in _lines(path)]
    if any(len(row) != 2 for row in rows):
        raise DataError(f"{path}: every line must hold a number and a value; fetch it again")
    return {row[0]: row[1] for row in rows}


def _gathered(name: str, folder: Path, names: list[str], official: int) -> PhotoSet:
    there = tuple(folder / item for item in names if (folder / item).is_file())
    missing = tuple(item for item in names if not (folder / item).is_file())
    if not names:
        raise DataError(f"{name}: the lists in {folder} name no photo of this split; take another")
    if not there:
        raise DataError(
            f"{name}: none of its {len(names)} photos is in {folder} (looked for {names[0]}); "
            "download the photos or correct the folder"
        )
    return PhotoSet(name, there, missing, official)


@dataclass(frozen=True)
class Download:
    """A file that a test set needs: its address, the MD5 that is published for it, and what
    must be in the set's folder afterwards (of an archive, the folder in it)."""

    url: str
    md5: str
    gives: str


_OXFORD = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
DOWNLOADS: dict[str, tuple[Download, ...]] = {
    "oxford102": (
        Download(_OXFORD + "setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c", "setid.mat"),
        Download(
            _OXFORD + "imagelabels.mat", "e0620be6f572b9609742df49c70aed4d", "imagelabels.mat"
        ),
        Download(_OXFORD + "102flowers.tgz", "52808999861908f626f3c1f4e79d11fa", "jpg"),
    ),
    "cub200": (
        Download(
            "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
            "97eceeb196236b17998738112f37df78",
            "CUB_200_2011",
        ),
    ),
}


def fetch(name: str, root: str | os.PathLike[str]) -> Path:
    """Download the test set "oxford102" (345 MB) or "cub200" (1.1 GB) into the folder `root`.

    Returns `root`, which `oxford102` or `cub200` then take. What is there already is kept; a
    file or folder appears only when it is whole and its checksum is right. The photos are for
    research and teaching, on their authors' terms. Raises DataError for another name, when the
    network fails, or for a wrong checksum; ImageNet must be had from its owners.
    """
    if name == "imagenet":
        raise DataError(f"cannot fetch imagenet: {_IMAGENET_HOW}")
    if name not in DOWNLOADS:
        raise DataError(f"cannot fetch {name!r}: choose one of {', '.join(DOWNLOADS)}")
    if not hasattr(tarfile, "data_filter"):
        raise DataError("cannot unpack safely with this Python: it needs 3.11.4 or newer")
    folder = Path(root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for download in DOWNLOADS[name]:
            if not (folder / download.gives).exists():
                _fetch_one(download, folder)
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise DataError(f"cannot fetch {name}: {error}; is there a network? Try again") from error
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"cannot put {name} into {folder}: {error}") from error
    return folder


def _fetch_one(download: Download, folder: Path) -> None:
    # Beside its place, so that the last step is a rename: all of it is there, or nothing.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as temporary:
        file = Path(temporary) / "download"
        md5 = _download(download.url, file)
        if md5 != download.md5:
            raise DataError(
                f"{download.url} has changed or was cut short: its MD5 is {md5}, expected "
                f"{download.md5}; try again"
            )
        if Path(download.gives).suffix:
            os.replace(file, folder / download.gives)
            return
        unpacked = Path(temporary) / "unpacked"
        with tarfile.open(file) as archive:
            archive.extractall(unpacked, filter="data")
        if not (unpacked / download.gives).is_dir():
            raise DataError(f"{download.url} holds no folder {download.gives}")
        os.replace(unpacked / download.gives, folder / download.gives)


def _download(url: str, file: Path) -> str:
    """Download to a file, with a bar; the MD5 of what came."""
    digest = hashlib.md5(usedforsecurity=False)
    with urllib.request.urlopen(url, timeout=60) as answer, file.open("wb") as stream:
        size = int(answer.headers.get("Content-Length", 0)) or None
        title = url.rsplit("/", 1)[-1]
        with tqdm(total=size, unit="B", unit_scale=True, desc=title, leave=False) as bar:
            while block := answer.read(1 << 20):
                stream.write(block)
                digest.update(block)
                bar.update(len(block))
    return digest.hexdigest()


def gallery_names() -> list[str]:
    """The names of the gallery's photos, sorted. Raises DataError without a data folder."""
    return sorted(path.stem for path in _folder("photos").glob("*.jpg"))


def gallery(name: str) -> Photo:
    """A photo of the gallery, such as gallery("chelsea"): at most 1024 pixels a side.

    `gallery_names()` lists them, `attribution()` says whose they are. Raises PhotoError for
    a name that is not there.
    """
    names = gallery_names()
    if name not in names:
        near = get_close_matches(str(name), names, n=1)
        guess = f"did you mean {near[0]!r}? " if near else ""
        raise PhotoError(f"no gallery photo {name!r}: {guess}There are {', '.join(names)}")
    return open_photo(_folder("photos") / f"{name}.jpg")


def mini_shard() -> Path:
    """The mini-set for short trainings: a tar of WebP photos, short side 160 pixels.

    WebDataset style, one member KEY.webp per photo. Raises DataError when it is missing.
    """
    path = _folder("mini") / "shard-0000.tar"
    if not path.is_file():
        raise DataError(f"no mini-set at {path}: restore the file with 'git checkout'")
    return path


def attribution(collection: str = "photos") -> list[dict[str, str]]:
    """Who made the photos: a dict of file, author, title, source and licence for each.

    `collection` is "photos" (the gallery) or "mini" (the mini-set: the first column is the
    key, and a sixth, part, says what was cut out). Raises DataError when the list is missing.
    """
    path = _folder(collection) / "ATTRIBUTION.csv"
    if not path.is_file():
        raise DataError(f"no attribution at {path}: collections are 'photos' and 'mini'")
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _folder(collection: str) -> Path:
    return data_dir() / collection
