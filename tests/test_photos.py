"""Opening and saving photos, the gallery and the mini-set."""

import contextlib
import csv
import io
import os
import struct
import sys
import tarfile
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import cycle, product

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin
from skimage.color import rgb2lab

from colorlib import photos
from colorlib.colorizer import Colorizer
from colorlib.files import ColorlibError, PhotoError, atomic_write, data_dir
from colorlib.hints import Hints
from colorlib.photos import Photo, open_photo, photo_file, save_photo

RED = (255, 0, 0)


def smooth(height: int = 24, width: int = 40) -> np.ndarray:
    """A colour gradient, which lossy formats keep to a few levels. uint8 [H, W, 3]."""
    row, column = np.mgrid[0:height, 0:width]
    blue = 128 + 0 * row
    channels = [row * 255 // (height - 1), column * 255 // (width - 1), blue]
    return np.stack(channels, axis=-1).astype(np.uint8)


def encoded(image: Image.Image | np.ndarray, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


# ---- Photo


def test_a_photo_cannot_be_changed():
    pixels = smooth()
    photo = Photo(pixels, "gradient")
    pixels[:] = 0
    assert photo.rgb.any(), "the photo must have its own copy"
    with pytest.raises(ValueError, match="read-only"):
        photo.rgb[0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        photo.rgb.setflags(write=True)
    with pytest.raises(AttributeError):
        photo.name = "other"


def test_tensor_is_channel_first_in_0_1():
    tensor = Photo(np.array([[[255, 0, 51]]], np.uint8)).tensor()
    # 51 / 255 = 0.2
    torch.testing.assert_close(tensor, torch.tensor([1.0, 0.0, 0.2]).reshape(1, 3, 1, 1))
    assert Photo(smooth(5, 7)).tensor().shape == (1, 3, 5, 7)


def test_resized_is_torchvisions_resize_of_a_pil_image():
    from torchvision.transforms import functional  # after colorlib, see its guard

    photo = photos.gallery("chelsea")
    for side, size in ((64, (64, 64)), ((50, 90), (50, 90)), ((700, 20), (700, 20))):
        expected = np.asarray(functional.resize(Image.fromarray(photo.rgb), list(size)))
        assert np.array_equal(photo.resized(side).rgb, expected)
    assert photo.resized(photo.shape) is photo


def test_is_grey():
    one_pixel = np.full((4, 4, 3), 90, np.uint8)
    assert Photo(one_pixel).is_grey
    one_pixel[2, 1] = (90, 95, 90)
    assert not Photo(one_pixel).is_grey


# ---- files


def test_every_way_to_name_a_source(tmp_path):
    path = tmp_path / "my photo.v2.png"
    path.write_bytes(encoded(smooth(), "PNG"))
    expected = Photo(smooth(), "my photo.v2")
    assert open_photo(path) == open_photo(str(path)) == expected
    assert open_photo(path, name="x") == Photo(smooth(), "x")
    # A file's name may hold bytes that are no UTF-8; a photo's can be printed and saved.
    assert open_photo(path, name="gro\udcdfmutter").name == "gro?mutter"
    with path.open("rb") as stream:
        assert open_photo(stream) == expected
        assert not stream.closed
    with Image.open(path) as image:
        assert open_photo(image) == expected
    for source in (path.read_bytes(), bytearray(path.read_bytes()), memoryview(path.read_bytes())):
        assert open_photo(source) == Photo(smooth(), "photo")
    assert open_photo(expected) is expected
    assert open_photo(expected, name="y").name == "y"


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP"])  # the others are in the grids below
def test_exif_orientation(file_format):
    exif = Image.Exif()
    for exif[274] in range(1, 9):
        data = encoded(smooth(), file_format, exif=exif)
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        assert np.array_equal(open_photo(data).rgb, np.asarray(upright.convert("RGB")))


def test_cmyk_jpeg_as_adobe_writes_it():
    # No cyan, all magenta and yellow, no black ink: red. Pillow writes the inverted Adobe form.
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    data = encoded(image, "JPEG", quality=95)
    assert b"Adobe" in data
    assert np.abs(open_photo(data).rgb.astype(int) - RED).max() <= 3


def test_transparency_lies_on_white():
    # Red at alpha 128 of 255 on white: green and blue 255 * (1 - 128 / 255) = 127.
    pixels = np.array([[[255, 0, 0, 255], [255, 0, 0, 128], [9, 9, 9, 0]]], np.uint8)
    for source in (pixels, encoded(pixels, "PNG")):
        assert open_photo(source).rgb.tolist() == [[[255, 0, 0], [255, 127, 127], [255] * 3]]
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([*RED, 7, 8, 9])
    for options, second in (({}, [7, 8, 9]), ({"transparency": 1}, [255] * 3)):
        assert open_photo(encoded(image, "PNG", **options)).rgb.tolist() == [[[*RED], second]]


def grey_profile(gamma: float) -> bytes:
    """An ICC profile (version 2.4) of grey whose light is level ** gamma."""
    d50 = struct.pack(">3i", 63190, 65536, 54061)
    head = struct.pack(">I4xI4s4s4s12x4s", 192, 0x02400000, b"mntr", b"GRAY", b"XYZ ", b"acsp")
    tags = struct.pack(">I4sII4sII", 2, b"kTRC", 156, 14, b"wtpt", 172, 20)
    curve = struct.pack(">4s4xIH2x", b"curv", 1, round(gamma * 256))
    return (head + bytes(28) + d50).ljust(128, b"\0") + tags + curve + b"XYZ \0\0\0\0" + d50


# Quarter turns to the left by EXIF orientation, after a mirror for 2, 4, 5 and 7.
TURNS = dict(zip(range(1, 9), (0, 0, 2, 2, 1, 3, 3, 1), strict=True))


def seen(channels: np.ndarray, gamma: float | None, orientation: int) -> np.ndarray:
    """What a photo shows, in levels [H, W, 3]: its channels 0 to 1 [H, W, C], C = 1 to 4."""
    colour, alpha = np.split(channels, [channels.shape[2] - 1 + channels.shape[2] % 2], axis=2)
    if gamma:
        light = colour**gamma
        colour = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)
    colour = 1 - (alpha if alpha.size else 1) * (1 - colour)
    picture = 255 * np.broadcast_to(colour, (*channels.shape[:2], 3))
    picture = picture[:, ::-1] if orientation in (2, 4, 5, 7) else picture
    return np.rot90(picture, TURNS[orientation])


TIFFS = list(
    product((8, 16, 32), "<>", ("minisblack", "miniswhite", "rgb"), (None, "zlib"), (0, 1), (1, 2))
)


def test_a_grid_of_tiffs():
    """Depth, byte order, meaning of 0, compression, alpha, planes, with profile and turned.

    Seen as tifffile reads them, to the rounding of 8-bit steps between; or refused, which only
    these rare kinds are.
    """
    rng, refused = np.random.default_rng(0), set()
    orientations = cycle(TURNS)
    for kind, gamma in product(TIFFS, (None, 1.8)):
        depth, order, zero, compression, alpha, planes = kind
        channels = (3 if zero == "rgb" else 1) + alpha
        if (gamma and zero == "rgb") or (planes == 2 and channels < 3):
            continue
        values = rng.random((5, 7, channels)).round(rng.integers(1, 9))  # at times 0 or 1 itself
        data = values.astype(np.float32)
        if depth < 32:
            data = np.rint(values * (2**depth - 1)).astype(f"u{depth // 8}")
        file, orientation = io.BytesIO(), next(orientations)
        tifffile.imwrite(
            file,
            np.moveaxis(data, 2, 0) if planes == 2 else data if channels > 1 else data[:, :, 0],
            byteorder=order,
            photometric=zero,
            compression=compression,
            planarconfig=planes if channels > 1 else None,
            extrasamples=["unassalpha"] if alpha else None,
            iccprofile=grey_profile(gamma) if gamma else None,
            extratags=[(274, "H", 1, orientation, True)],
        )
        try:
            photo = open_photo(file.getvalue())
        except PhotoError:
            refused.add(kind)
            continue
        file.seek(0)
        read = tifffile.imread(file)
        read = np.moveaxis(read, 0, 2) if planes == 2 else read.reshape(5, 7, channels)
        read = read / (2**depth - 1 if depth < 32 else 1)
        if zero == "miniswhite":
            read[:, :, 0] = 1 - read[:, :, 0]
        difference = np.abs(photo.rgb - seen(read, gamma, orientation)).max()
        assert difference <= (2.01 if gamma or alpha else 1.01), (kind, gamma, orientation)
        assert (photo.alpha is not None) == bool(alpha)
        assert (photo.levels.dtype == np.uint16) == (depth > 8 and not alpha and planes == 1)
        if photo.levels.dtype == np.uint16 and not gamma:
            assert np.abs(photo.levels / 257 - seen(read, None, orientation)).max() < 0.01
    # Colours of 32 bits, or of 16 in planes; of grey, alpha with more bits or with white as 0, and
    # what Pillow mixes up of big-endian files.
    assert len(refused) == 44


def test_rare_tiffs():
    """12 bits, LZW, a thumbnail before the photo; what is refused says what would be right."""
    twelve = np.array([[0, 2048, 4095]])  # 2048 / 4095 * 255 = 127.53
    packed = np.packbits((twelve.ravel()[:, None] >> np.arange(11, -1, -1) & 1).astype(bool))
    assert open_photo(tiff(packed.tobytes(), 3, 12)).rgb[0, :, 0].tolist() == [0, 128, 255]
    deep = np.array([[0, 257 * 90, 65535]], np.uint16)
    for compression in ("tiff_lzw", "packbits"):
        photo = open_photo(encoded(deep, "TIFF", compression=compression))
        assert photo.rgb[0, :, 0].tolist() == [0, 90, 255]
    pages = io.BytesIO()
    with tifffile.TiffWriter(pages) as file:
        file.write(smooth()[::4, ::4], subfiletype=1, photometric="rgb")
        file.write(smooth(), photometric="rgb")
    assert np.array_equal(open_photo(pages.getvalue()).rgb, smooth())
    with pytest.raises(PhotoError, match="TIFF of a kind that cannot be read: save it with 8 or"):
        open_photo(tiff(bytes(9), 3, 14))
    for kind, message in ((np.int16, "a sign"), (np.uint32, "32 bits")):
        file = io.BytesIO()
        tifffile.imwrite(file, np.array([[0, 127]], kind), photometric="minisblack")
        with pytest.raises(PhotoError, match=message):
            open_photo(file.getvalue())


def tiff(pixels: bytes, width: int, bits: int) -> bytes:
    """A TIFF of one row of grey, by hand: Pillow and tifffile write few depths."""
    tags = {256: width, 257: 1, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: len(pixels)}
    data = struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels + struct.pack("<H", len(tags))
    return (
        data + b"".join(struct.pack("<HHII", tag, 4, 1, at) for tag, at in tags.items()) + bytes(4)
    )


def test_lab_tiffs_are_scikit_images():
    lab = np.rint(rgb2lab(smooth()) * (2.55, 1, 1)).astype(np.int16)
    file = io.BytesIO()
    Image.frombytes("LAB", (40, 24), lab.astype(np.uint8).tobytes()).save(file, "TIFF")
    # 8 bits of a and b, and a white that is D50's: a few levels.
    assert np.abs(open_photo(file.getvalue()).rgb.astype(int) - smooth()).mean() < 4


def png(
    values: np.ndarray, depth: int, gamma: float | None, orientation: int = 1, cicp: bytes = b""
) -> bytes:
    """A PNG by hand, as Pillow writes few kinds: values [H, W, C] of `depth` bits."""
    height, width, channels = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    samples = values.reshape(height, -1)
    if depth < 8:
        bits = (samples[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
        rows = np.packbits(bits.reshape(height, -1).astype(bool), axis=1)
    else:
        rows = samples.astype(f">u{depth // 8}").view(np.uint8)
    parts = {b"IHDR": struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)}
    if gamma:
        parts[b"gAMA"] = struct.pack(">I", round(1e5 / gamma))
    if cicp:
        parts[b"cICP"] = cicp
    exif = Image.Exif()
    exif[274] = orientation
    parts[b"eXIf"] = exif.tobytes().removeprefix(b"Exif\0\0")
    parts[b"IDAT"] = zlib.compress(np.insert(rows, 0, 0, axis=1).tobytes())
    file = b"\x89PNG\r\n\x1a\n"
    for name, data in (parts | {b"IEND": b""}).items():
        file += struct.pack(">I", len(data)) + name + data
        file += struct.pack(">I", zlib.crc32(name + data))
    return file


def test_a_grid_of_pngs():
    rng, orientations = np.random.default_rng(1), cycle(TURNS)
    for depth, channels, gamma in product((1, 2, 4, 8, 16), (1, 2, 3, 4), (None, 1.0, 1.8)):
        if depth < 8 and channels > 1:
            continue  # there are none
        values, orientation = rng.integers(0, 2**depth, (5, 7, channels)), next(orientations)
        photo = open_photo(png(values, depth, gamma, orientation))
        # Pillow cuts 16-bit colours to 8 bits, of which black's are far apart at gamma 1.
        coarse = 13.0 if depth == 16 and channels > 1 and gamma == 1 else 2.01
        expected = seen(values / (2**depth - 1), gamma, orientation)
        assert np.abs(photo.rgb - expected).max() <= coarse, (depth, channels, gamma, orientation)
        if depth == 16 and channels in (1, 3) and gamma is None:
            assert np.abs(photo.levels / 257 - expected).max() < 0.01


def test_pngs_that_say_by_numbers_what_a_profile_would():
    """cICP: Display P3 has sRGB's red at (234, 51, 35); HDR is refused, sRGB left as it is."""
    pixels = np.array([[[234, 51, 35], [90, 90, 90]]])
    for numbers, expected in ((b"\x0c\x0d", [255, 0, 0]), (b"\x01\x0d", [234, 51, 35])):
        photo = open_photo(png(pixels, 8, None, cicp=numbers + b"\0\1"))
        assert np.abs(photo.rgb[0].astype(int) - [expected, [90, 90, 90]]).max() <= 1
    for numbers in (b"\x09\x10", b"\x09\x12", b"\x0c\x10"):
        with pytest.raises(PhotoError, match="HDR"):
            open_photo(png(pixels, 8, None, cicp=numbers + b"\0\1"))


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame(file_format):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, (0, 0, 255))]
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    assert open_photo(data).rgb[4, 4].tolist() == list(RED)


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_a_colour_profile_is_converted_to_srgb(file_format):
    """A profile whose red is sRGB's blue, and the other way round."""
    swapped = SRGB.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    options = {"lossless": True} if file_format == "WEBP" else {}
    image = Image.new("RGB", (16, 16), (234, 51, 35))
    converted = open_photo(encoded(image, file_format, icc_profile=swapped, **options))
    assert np.abs(converted.rgb.astype(int) - (35, 51, 234)).max() <= 3
    # Without the profile the numbers stay as they are.
    plain = open_photo(encoded(image, file_format, **options)).rgb.astype(int)
    assert np.abs(plain - (234, 51, 35)).max() <= 3


@pytest.mark.parametrize("profile", [SRGB, b"no profile at all"])
def test_a_profile_that_changes_nothing_or_is_broken_is_left_out(profile):
    photo = open_photo(encoded(smooth(), "PNG", icc_profile=profile))
    assert np.array_equal(photo.rgb, smooth())


# ---- arrays


@settings(max_examples=30, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3]))))
def test_arrays_of_all_types_say_the_same(pixels):
    expected = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    kinds = [pixels, pixels.astype(np.uint16) * 257, (pixels.astype(np.uint16) * 257).astype(">u2")]
    kinds += [pixels.astype(kind) / kind(255) for kind in (np.float32, np.float64)]
    if pixels.shape[2] == 1:
        kinds += [kinds[1][:, :, 0], np.dstack((pixels, np.full_like(pixels, 255)))]
        assert np.array_equal(open_photo(Image.fromarray(kinds[1][:, :, 0])).rgb, expected)
    for array in kinds:
        before = array.copy()
        assert np.array_equal(open_photo(array).rgb, expected)
        assert np.array_equal(array, before)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 5, 3), np.uint8), r"\[0, 5, 3\]"),
        (np.full((4, 4, 3), np.nan), "from nan to nan"),
        (np.full((4, 4, 3), 200.0), "from 200 to 200"),
        (np.zeros((4, 4, 3), np.int64), "int64"),
        (np.zeros((3, 8, 9), np.uint8), r"\[3, 8, 9\].*channels come last"),
        (np.zeros((1, 3, 8, 9), np.uint8), "one photo at a time"),
    ],
)
def test_arrays_that_are_no_photo(array, message):
    with pytest.raises(PhotoError, match=message) as caught:
        open_photo(array, name="mine")
    assert "'mine'" in str(caught.value)


