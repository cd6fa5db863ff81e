"""Where a panel's photos come from: code, the gallery, files that a page sends."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from colorlib.files import PhotoError
from colorlib.panel import painting
from colorlib.panel.points import Subject
from colorlib.photos import Photo, gallery, gallery_names, open_photo

LARGEST_UPLOAD = 256 << 20


def subject_of(photo: Any) -> Subject:
    """A Subject of a gallery's name or of anything that `open_photo` takes."""
    if isinstance(photo, Subject):
        return photo
    if isinstance(photo, str) and photo in gallery_names():
        return gallery_subject(photo)
    opened = open_photo(photo)
    if isinstance(photo, str | os.PathLike):
        return Subject(opened, f"colorlib.open_photo({os.fspath(photo)!r})")
    if isinstance(photo, Photo) and photo.name in gallery_names():
        same = gallery_subject(photo.name)
        if np.array_equal(same.photo.rgb, photo.rgb):
            return same
    return Subject(opened, "colorlib.open_photo(photo)  # the photo that the panel was given")


def gallery_subject(name: str) -> Subject:
    """A photo of the gallery as a Subject."""
    return Subject(gallery(name), f'colorlib.photos.gallery("{name}")')


@cache
def contact_sheet() -> bytes:
    """JPEG of the gallery's photos side by side."""
    return painting.contact_sheet(gallery(name) for name in gallery_names())


class Uploads:
    """Files that come in parts: a server refuses messages of more than some megabytes."""

    def __init__(self) -> None:
        self._parts: dict[str, list[bytes]] = {}

    def take(
        self, message: Mapping[str, Any], buffers: Sequence[Any]
    ) -> Callable[[], Subject] | None:
        """One part of a file; after the last one, what opens it.

        That raises PhotoError when it is no photo, and so does a file that is too large.
        """
        key, name = f"{message['view']} {message['upload']}", message["name"]
        parts = self._parts.setdefault(key, [])
        parts.append(bytes(buffers[0]))
        if sum(map(len, parts)) > LARGEST_UPLOAD:
            del self._parts[key]
            raise PhotoError(f"{name} has more than {LARGEST_UPLOAD >> 20} MB")
        if len(parts) < message["parts"]:
            return None
        content = b"".join(self._parts.pop(key))
        return lambda: _uploaded(content, name)


def _uploaded(content: bytes, name: str) -> Subject:
    try:
        photo = open_photo(content, name.rpartition(".")[0] or name)
    except PhotoError as error:
        raise PhotoError(f"{name}: {error}") from error
    return Subject(photo, f"colorlib.open_photo({name!r})")
