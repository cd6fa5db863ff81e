"""Photos: opening and saving any photo, the gallery, and the paper's three test sets."""

import contextlib
import io
import os
import struct
import tempfile
import threading
import warnings
import zlib
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import torch
from PIL import (
    ExifTags,
    Image,
    ImageCms,
    ImageOps,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
)

from colorlib.color import linear_of_srgb, srgb_of_linear
from colorlib.files import ColorlibError, PhotoError, atomic_write, data_dir, read_text

# What Pillow may try. Not its whole list: EPS, for one, would start another program. HEIF is
# there where pillow-heif is installed.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "JPEG2000", "AVIF", "HEIF")
_GREY_TOLERANCE = 2  # of 255: what JPEG compression leaves of a grey photo's channels
_FLOAT_SLACK = 1e-3  # arithmetic that ends in [0, 1] may miss it by a rounding
# What photos are saved as, and how many pixels a side that can have.
_LONGEST = {"PNG": 2**31 - 1, "TIFF": 2**31 - 1, "JPEG": 65500, "WEBP": 16383}
FORMS = {f".{form.lower()}": form for form in _LONGEST} | {".tif": "TIFF", ".jpg": "JPEG"}
_EIGHT_BITS = np.rint(np.arange(65536) / 257).astype(np.uint8)
# Of 16-bit colours Pillow unpacks the upper bytes: the lower ones, if told the other byte order.
_LOWER = {"RGB;16B": "RGB;16L", "RGB;16L": "RGB;16B", "RGB;16N": "RGB;16B"}
_ODD_TIFF = (
    "it is a TIFF of a kind that cannot be read: save it with 8 or 16 bits a channel, interleaved, "
    "and without extra channels"
)
# What goes along from a photo's file to its colour photo's: resolution, words, people, dates.
_TAG = ExifTags.Base
_KEPT = (
    *(_TAG.XResolution, _TAG.YResolution, _TAG.ResolutionUnit),
    *(_TAG.ImageDescription, _TAG.Artist, _TAG.Copyright, _TAG.DateTime),
)
_DATES = _TAG.DateTimeOriginal, _TAG.OffsetTimeOriginal, _TAG.DateTimeDigitized
# The words of the IPTC for a photo of which a trained network made a part.
_XMP = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
   xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
   Iptc4xmpExt:DigitalSourceType=
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
# From linear light of Display P3 to that of sRGB (CSS Color 4).
_P3 = torch.tensor(
    [[1.224940, -0.224940, 0.0], [-0.042057, 1.042057, 0.0], [-0.019638, -0.078636, 1.098274]]
)
_open_lock = threading.Lock()
# Photoshop's history in a PNG has more than the 1 MB that Pillow allows a text. What it allows
# all texts together, 64 MB, stays as it is.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY


