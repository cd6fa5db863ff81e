"""The errors colorlib raises, where its data lies, reading and writing files, the commit."""

import functools
import hashlib
import io
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class ColorlibError(ValueError):
    """Anything colorlib refuses; names the thing, the value and what would be right."""


class PhotoError(ColorlibError):
    """A photo that cannot be opened, to be passed over where there are many."""


def one_line_errors(main: Callable[..., int]) -> Callable[..., int]:
    """Make a command's `main` print what colorlib refuses as one line, and then return 2."""

    @functools.wraps(main)
    def run(*args: Any, **kwargs: Any) -> int:
        # What the output's encoding lacks, such as 祖母 on a Western Windows, is escaped.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            return main(*args, **kwargs)
        except ColorlibError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2

    return run


def data_dir() -> Path:
    """Return the folder with photos, checkpoints, configs and runs.

    It is the folder named by the environment variable `COLORLIB_DATA`, or else `data`
    beside the package, as in a clone installed with `pip install -e .`.
    """
    named = os.environ.get("COLORLIB_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parent.parent / "data"
    if not folder.is_dir():
        raise ColorlibError(
            f"no data folder at {folder}: install from a clone with 'pip install -e .', "
            "or set COLORLIB_DATA to the clone's data folder"
        )
    return folder


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path; on success its file takes the place of `path`, on error it goes.

    A reader sees the old file or the new one, never half of one. Links are followed, and a file
    that is there keeps its mode. A pipe or a device is sent the whole. Raises ColorlibError when
    the folder does not exist, or folder or file may not be written.
    """
    place, target = Path(path), Path(path).resolve()
    # Not asked of `target`: what /dev/stdout leads to may have no name.
    if sends := place.exists() and not place.is_file() and not place.is_dir():
        target = Path(tempfile.gettempdir()) / "sent"
    if not target.parent.is_dir():
        raise ColorlibError(f"cannot write {path}: there is no folder {target.parent}")
    if target.is_dir() or (target.is_file() and not os.access(target, os.W_OK)):
        raise ColorlibError(f"cannot write {path}: it is a folder, or may only be read")
    # The suffix stays last, as image libraries choose their format by it.
    temporary = target.with_name(f".{target.stem}-{secrets.token_hex(8)}{place.suffix}")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise ColorlibError(f"cannot write in {target.parent}: {error.strerror}") from error
    try:
        if target.is_file():
            shutil.copymode(target, temporary)
        yield temporary
        if sends:
            place.write_bytes(temporary.read_bytes())
        else:
            os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a UTF-8 file. Raises ColorlibError, which names it, if it has none."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")  # Windows' Notepad puts a mark first
    except OSError as error:
        raise ColorlibError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ColorlibError(f"cannot read {path}: it is not a text file") from error


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` whole or not at all, with the same line ends on every system.

    What no UTF-8 can hold, from the name of a file, becomes a question mark.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace", newline="\n")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def commit() -> str:
    """Return the repository's commit, 12 digits, or "unknown" without a repository or git."""
    command, folder = ["git", "rev-parse", "--short=12", "HEAD"], Path(__file__).parent
    try:
        found = subprocess.check_output(command, cwd=folder, text=True, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.strip()
