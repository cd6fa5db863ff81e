"""The photos of a table: the paper's test sets as they lie below a folder, or the gallery."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from accelerate import PartialState
from accelerate.utils import gather_object

from colorlib.files import ColorlibError, DataError, PhotoError, data_dir
from colorlib.photos import PhotoSet, cub200, imagenet, open_photo, oxford102

Item = TypeVar("Item")
Result = TypeVar("Result")

GALLERY = "gallery"
# Where below the root a set may lie. Oxford 17 has the layout of Oxford 102.
FOLDERS = {
    "imagenet": ("imagenet", "ILSVRC"),
    "oxford102": ("oxford102",),
    "oxford17": ("oxford17",),
    "cub200": ("cub200", "CUB_200_2011"),
}


@dataclass(frozen=True)
class TestSet:
    """Photos to measure on.

    `paths` are all the `found` usable ones, or a part of them; `official` is how many the
    official set has; `left_out` has a line for each listed photo that cannot be used, NAME: why.
    """

    name: str
    paths: tuple[Path, ...]
    found: int
    official: int | None
    left_out: tuple[str, ...]

    __test__ = False  # pytest takes classes of this name for tests

    def spread(self, count: int | None) -> "TestSet":
        """`count` of the photos, evenly spread over the set; all of them for None."""
        if count is None or count >= len(self.paths):
            return self
        chosen = [self.paths[k * len(self.paths) // count] for k in range(count)]
        return replace(self, paths=tuple(chosen))


def find_sets(
    root: Path | None, names: Sequence[str] | None = None, imagenet_list: Path | None = None
) -> tuple[list[TestSet], dict[str, str]]:
    """The test sets that lie below `root`, or the gallery for None; and why others do not.

    `names` chooses among them; what is named must be there. `imagenet_list` is the official
    list of ctest10k. Every photo is opened once (each process its share): those that cannot be
    are left out, and listed in the set. Raises DataError when no set is found.
    """
    if root is None:
        return [_readable(_gallery())], {}
    found, absent = [], {}
    for name in names or FOLDERS:
        try:
            found.append(_open(name, root, imagenet_list))
        except ColorlibError as error:
            if names:
                raise
            absent[name] = str(error)
    if not found:
        raise DataError(
            f"no test set below {root}: there must be one of the folders {', '.join(FOLDERS)}, "
            f"each in its official layout. {' '.join(absent.values())}"
        )
    return [_readable(one) for one in found], absent


def not_measured(sets: Sequence[TestSet], absent: Mapping[str, str]) -> list[str]:
    """A line for each set that `find_sets` did not find, and for each photo that it left out."""
    return [
        *(f"{name}: not measured: {why}" for name, why in absent.items()),
        *(f"{one.name}: left out: {photo}" for one in sets for photo in one.left_out),
    ]


def shared(items: Sequence[Item], work: Callable[[Sequence[Item]], list[Result]]) -> list[Result]:
    """`work(items)`, a result an item: each process works on its share, all have the whole."""
    processes = PartialState()
    rank, count = processes.process_index, processes.num_processes
    own = items[rank * len(items) // count : (rank + 1) * len(items) // count]
    shares: list[list[Result]] = gather_object([work(own)])
    return [result for share in shares for result in share]


def _open(name: str, root: Path, imagenet_list: Path | None) -> tuple[str, PhotoSet]:
    if name not in FOLDERS:
        raise DataError(f"no test set {name!r}: there are {', '.join(FOLDERS)}")
    folder = next((root / part for part in FOLDERS[name] if (root / part).is_dir()), None)
    if folder is None:
        raise DataError(f"there is no folder {root / FOLDERS[name][0]}")
    if name == "imagenet":
        return name, imagenet(folder, imagenet_list)
    return name, cub200(folder) if name == "cub200" else oxford102(folder)


def _gallery() -> tuple[str, PhotoSet]:
    paths = tuple(sorted((data_dir() / "photos").glob("*.jpg")))
    if not paths:
        raise DataError(f"no gallery in {data_dir()}: give the folder of the test sets")
    return GALLERY, PhotoSet(GALLERY, paths, official=len(paths))


def _readable(named: tuple[str, PhotoSet]) -> TestSet:
    """The set without the photos that cannot be opened, or of the gallery were never coloured."""
    name, photos = named

    def why_not(path: Path) -> str | None:
        try:
            photo = open_photo(path)
        except PhotoError as error:
            return f"{path.name}: {str(error).replace(str(path), path.name)}"
        if name == GALLERY and photo.is_grey:
            return f"{path.name}: grey, without colours to compare with"
        return None

    reasons = shared(photos.paths, lambda paths: [why_not(path) for path in paths])
    whole = [path for path, why in zip(photos.paths, reasons, strict=True) if why is None]
    if not whole:
        raise DataError(f"{name}: none of its {len(photos)} photos can be opened: {reasons[0]}")
    missing = [f"{one}: missing" for one in photos.missing]
    left_out = (*missing, *(why for why in reasons if why is not None))
    return TestSet(name, tuple(whole), len(whole), photos.official, left_out)
