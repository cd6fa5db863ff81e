"""The paper's three test sets in their official layouts, and fetching those that may be fetched.

Public as `colorlib.photos.oxford102` and so on. Nothing here reaches for the network but
`fetch`, and that only when called.
"""

import hashlib
import os
import tarfile
import tempfile
import urllib.request
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import overload
from urllib.error import URLError

import scipy.io
from tqdm.auto import tqdm

from colorlib.errors import DataError
from colorlib.opening import Photo, open_photo


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