# ---- what is no photo


def test_files_that_are_no_photo(tmp_path):
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    for name, content, message in (
        ("notes.jpg", b"This is text, whatever its suffix says.", "no photo in a known.*JPEG"),
        ("program.jpg", program, "known format"),  # for which Pillow would start Ghostscript
        ("empty.png", b"", "empty"),
        ("nowhere.jpg", None, "No such file"),
        ("", None, "directory"),
    ):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(PhotoError, match=message) as caught:
            open_photo(path)
        assert str(path) in str(caught.value)
    with (tmp_path / "notes.jpg").open() as stream, pytest.raises(PhotoError, match="binary mode"):
        open_photo(stream)
    with pytest.raises(PhotoError, match=r"'mine'.*empty"):
        open_photo(b"", name="mine")
    for other in (None, ["chelsea.jpg"]):
        with pytest.raises(PhotoError, match=type(other).__name__):
            open_photo(other)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_truncated_files(file_format, tmp_path):
    data = encoded(photos.gallery("chelsea").resized(96).rgb, file_format)
    path = tmp_path / "cut.photo"
    for tenths in range(1, 10):
        path.write_bytes(data[: len(data) * tenths // 10])
        with pytest.raises(PhotoError, match=r"cut\.photo"):
            open_photo(path)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "GIF"]), st.data())