@dataclass(frozen=True, eq=False, repr=False)
class Photo:
    """A colour photo: `rgb` uint8 [H, W, 3] in sRGB, and the `name` it goes by.

    The pixels are a private copy that cannot be written to. Two photos are equal when name
    and pixels are. `open_photo` makes one of anything else. `alpha` uint8 [H, W] is that of a
    photo with transparent parts, whose `rgb` lies on white; `exif` has its file's description,
    author, copyright, dates and resolution. `levels` is `rgb` itself, or uint16 when the photo
    was made of 16 bits. `save_photo` keeps all three.
    """

    rgb: np.ndarray
    name: str = "photo"
    alpha: np.ndarray | None = None
    exif: dict[int, Any] = field(default_factory=dict)
    levels: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        rgb = np.asarray(self.rgb)
        whole = rgb.dtype in (np.uint8, np.uint16)
        if not whole or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
            raise PhotoError(
                f"photo {self.name!r}: expected uint8 or uint16 [H, W, 3], at least 1x1, got "
                f"{rgb.dtype} {list(rgb.shape)}; open_photo takes other arrays"
            )
        # An array over bytes stays read-only: numpy refuses setflags(write=True) on it.
        frozen = np.frombuffer(rgb.tobytes(), rgb.dtype).reshape(rgb.shape)
        object.__setattr__(self, "levels", frozen)
        if frozen.dtype == np.uint16:
            frozen = _EIGHT_BITS[frozen]
            frozen.setflags(write=False)
        object.__setattr__(self, "rgb", frozen)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]

    @cached_property
    def is_grey(self) -> bool:
        """Whether red, green and blue differ by at most 2 of 255 in every pixel."""
        red, green, blue = np.moveaxis(self.rgb, 2, 0)  # ten times as fast as np.ptp(rgb, axis=2)
        largest = np.maximum(np.maximum(red, green), blue)
        smallest = np.minimum(np.minimum(red, green), blue)
        return bool((largest - smallest).max() <= _GREY_TOLERANCE)

    def resized(self, side: int | tuple[int, int]) -> "Photo":
        """Return the photo at side x side pixels, or at (H, W), whatever its aspect ratio was.

        Bilinear with antialiasing (Pillow's BILINEAR, which torchvision's Resize uses for PIL
        images): the protocol of iColoriT's evaluation.
        """
        height, width = (side, side) if isinstance(side, int | np.integer) else side
        if (height, width) == self.shape:
            return self
        image = Image.fromarray(self.rgb).resize((width, height), Image.Resampling.BILINEAR)
        return Photo(np.asarray(image), self.name, exif=self.exif)

    def tensor(self) -> torch.Tensor:
        """Return the pixels / 255, channel first: float32 [1, 3, H, W] in [0, 1]."""
        return torch.tensor(self.rgb).permute(2, 0, 1)[None].contiguous() / 255

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Photo):
            return NotImplemented
        return self.name == other.name and np.array_equal(self.rgb, other.rgb)

    def __repr__(self) -> str:
        return f"Photo({self.name!r}, {self.shape[0]}x{self.shape[1]})"


def open_photo(source: Any, name: str | None = None) -> Photo:
    """Open a photo from a path, bytes, a binary file, a PIL image, an array or a Photo.

    Files may be of any of FORMATS. The EXIF orientation is applied, also that of a PIL image:
    one that was turned by hand must have lost it (`ImageOps.exif_transpose` sees to that). An
    embedded colour profile or gamma is converted to sRGB, transparency laid on white; 16 bits
    become 8 (v / 257), grey becomes three equal channels, and of an animation the first frame
    is taken, of a TIFF the first page that is no thumbnail. `Photo.levels` keeps 16 bits
    of grey, and of colours that are sRGB already, without transparent parts.

    Arrays are [H, W] or [H, W, C], C = 1, 2 (grey, alpha), 3 or 4 (with alpha): uint8, uint16
    (0 to 65535) or floating point in [0, 1]. `name` is by default the file's, without its suffix.
    Raises PhotoError, which names the source, for anything that cannot be decoded.
    """
    if isinstance(source, Photo):
        if name in (None, source.name):
            return source
        return replace(source, name=name, rgb=source.levels)
    is_path = isinstance(source, str | os.PathLike)
    file = source if is_path else getattr(source, "filename", getattr(source, "name", None))
    file = file if isinstance(file, str | os.PathLike) else ""
    name = name or Path(file).stem or "photo"
    # A file's name may hold bytes that are no UTF-8, and so can neither be printed nor saved.
    name = name.encode(errors="replace").decode()
    try:
        if isinstance(source, np.ndarray):
            rgb, alpha = _decode_array(source)
            return Photo(rgb, name, alpha)
        image, lower = source, None
        if not isinstance(source, Image.Image):
            content = source.read() if hasattr(source, "read") else source
            content = Path(source).read_bytes() if is_path else content
            image = _image_of(content)
            lower = _lower_bytes(image, content)
        rgb, alpha = _decode_image(image, lower)
        return Photo(rgb, name, alpha, _exif_of(image))
    except MemoryError:
        raise
    except Exception as error:  # damaged files make Pillow's readers raise almost anything
        label = file or f"{type(source).__name__} {name!r}"
        raise PhotoError(f"cannot open {label}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, PhotoError):
        return str(error)
    if isinstance(error, Image.DecompressionBombError):
        return (
            f"{error} Make it smaller, or set the environment variable COLORLIB_MEGAPIXELS to "
            "what you allow"
        )
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}; check path and permissions"
    return f"it is damaged or cut short ({error}); copy it again"


