"""Files that others put there: read whole, but never waited for and never without end.

Belongs here: what kind of thing lies at a path. Not here: what a file contains.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import BenError, FailureClass, InvalidInput
from ben_assets.bigearthnet.outside_text import escaped

REGULAR: Final = "a regular file"
_KINDS: Final = {
    stat.S_IFREG: REGULAR,
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_READ_BYTES: Final = 1 << 16


class NotAFile(BenError, OSError):
    """Something else than a regular file lies at a path."""

    failure_class = FailureClass.BAD_INPUT
    kind = ""
    """What lies there, in words."""

    @classmethod
    def of(cls, path: str | Path, kind: str) -> NotAFile:
        """``kind``: what lies there, in words."""
        error = cls(errno.EINVAL, f"expected a file, found {kind}", str(path))
        error.kind = kind
        return error

    def __str__(self) -> str:
        """Path, what lies there and what to do."""
        return escaped(f"{self.filename}: {self.strerror}; put a file in its place")


def kind_of(mode: int) -> str:
    """What a file's mode says it is, in words."""
    return _KINDS.get(stat.S_IFMT(mode), "something unknown")


def size_problem(path: Path, expected: int) -> str:
    """How a file differs by kind and size from what it must be; empty if it does not.

    Args:
        path: the file, which is not opened.
        expected: its bytes.
    """
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return f"expected {expected} bytes, found no file"
    kind = kind_of(status.st_mode)
    if kind != REGULAR:
        return f"expected a file, found {kind}"
    if status.st_size != expected:
        return f"expected {expected} bytes, found {status.st_size}"
    return ""


def require_plain(path: str | Path) -> None:
    """Refuse what a library would wait for, read without end, or cannot name.

    What is missing is left to whoever opens it, and so is a directory, for there are
    formats of one.

    Raises:
        NotAFile: a FIFO, a socket or a device, also behind a link.
        InvalidInput: the name is not UTF-8, which GDAL and Arrow expect.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{path}: expected a name in UTF-8; rename it") from error
    try:
        kind = kind_of(Path(path).stat().st_mode)
    except OSError:
        return
    if kind not in (REGULAR, _KINDS[stat.S_IFDIR]):
        raise NotAFile.of(path, kind)


def open_plain(path: str | Path) -> io.BufferedReader:
    """A regular file, open to be read; never waits, as opening a FIFO would.

    Raises:
        NotAFile: says what it is.
        OSError: missing or unreadable.
    """
    return os.fdopen(_opened(path), "rb")


def _opened(path: str | Path) -> int:
    """The descriptor of a regular file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    except OSError as error:
        if error.errno == errno.ENXIO:  # nothing is at the other end of a socket
            raise NotAFile.of(path, "a socket or device") from error
        raise
    try:
        kind = kind_of(os.fstat(handle).st_mode)
        if kind != REGULAR:
            raise NotAFile.of(path, kind)
    except BaseException:
        os.close(handle)
        raise
    return handle


def read_plain(path: str | Path, most_bytes: int | None = None) -> bytes:
    """The bytes of a regular file; never waits, as opening a FIFO would.

    Args:
        path: the file.
        most_bytes: the largest size that it may have, if there is one.

    Raises:
        NotAFile: says what it is.
        OSError: missing, unreadable or too large.
    """
    handle = _opened(path)
    try:
        found = os.fstat(handle).st_size
        if most_bytes is not None and found > most_bytes:
            too_large = f"expected at most {most_bytes} bytes, found {found}"
            raise OSError(errno.EFBIG, too_large, str(path))
        size = max(found, _READ_BYTES)
        return b"".join(iter(lambda: os.read(handle, size), b""))
    finally:
        os.close(handle)


def expanded(text: str, what: str) -> Path:
    """A path with its ``~`` replaced by the home directory.

    Args:
        text: as a person wrote it.
        what: names the setting or key that it is from.

    Raises:
        InvalidInput: there is no such user, or it is no path.
    """
    try:
        path = Path(text).expanduser()
        path.as_posix().encode()  # GDAL reads no other names
        os.lstat(path)  # can it be a path at all?
    except FileNotFoundError:
        return path
    except RuntimeError as error:
        raise InvalidInput(f"{what} is {text!r}: no such user; write it out") from error
    except ValueError as error:
        raise InvalidInput(f"{what} is {text!r}: {error}") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InvalidInput(f"{what} is too long: {text[:60]!r}...") from error
    return path