def test_damage_gives_a_photo_or_a_photo_error(file_format, data):
    damaged = bytearray(encoded(smooth(), file_format))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata; that is no failure
        with contextlib.suppress(PhotoError):
            assert min(open_photo(bytes(damaged)).shape) >= 1


def test_decompression_bomb(monkeypatch):
    # Pillow warns above its limit and refuses above twice that: here at 500 and 1,000 pixels.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_photo(encoded(smooth(24, 40), "PNG")).shape == (24, 40)  # 960 pixels
    with pytest.raises(PhotoError, match=r"'huge'.*exceeds limit.*COLORLIB_MEGAPIXELS"):
        open_photo(encoded(smooth(26, 40), "PNG"), name="huge")  # 1,040 pixels
    monkeypatch.setenv("COLORLIB_MEGAPIXELS", "1")
    assert open_photo(encoded(smooth(26, 40), "PNG")).shape == (26, 40)
    with pytest.raises(PhotoError, match="COLORLIB_MEGAPIXELS"):
        open_photo(encoded(smooth(1001, 1000), "PNG"))


def test_a_png_with_much_text():
    """Photoshop's history is longer than Pillow allows."""
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "history " * 200_000, zip=True)
    assert np.array_equal(open_photo(encoded(smooth(), "PNG", pnginfo=text)).rgb, smooth())