def _image_of(content: Any) -> Image.Image:
    """Open the bytes of a file, without decoding it yet."""
    if not isinstance(content, bytes | bytearray | memoryview):
        raise PhotoError(
            f"a {type(content).__name__} is no photo: give a path, bytes, a file open in "
            "binary mode ('rb'), a PIL image, a numpy array or a Photo"
        )
    content = bytes(content)
    Image.init()
    if content[4:8] == b"ftyp" and "HEIF" not in Image.OPEN:
        with contextlib.suppress(ImportError):
            import_module("pillow_heif").register_heif_opener()
    formats = [known for known in FORMATS if known in Image.OPEN]  # AVIF is not in every Pillow
    # Pillow warns above MAX_IMAGE_PIXELS and raises above twice that; only the second is our
    # concern. Warning filters and limits belong to the process, hence the lock.
    with _open_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        if allowed := os.environ.get("COLORLIB_MEGAPIXELS", "").strip():
            if not allowed.isdecimal():
                raise PhotoError(f"COLORLIB_MEGAPIXELS is {allowed!r}: a whole number is right")
            Image.MAX_IMAGE_PIXELS = int(allowed) * 500_000
        try:
            image = Image.open(io.BytesIO(content), formats=formats)
        except UnidentifiedImageError as error:
            start, known = bytes(content[:12]), ", ".join(formats)
            advice = f"it is empty, or no photo in a known format ({known}); export it as JPEG"
            if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
                advice = _ODD_TIFF
            elif start[4:8] == b"ftyp" and "HEIF" not in formats:
                advice = "it is HEIC or its like: export it as JPEG, or pip install pillow-heif"
            raise PhotoError(advice) from error
        # Cameras and scanners put a thumbnail first, and say so: a page of reduced resolution.
        while isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(254, 0) & 1:
            try:
                image.seek(image.tell() + 1)
            except EOFError:
                image.seek(0)
                break
    # A PNG may say by four numbers (ITU-T H.273) what a profile would; Pillow does not look.
    png = image.format == "PNG" and "icc_profile" not in image.info
    at = content.find(b"\0\0\0\4cICP", 8, max(8, content.find(b"IDAT"))) if png else -1
    if at > 0:
        primaries, transfer = content[at + 8 : at + 10]
        if primaries not in (1, 12) or transfer not in (1, 6, 13, 14, 15):
            raise PhotoError("its colours are of HDR or film (cICP): save it as sRGB")
        image.info["display_p3"] = primaries == 12
    return image


def _lower_bytes(image: Any, content: Any) -> Image.Image | None:
    """Open 16-bit colours once more, to decode their lower bytes; None for any other `image`."""
    if image.format not in ("PNG", "TIFF"):
        return None
    modes = {one.args if isinstance(one.args, str) else one.args[0] for one in image.tile}
    if not modes <= _LOWER.keys() or getattr(image, "tag_v2", {}).get(284) == 2:
        return None  # TIFF's planes are unpacked in another way
    lower: Any = _image_of(content)
    for index, tile in enumerate(lower.tile):
        mode, *more = [tile.args] if isinstance(tile.args, str) else tile.args
        lower.tile[index] = tile._replace(args=(_LOWER[mode], *more))
    return lower


