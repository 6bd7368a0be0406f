"""Files on this machine: written whole, flushed, walked; and what it refuses."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from ben_assets.bigearthnet.errors import InvalidInput, LocalResourceError
from ben_assets.bigearthnet.plain_files import REGULAR, kind_of, open_plain
from ben_assets.safe.file_digests import CHUNK

_FEW: Final = 16
"""Names in one folder that are looked up one by one."""
_LOCAL_ERRORS: Final = {
    errno.ENOSPC: "the disk is full; free space and run again",
    errno.EDQUOT: "the quota is used up; free space and run again",
    errno.EROFS: "the file system is read-only; choose another BEN_DATA_DIR",
    errno.EACCES: "permission denied; make the folder writable for this user",
    errno.EPERM: "not permitted; make the folder writable for this user",
    errno.EMFILE: "too many open files; raise the limit (ulimit -n)",
    errno.EFBIG: "the file is larger than allowed; raise the limit (ulimit -f)",
    errno.ENOTDIR: "a file is in the place of a folder; choose another BEN_DATA_DIR",
    errno.EIO: "the disk reports an I/O error; check the disk",
}

_SPARE_BYTES: Final = 64 << 20


def write_atomically(path: Path, content: bytes) -> None:
    """Write a small file so that it is there in full or not at all."""
    partial = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.part")
    try:
        with partial.open("wb") as file:
            file.write(content)
        put_in_place(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def put_in_place(partial: Path, path: Path) -> None:
    """Give a whole file its name, also for after a power cut: bytes first, then it."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    flush_folder(path.parent)


def link_on_the_way(folder: Path, name: str) -> Path | None:
    """The first symbolic link among the directories between ``folder`` and ``name``.

    What is moved or deleted through such a link lies elsewhere.
    """
    path = folder
    for part in name.split("/")[:-1]:
        path = path / part
        if path.is_symlink():
            return path
    return None


_CLONE: Final = 0x40049409
"""``FICLONE`` of linux/fs.h: let a file share the blocks of another until a write."""


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's bytes; where the file system can, without using space for them.

    What happens to one of the two later does not happen to the other.
    """
    with open_plain(source) as read, target.open("xb") as written:
        if not clone(read, written):
            shutil.copyfileobj(read, written, CHUNK)


def copied_chunks(source: Path, target: Path) -> Iterator[bytes]:
    """The content of a file in pieces; ``copy_file`` with one reading for both."""
    with open_plain(source) as read, target.open("xb") as written:
        is_cloned = clone(read, written)
        while chunk := read.read(CHUNK):
            if not is_cloned:
                written.write(chunk)
            yield chunk


def clone(read: BinaryIO, written: BinaryIO) -> bool:
    """Share the blocks of one file with the other, where the file system can."""
    try:
        fcntl.ioctl(written, _CLONE, read.fileno())
    except OSError:
        return False
    return True


def link_or_copy(source: str | Path, target: str | Path) -> os.stat_result:
    """Hard link a file of ours, or copy it where the file system cannot link.

    Returns:
        Status of the target.

    Raises:
        InvalidInput: it is missing, or something else than a file.
    """
    try:
        status = os.lstat(source)
        kind = kind_of(status.st_mode)
    except (FileNotFoundError, NotADirectoryError):
        kind = "nothing"
    if kind != REGULAR:
        raise InvalidInput(
            f"{source}: expected a file, found {kind}; ben verify names what to make "
            "again"
        )
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        copy_file(Path(source), Path(target))
        return os.lstat(target)
    return status


def flush_folder(path: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_file_system(path: Path) -> None:
    """Bring all written data of the file system that holds ``path`` to the disk.

    One call for a tile: an fsync for each of its 20,000 files takes minutes.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(handle) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(path))
    finally:
        os.close(handle)


@contextlib.contextmanager
def local_errors(path: Path) -> Iterator[None]:
    """Turn what this machine refuses into an error that says what to do.

    Raises:
        LocalResourceError: in place of an OSError such as "no space left".
    """
    try:
        yield
    except LocalResourceError:
        raise
    except OSError as error:
        advice = _LOCAL_ERRORS.get(error.errno or 0)
        if advice is None:
            raise
        at = error.filename or path
        raise LocalResourceError(
            f"cannot use {at}: {error.strerror}; {advice}"
        ) from error


def require_space(folder: Path, size: int) -> None:
    """See that a file of ``size`` bytes fits.

    Raises:
        LocalResourceError: too little free space.
    """
    free = shutil.disk_usage(folder).free
    if free < size + _SPARE_BYTES:
        raise LocalResourceError(
            f"{folder} has {free >> 20} MiB free, expected at least "
            f"{(size + _SPARE_BYTES) >> 20} MiB; free space and run again"
        )


def files_below(folder: Path, outputs: Iterable[str]) -> Iterator[str]:
    """All files of ``outputs``, as paths below ``folder``; links are not followed."""
    names_in: dict[str, set[str]] = {}
    for output in outputs:  # 100,000 of them: pathlib would take its time
        parent, _, name = output.rpartition("/")
        names_in.setdefault(parent, set()).add(name)
    for parent, names in names_in.items():
        above = f"{folder}/{parent}"
        present = _listed(above, names) if len(names) > _FEW else _seen(above, names)
        for name, is_folder in present:
            output = f"{parent}/{name}" if parent else name
            if is_folder:
                yield from _walk(f"{folder}/{output}", output)
            else:
                yield output


def _seen(folder: str, names: set[str]) -> Iterator[tuple[str, bool]]:
    """Those of the names that are in a folder, and whether each is a folder."""
    for name in names:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            yield name, stat.S_ISDIR(os.lstat(f"{folder}/{name}").st_mode)


def _listed(folder: str, names: set[str]) -> Iterator[tuple[str, bool]]:
    """The same for many names: the folder is listed once."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in list(os.scandir(folder)):
            if entry.name in names:
                yield entry.name, entry.is_dir(follow_symlinks=False)


def _walk(folder: str, name: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = f"{name}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, path)
            else:
                yield path