def test_heic_needs_a_package_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PhotoError, match="pip install pillow-heif"):
        open_photo(b"\0\0\0\x18ftypheic" + bytes(40))


# ---- saving


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF", ".jpg", ".JPEG", ".webp"])
def test_save_and_open(suffix, tmp_path):
    path = save_photo(Photo(smooth()), tmp_path / f"out{suffix}")
    difference = np.abs(open_photo(path).rgb.astype(int) - smooth())
    assert difference.max() <= (0 if suffix in (".png", ".tif", ".TIFF") else 12)
    assert [item.name for item in tmp_path.iterdir()] == [f"out{suffix}"]


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(
    ("form", "suffix"),
    [("JPEG", ".png"), ("JPEG", ".webp"), ("PNG", ".tif"), ("TIFF", ".jpg"), ("WEBP", ".tif")],
)
def test_words_dates_and_resolution_go_along(form, suffix, deep):
    tag, exif = ExifTags.Base, Image.Exif()
    words = {tag.Artist: "Jürgen", tag.Copyright: "the heirs", tag.ImageDescription: "Gran"}
    exif.update({key: word.encode() for key, word in words.items()})
    exif[tag.Orientation] = 1
    day = {tag.DateTimeOriginal: "1948:05:06 07:08:09"} if form != "TIFF" else {}
    if day:
        exif[ExifTags.IFD.Exif] = day
    photo = open_photo(encoded(smooth(), form, exif=exif, dpi=(600, 600)))
    assert Photo(photo.rgb, photo.name) == photo
    if deep:
        photo = replace(photo, rgb=photo.rgb * np.uint16(257))
    made = photo_file(photo, f"a{suffix}", "a-network")
    assert made == photo_file(photo, f"a{suffix}", "a-network")
    with Image.open(io.BytesIO(made)) as image:
        found = image.getexif()
        words[tag.ImageDescription] = "Gran; coloured by a-network, a network"
        for key, word in words.items():
            assert found[key].encode("latin-1").decode() == word
        assert found.get_ifd(ExifTags.IFD.Exif) == day
        assert np.abs(np.asarray(image).astype(int) - photo.rgb).max() < 12
        if form != "WEBP":  # Pillow leaves a resolution out of them
            assert found[tag.XResolution] == pytest.approx(600, abs=0.1)
            assert suffix == ".webp" or image.info["dpi"] == pytest.approx((600, 600), abs=0.1)
        assert found.get(tag.Orientation, 1) == 1
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        source = "digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
        assert source in str(image.getxmp())