def _exif_of(image: Image.Image) -> dict[int, Any]:
    """Return the EXIF that goes along when the photo is saved."""
    kept: dict[int, Any] = {}
    with contextlib.suppress(Exception):  # broken EXIF is no reason to refuse whole pixels
        exif = image.getexif()
        dates = exif.get_ifd(ExifTags.IFD.Exif)
        kept = {tag: exif[tag] for tag in _KEPT if exif.get(tag)}
        # Pillow reads text as Latin-1 and writes it as ASCII; bytes it leaves as they are.
        kept = {t: v.encode("latin-1") if isinstance(v, str) else v for t, v in kept.items()}
        kept[ExifTags.IFD.Exif] = {tag: dates[tag] for tag in _DATES if dates.get(tag)}
    if max(image.info.get("dpi", [0])) > 1:  # where JFIF and PNG have the resolution
        kept[_TAG.XResolution], kept[_TAG.YResolution] = image.info["dpi"]
        kept[_TAG.ResolutionUnit] = 2  # inches
    return kept


def _decode_image(
    image: Image.Image, lower: Image.Image | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Decode a PIL image: uint8 or uint16 [H, W, 3], upright, in sRGB, on white; and its alpha."""
    tags: Any = getattr(image, "tag_v2", {})
    info, alpha = image.info, None
    if 2 in tags.get(339, ()):
        raise PhotoError("values with a sign are no photo: save it with 8 or 16 bits without one")
    if tags and max(tags.get(258, (1,))) > 8:
        # Of these Pillow mixes up uncompressed planes, and compressed floating point's bytes.
        packed = tags.get(259, 1) != 1
        if (image.mode == "F" and tags.prefix == b"MM") if packed else tags.get(284) == 2:
            raise PhotoError(_ODD_TIFF)
    image = _upright(image)
    if image.mode == "F" or image.mode.startswith("I"):
        grey = np.asarray(image)
        deep = _deep_grey(grey, tags, info)
        if "transparency" not in info:
            return np.broadcast_to(deep[:, :, None], (*deep.shape, 3)), None
        image = Image.fromarray(_EIGHT_BITS[deep])
        alpha = Image.fromarray(np.where(grey == info["transparency"], 0, 255).astype(np.uint8))
    elif image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = rgba.getchannel("A")
        image = rgba.getchannel("R") if image.mode in ("L", "LA", "La") else rgba.convert("RGB")
        image = _to_srgb(image, info)
    else:
        if image.mode in ("1", "P", "RGBX"):
            image = image.convert("L" if image.mode == "1" else "RGB")
        upper, image = image, _to_srgb(image, info)
        if lower is not None and image is upper:
            return 256 * np.asarray(upper, np.uint16) + np.asarray(_upright(lower)), None
    image = image.convert("RGB")
    if alpha is None or alpha.getextrema() == (255, 255):
        return np.asarray(image), None
    on_white = Image.composite(image, Image.new("RGB", image.size, "white"), alpha)
    return np.asarray(on_white), np.asarray(alpha)


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    with contextlib.suppress(Exception):  # broken EXIF is no reason to refuse whole pixels
        image = ImageOps.exif_transpose(image)
    return image


def _deep_grey(deep: np.ndarray, tags: Any, info: dict[Any, Any]) -> np.ndarray:
    """Return 16-bit or floating-point grey [H, W] in 16 bits of sRGB, scaled and not clipped.

    What its colour profile or gamma does to the 256 levels is done, in between too. `tags` are
    a TIFF's: 12 bits have another white, and WhiteIsZero is inverted.
    """
    if deep.dtype == np.int32:
        # Pillow's "I" also carries 16-bit files such as PGM; TIFFs in it have other whites.
        if tags or deep.min() < 0 or deep.max() > 65535:
            raise PhotoError("grey of 32 bits is no photo: save it with 16 bits")
        deep = deep.astype(np.uint16)
    deep, white = _sixteen_bits(deep), 4095 if tags.get(258) == (12,) else 65535
    if tags.get(262) == 0:
        deep = white - deep
    levels = np.arange(256, dtype=np.uint8)
    srgb = np.asarray(_to_srgb(Image.fromarray(levels[None]), info).convert("L"))[0]
    table = np.interp(np.arange(white + 1) * (255 / white), levels, srgb)
    return np.rint(257 * table).astype(np.uint16)[deep]


def _to_srgb(image: Image.Image, info: dict[Any, Any]) -> Image.Image:
    """Convert from an embedded profile or gamma; without, or if it is broken, do nothing."""
    source: Any = None
    profile, gamma = info.get("icc_profile"), info.get("gamma")
    if image.mode == "LAB":
        source = ImageCms.createProfile("LAB")
    elif profile:
        source = io.BytesIO(profile)
    elif gamma and "srgb" not in info and abs(gamma - 1 / 2.2) > 0.01:
        # A PNG without a profile: light is level ** (1 / gamma).
        light = torch.linspace(0, 1, 256, dtype=torch.float64) ** (1 / gamma)
        levels = (255 * srgb_of_linear(light)).round().int().tolist()
        return image.point(levels * len(image.getbands()))
    elif info.get("display_p3") and image.mode == "RGB":
        light = linear_of_srgb(torch.from_numpy(np.array(image)) / 255) @ _P3.T
        return Image.fromarray((255 * srgb_of_linear(light.clamp(0, 1))).round().byte().numpy())
    else:
        return image
    try:
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return image
    assert converted is not None  # None is for work in place
    # A profile that is sRGB under any name would only add a rounding: leave such photos alone.
    before, after = np.asarray(image, np.int16), np.asarray(converted, np.int16)
    return image if image.mode == "RGB" and np.abs(after - before).max() <= 1 else converted


def _sixteen_bits(array: np.ndarray) -> np.ndarray:
    """Return uint16 of floating point in 0 to 1, and anything else as it is."""
    if not np.issubdtype(array.dtype, np.floating) or not array.size:
        return array
    low, high = float(array.min()), float(array.max())
    if not (low >= -_FLOAT_SLACK and high <= 1 + _FLOAT_SLACK):  # NaN too
        raise PhotoError(
            f"{array.dtype} {list(array.shape)} from {low:g} to {high:g} is no photo: "
            "floating point goes from 0 to 1"
        )
    return np.rint(np.clip(array, 0, 1) * np.float32(65535)).astype(np.uint16)


def _decode_array(array: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Decode an array as `open_photo` takes it, rounded to the nearest: as `_decode_image`."""
    levels = _sixteen_bits(array[:, :, None] if array.ndim == 2 else array)
    levels = levels.astype(levels.dtype.newbyteorder("="))
    channels = levels.shape[2] if levels.ndim == 3 and levels.size else 0
    if levels.dtype not in (np.uint8, np.uint16) or channels not in (1, 2, 3, 4):
        raise PhotoError(
            f"{array.dtype} {list(array.shape)} is no photo: give [H, W] or [H, W, 1 to 4] "
            "(channels come last, one photo at a time) of uint8, uint16 or floating point (0 to 1)"
        )
    if channels in (2, 4):
        levels = levels if levels.dtype == np.uint8 else _EIGHT_BITS[levels]
        return _decode_image(Image.fromarray(np.ascontiguousarray(levels)))
    return np.broadcast_to(levels, (*levels.shape[:2], 3)), None


def check_saving(path: str | os.PathLike[str], shape: tuple[int, int]) -> str:
    """Return the format of `path`; PhotoError unless a photo of `shape` (H, W) fits in it."""
    form = FORMS.get(Path(path).suffix.lower())
    if form is None:
        raise PhotoError(f"cannot save {path}: the suffix must be one of {', '.join(FORMS)}")
    if max(shape) > _LONGEST[form]:
        raise PhotoError(
            f"cannot save {path}: {form} has at most {_LONGEST[form]:,} pixels a side, and "
            f"this photo {max(shape):,}: save it as .png"
        )
    return form


def photo_file(photo: Photo, path: str | os.PathLike[str], coloured_by: str = "") -> bytes:
    """Return a photo as PNG or TIFF (lossless), JPEG (quality 95, full colour) or WebP (95).

    The suffix of `path` says which. All but JPEG keep its alpha, PNG and TIFF its 16 bits, and
    all its `exif`; they say that they are sRGB. `coloured_by` names the network that made the
    colours, which EXIF's description and XMP's digital source type then tell. Raises PhotoError
    as `check_saving`.
    """
    form = check_saving(path, photo.shape)
    image = Image.fromarray(photo.rgb)
    deep = photo.levels.dtype == np.uint16 and photo.alpha is None and form in ("PNG", "TIFF")
    if deep:  # Pillow, which has no 16-bit colours, takes their bytes for a photo twice as wide
        levels = photo.levels.astype("<u2").view(np.uint8).reshape(len(photo.rgb), -1, 3)
        image = Image.fromarray(levels if form == "TIFF" else levels[:1, :1])
    elif photo.alpha is not None and form != "JPEG":
        # Without the white that the photo lies on, so that on white it is the same again.
        share = np.maximum(photo.alpha, 1)[:, :, None] / np.float32(255)
        colours = 255 - (255 - photo.rgb) / share
        levels = np.rint(colours.clip(0, 255)).astype(np.uint8)
        image = Image.fromarray(np.dstack((levels, photo.alpha)))
    exif, text = Image.Exif(), PngImagePlugin.PngInfo()
    more: dict[str, Any] = {}
    exif.get_ifd(ExifTags.IFD.Exif).update(photo.exif.get(ExifTags.IFD.Exif, {}))
    exif.update(photo.exif)
    if coloured_by:
        note = [exif.get(_TAG.ImageDescription), f"coloured by {coloured_by}, a network".encode()]
        exif[_TAG.ImageDescription] = b"; ".join(filter(None, note))
        exif[_TAG.Software] = "colorlib"
        text.add_itxt("XML:com.adobe.xmp", _XMP.decode())
        more["xmp"] = _XMP
        if form == "TIFF":
            exif[_TAG.XMLPacket] = _XMP
    dots = exif.get(_TAG.XResolution), exif.get(_TAG.YResolution)
    if exif.get(_TAG.ResolutionUnit) == 2 and all(dots):
        more["dpi"] = dots
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Not when it was made, so that the same photo is the same file.
    more["icc_profile"] = profile[:24] + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + profile[36:]
    if form == "PNG":  # at level 3: of Pillow's 6 half of the time, and a tenth larger
        more |= {"pnginfo": text, "compress_level": 3}
    stream = io.BytesIO()
    image.save(stream, form, quality=95, subsampling=0, exif=exif, **more)
    stream.seek(0)
    if deep and form == "TIFF":
        from tifffile import TiffFile  # slow to import

        with TiffFile(stream, mode="r+") as file:
            tags = file.pages.first.tags
            tags[_TAG.ImageWidth].overwrite(photo.shape[1])
            tags[_TAG.BitsPerSample].overwrite((16, 16, 16))
    elif deep:
        return _deep_png(stream.getvalue(), photo.levels)
    return stream.getvalue()


def _deep_png(file: bytes, pixels: np.ndarray) -> bytes:
    """Return a PNG of one pixel with pixels uint16 [H, W, 3] in its place."""
    height, width, _ = pixels.shape
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, -1)
    rows[1:] -= rows[:-1].copy()  # PNG's filter 2: what differs from the row above
    header = struct.pack(">2I5B", width, height, 16, 2, 0, 0, 0)
    data = zlib.compress(np.insert(rows, 0, 2, axis=1).tobytes(), 3)
    result = io.BytesIO()
    result.write(file[:8])
    PngImagePlugin.putchunk(result, b"IHDR", header)
    result.write(file[33 : file.rindex(b"IDAT") - 4])
    PngImagePlugin.putchunk(result, b"IDAT", data)
    PngImagePlugin.putchunk(result, b"IEND", b"")
    return result.getvalue()


