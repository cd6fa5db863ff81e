"""Where the project's data lies, writing a file whole or not at all, and a file's hash."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colorlib.errors import DataError


def data_dir() -> Path:
    """The folder with photos, checkpoints, configs and runs.

    It is the folder named by the environment variable `COLORLIB_DATA`, or else `data`
    beside the package, as in a clone installed with `pip install -e .`.
    Raises DataError when neither is there.
    """
    named = os.environ.get("COLORLIB_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parent.parent / "data"
    if not folder.is_dir():
        raise DataError(
            f"no data folder at {folder}: install from a clone with 'pip install -e .', "
            "or set COLORLIB_DATA to the clone's data folder"
        )
    return folder


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on error it goes.

    A reader sees the old file or the new one, never half of one. Raises DataError when the
    folder does not exist or may not be written.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise DataError(f"cannot write {target}: there is no folder {target.parent}")
    try:
        # The suffix stays last, as image libraries choose their format by it.
        handle, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.stem}-", suffix=target.suffix
        )
    except OSError as error:
        raise DataError(f"cannot write in {target.parent}: {error.strerror}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files only their owner can read; a new file should be as usual.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