def test_a_photo_that_was_not_coloured_does_not_say_so():
    with Image.open(io.BytesIO(photo_file(Photo(smooth()), "a.png"))) as image:
        assert dict(image.getexif()) == image.getxmp() == {}


def test_a_saved_file_may_be_read_by_whom_the_system_says(tmp_path, monkeypatch):
    """Without touching the umask, which is that of all threads."""
    monkeypatch.delattr(os, "umask")
    (tmp_path / "plain").touch()
    path = save_photo(smooth(), tmp_path / "out.png")
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes, links and pipes")
def test_what_is_there_stays_a_link_private_or_a_pipe(tmp_path):
    private, link, pipe = (tmp_path / name for name in ("p.png", "latest.webp", "pipe.png"))
    save_photo(smooth(), private)
    private.chmod(0o600)
    link.symlink_to("p.png")
    save_photo(np.zeros((2, 3, 3), np.uint8), link)
    assert link.is_symlink()
    assert private.stat().st_mode & 0o777 == 0o600
    assert (private.read_bytes()[8:12], open_photo(private).shape) == (b"WEBP", (2, 3))
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        opened = pool.submit(open_photo, pipe)  # which cannot seek
        save_photo(smooth(), pipe)
        assert np.array_equal(opened.result(10).rgb, smooth())
    assert pipe.is_fifo()
    with pytest.raises(ColorlibError, match="it is a folder"), atomic_write(tmp_path):
        pass
    assert len(list(tmp_path.iterdir())) == 3