def save_photo(photo: Any, path: str | os.PathLike[str], coloured_by: str = "") -> Path:
    """Save anything that `open_photo` takes as `photo_file` makes it; return the path.

    The file is written whole or not at all. Raises PhotoError as `check_saving` does, and
    ColorlibError for a folder that is missing or may not be written to.
    """
    with atomic_write(path) as temporary:
        temporary.write_bytes(photo_file(open_photo(photo), path, coloured_by))
    return Path(path)


# The gallery, the mini-set and a test set come with the project: data/README.md says what they are.


def gallery_names() -> list[str]:
    """Return the names of the gallery's photos, sorted."""
    return sorted(path.stem for path in (data_dir() / "photos").glob("*.jpg"))


def gallery(name: str) -> Photo:
    """Open a photo of the gallery, such as gallery("chelsea"): at most 1024 pixels a side.

    Raises PhotoError for a name that is not among `gallery_names()`.
    """
    names = gallery_names()
    if name not in names:
        near = get_close_matches(str(name), names, n=1)
        guess = f"did you mean {near[0]!r}? " if near else ""
        raise PhotoError(f"no gallery photo {name!r}: {guess}There are {', '.join(names)}")
    return open_photo(data_dir() / "photos" / f"{name}.jpg")


def mini_shard() -> Path:
    """Return the path of the mini-set: a tar of WebP photos, short side 160 pixels."""
    return data_dir() / "mini" / "shard-0000.tar"


