"""Photos: opening and saving any, the gallery, the mini-set and the three test sets.

`open_photo` and `Photo` live in `colorlib.opening`, the test sets in `colorlib.datasets`; this
is the one place to use them from.
"""

import csv
from difflib import get_close_matches
from pathlib import Path

from colorlib.datasets import PhotoSet, cub200, fetch, imagenet, oxford102
from colorlib.errors import DataError, PhotoError
from colorlib.files import data_dir
from colorlib.opening import Photo, open_photo, save_photo

__all__ = [
    "Photo",
    "PhotoSet",
    "attribution",
    "cub200",
    "fetch",
    "gallery",
    "gallery_names",
    "imagenet",
    "mini_shard",
    "open_photo",
    "oxford102",
    "save_photo",
]


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