def test_save_errors_leave_nothing(tmp_path):
    wide = np.zeros((1, 70_000, 3), np.uint8)
    for rgb, name, message in (
        (smooth(), "out.doc", r"\.png"),
        (np.full((2, 2, 3), np.nan), "out.png", "from nan"),
        (smooth(), "nowhere/out.png", "nowhere"),
        (wide, "out.webp", "at most 16,383 pixels a side, and this photo 70,000"),
        (wide, "out.jpg", "at most 65,500 pixels"),
    ):
        with pytest.raises(ColorlibError, match=message):
            save_photo(rgb, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_unit_without_its_resolution_is_nothing_to_keep():
    exif = Image.Exif()
    exif[ExifTags.Base.ResolutionUnit] = 2
    made = photo_file(open_photo(encoded(smooth(), "PNG", exif=exif)), "a.png")
    assert np.array_equal(open_photo(made).rgb, smooth())


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_alpha_is_kept(suffix, tmp_path):
    """Straight, so that on white it looks as the photo did."""
    alpha = np.arange(24 * 40).reshape(24, 40) % 256
    photo = open_photo(np.dstack((smooth(), alpha.astype(np.uint8))))
    again = open_photo(save_photo(photo, tmp_path / f"out{suffix}"))
    assert again.alpha is not None
    assert np.array_equal(again.alpha, alpha)
    assert np.abs(again.rgb.astype(int) - photo.rgb).max() <= (12 if suffix == ".webp" else 1)
    flat = open_photo(save_photo(photo, tmp_path / "out.jpg"))
    assert flat.alpha is None


def test_sixteen_bits_stay_sixteen_bits(tmp_path):
    """Also in colour: L is then the photo's to a hundredth, of 8 bits only to a fifth."""
    grey = np.linspace(9000, 60000, 60 * 50).reshape(60, 50).astype(np.uint16)
    paths = [tmp_path / "out.png", tmp_path / "out.tif"]
    for source in (encoded(grey, "PNG"), encoded(grey, "TIFF"), grey):
        photo = open_photo(source)
        assert np.array_equal(photo.levels[:, :, 1], grey)
        assert np.array_equal(open_photo(photo, "other").levels, photo.levels)
        for path in paths:
            assert np.array_equal(open_photo(save_photo(photo, path)).levels, photo.levels)
    assert photo.resized(30).levels.dtype == np.uint8
    colorizer = Colorizer("acolvit-t-0.5", engine="eager")
    result = colorizer(photo, Hints.empty(photo.shape).add(30, 20, (12, 9)))
    expected = rgb2lab(photo.levels / 65535)[..., 0]
    for path in paths:
        result.save(path)
        levels = open_photo(path).levels
        with Image.open(path) as image:  # of which Pillow has the upper bytes
            assert np.array_equal(np.asarray(image), levels >> 8)
        lab = rgb2lab(levels / 65535)
        assert np.abs(lab[..., 0] - expected).max() < 0.01
        assert np.ptp(lab[..., 1:]) > 3
        assert np.abs(open_photo(path).rgb.astype(int) - result.rgb).max() <= 1
    assert np.array_equal(tifffile.imread(path), levels)


# ---- the gallery and the mini-set


def attribution(collection: str) -> list[dict[str, str]]:
    """Who made the photos of a collection: file or key, author, title, source, licence."""
    path = data_dir() / collection / "ATTRIBUTION.csv"
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_the_gallery():
    names = photos.gallery_names()
    assert {"astronaut", "chelsea", "coffee", "rocket", "china", "flower"} <= set(names)
    for name in names:
        photo = photos.gallery(name)
        assert photo.name == name
        assert 256 <= min(photo.shape) <= max(photo.shape) <= 1024
        assert photo.is_grey == (name == "camera")


def test_the_shipped_test_set_is_whole_and_small():
    found = photos.shipped_test_set()
    assert len(found) == 200
    assert sum(path.stat().st_size for path in found.paths) <= 6e6
    assert [one.name for one in found if one.shape != (256, 256) or one.is_grey] == []


def test_every_old_photograph_is_grey():
    assert all(open_photo(path).is_grey for path in (data_dir() / "historic").glob("*.jpg"))


@pytest.mark.parametrize("collection", ["photos", "mini", "test", "historic"])
def test_every_photo_has_author_source_and_open_licence(collection):
    rows = attribution(collection)
    if collection != "mini":
        there = sorted((data_dir() / collection).glob("*.jpg"))
        assert [row["file"] for row in rows] == [path.name for path in there]
    for row in rows:
        assert all(row.values()), row
        assert row["licence"].startswith(("public domain", "CC0-", "CC-BY-", "BSD-"))
        assert not {"NC", "ND"} & set(row["licence"].split("-"))


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(PhotoError, match="did you mean 'chelsea'"):
        photos.gallery("chelsae")
    with pytest.raises(PhotoError, match="astronaut"):
        photos.gallery("../mini/x")


def test_the_mini_set():
    assert photos.mini_shard().stat().st_size <= 8e6
    with tarfile.open(photos.mini_shard()) as shard:
        names = [f"{row['key']}.webp" for row in attribution("mini")]
        assert sorted(shard.getnames()) == names
        assert all(min(open_photo(shard.extractfile(name)).shape) == 160 for name in names)