@dataclass(frozen=True)
class PhotoSet:
    """Photos on disk, opened when they are asked for: `len(set)`, `set[3]`, `for photo in set`.

    `paths` are the photos that are there, in the official order; `missing` the names of those
    listed but not there.
    """

    name: str
    paths: tuple[Path, ...]
    missing: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Photo:
        return open_photo(self.paths[index])

    def __repr__(self) -> str:
        return f"PhotoSet({self.name!r}, {len(self.paths)} photos, {len(self.missing)} missing)"


def shipped_test_set() -> PhotoSet:
    """Return the 200 photos of data/test, each of another class; no network was trained on them."""
    return PhotoSet("test", tuple(sorted((data_dir() / "test").glob("*.jpg"))))


def oxford102(root: str | os.PathLike[str]) -> PhotoSet:
    """Find the validation photos of Oxford 102 flowers, the 1,020 of the paper.

    They are `root/jpg/image_00001.jpg` and so on, listed by `root/setid.mat`. Raises
    ColorlibError when the layout is not there or holds no photo of the list.
    """
    listing = Path(root) / "setid.mat"
    try:
        numbers = scipy.io.loadmat(io.BytesIO(listing.read_bytes()))["valid"].flat
        names = [f"jpg/image_{int(number):05d}.jpg" for number in numbers]
    except Exception as error:  # scipy raises by the place where a damaged file stops it
        raise ColorlibError(
            f"cannot read {listing}: {error}; fetch('oxford102', root) downloads it"
        ) from error
    return _listed("oxford102 valid", {name: Path(root) / name for name in names})


def cub200(root: str | os.PathLike[str]) -> PhotoSet:
    """Find the test photos of CUB-200-2011, the 5,794 of the paper.

    `root` is the folder CUB_200_2011 or the one above it, with `images/CLASS/NAME.jpg`, listed
    by `images.txt` and `train_test_split.txt`. Raises ColorlibError as `oxford102` does.
    """
    folder = Path(root) / "CUB_200_2011"
    folder = folder if folder.is_dir() else Path(root)
    try:
        photos, in_training = (  # a number, a blank, a value on every line
            dict(line.split(maxsplit=1) for line in read_text(folder / file).splitlines())
            for file in ("images.txt", "train_test_split.txt")
        )
        names = [f"images/{name}" for key, name in photos.items() if in_training[key] == "0"]
    except (ValueError, KeyError) as error:
        raise ColorlibError(
            f"cannot read the lists of cub200: {error}; fetch('cub200', root) downloads them"
        ) from error
    return _listed("cub200 test", {name: folder / name for name in names})


def imagenet(
    root: str | os.PathLike[str], file_list: str | os.PathLike[str] | None = None
) -> PhotoSet:
    """Find the validation photos of ImageNet (ILSVRC 2012): `root/val/*.JPEG` or `root/*.JPEG`.

    The official folder tree and one folder per class are found too. `file_list` begins each line
    with a photo, such as the list of ctest10k (the paper's 10,000); without it all photos there
    are taken, by name. Raises ColorlibError when there are none.
    """
    for part in ("val", "ILSVRC/Data/CLS-LOC/val", "Data/CLS-LOC/val", "."):
        folder = Path(root) / part
        files = [*folder.glob("*.*"), *folder.glob("n[0-9]*/*.*")]
        found = {file.name: file for file in files if file.suffix.lower() in (".jpeg", ".jpg")}
        if found:
            break
    else:
        raise ColorlibError(
            f"no ImageNet photos in {root}: expected val/*.JPEG or *.JPEG there. Register at "
            "image-net.org, download the validation images (ILSVRC2012_img_val.tar) and unpack "
            "them into a folder 'val'"
        )
    if file_list is None:
        return _listed("imagenet val", dict(sorted(found.items())))
    names = [
        Path(line.split()[0]).name for line in read_text(file_list).splitlines() if line.strip()
    ]
    listed = {name: found.get(name, folder / name) for name in names}
    return _listed(f"imagenet {Path(file_list).stem}", listed)


def _listed(name: str, files: dict[str, Path]) -> PhotoSet:
    """Make a set of those of the listed photos that are there."""
    there = tuple(path for path in files.values() if path.is_file())
    missing = tuple(photo for photo, path in files.items() if not path.is_file())
    if not there:
        raise ColorlibError(
            f"{name}: none of its {len(files)} photos is there (looked for "
            f"{', '.join(missing[:1])}); download the photos or correct the folder"
        )
    return PhotoSet(name, there, missing)


# What a test set needs: address, the MD5 published for it, and what it puts into the folder.
# Those of Oxford 102 are torchvision's for Flowers102; CUB's is on its page at Caltech.
_OXFORD = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
_CALTECH = "https://data.caltech.edu/records/65de6-vp158/files/"
DOWNLOADS = {
    "oxford102": (
        (_OXFORD + "setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c", "setid.mat"),
        (_OXFORD + "102flowers.tgz", "52808999861908f626f3c1f4e79d11fa", "jpg"),
    ),
    "cub200": (
        (_CALTECH + "CUB_200_2011.tgz", "97eceeb196236b17998738112f37df78", "CUB_200_2011"),
    ),
}


def fetch(name: str, root: str | os.PathLike[str]) -> Path:
    """Download the test set "oxford102" (345 MB) or "cub200" (1.1 GB) into the folder `root`.

    Returns `root`. What is there already is kept; a file or folder appears only when it is whole
    and its checksum is right. The photos are for research and teaching, on their authors' terms.
    Raises ColorlibError for another name, when the network fails, or for a wrong checksum.
    """
    from torchvision.datasets import utils  # slow to import

    if name not in DOWNLOADS:
        raise ColorlibError(
            f"cannot fetch {name!r}: choose one of {', '.join(DOWNLOADS)}. ImageNet may not be "
            "passed on freely: register at image-net.org"
        )
    folder = Path(root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for url, md5, result in DOWNLOADS[name]:
            if (folder / result).exists():
                continue
            # Beside its place, so that the last step is a rename: all of it is there, or nothing.
            with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as temporary:
                utils.download_url(url, temporary, md5=md5)
                if url.endswith(".tgz"):
                    utils.extract_archive(f"{temporary}/{Path(url).name}", temporary)
                os.replace(Path(temporary) / result, folder / result)
    except (OSError, RuntimeError) as error:  # torchvision's RuntimeError: the checksum
        raise ColorlibError(f"cannot fetch {name} into {folder}: {error}; try again") from error
    return folder
