"""Inputs as a directory that can be handed on: copied, listed with digests, verified.

Belongs here: the directory and its list. Not here: which inputs a tile needs. The list
``SHA256SUMS`` is that of ``sha256sum -c``, so that a machine without this project can
check the directory too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.bigearthnet.errors import (
    ChecksumMismatch,
    CorruptProduct,
    InvalidInput,
    LocalResourceError,
    MissingInput,
)
from ben_assets.bigearthnet.plain_files import open_plain, read_plain
from ben_assets.bigearthnet.relative_names import stays_inside
from ben_assets.safe.manifest import prove_product
from resources.data_root.files import (
    clone,
    local_errors,
    put_in_place,
    require_space,
    write_atomically,
)

LIST: Final = "SHA256SUMS"
L1C: Final = "l1c"
"""Directory of the products, for ``BEN_L1C_DIR``."""
REFERENCE: Final = "reference"
"""Directory of the pinned inputs, for ``BEN_REFERENCE_DIR``."""


class How(StrEnum):
    """How a file gets into the directory."""

    COPY = "copy"
    """A reflink where the file system has them, else a copy."""
    HARDLINK = "hardlink"
    """The same file under a second name: a change of one changes both."""


@dataclass(frozen=True)
class InputFile:
    """One file to export."""

    name: str
    """Path in the directory, with ``/``."""
    source: Path
    """Where it is now."""
    sha256: str
    """What it must be."""


def export_inputs(
    files: Iterable[InputFile],
    folder: Path,
    log: Callable[[str], None],
    how: How = How.COPY,
) -> dict[str, str]:
    """Bring files into a directory and list them; what is there and right stays.

    Args:
        files: what to bring.
        folder: the directory; files of earlier exports stay in its list.
        log: takes a line for each file.
        how: by copy or by hard link.

    Returns:
        Path in the directory to SHA-256, of all that is listed now.

    Raises:
        ChecksumMismatch: a source is not what its record says; it is not exported.
        LocalResourceError: no space, or hard links are not possible.
    """
    with local_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _remove_parts(folder)
    listed = _read_list(folder) if (folder / LIST).exists() else {}
    for file in files:
        target = folder / file.name
        with local_errors(target):
            is_there = target.is_file() and file_digest(target) == file.sha256
            if not is_there:
                _bring(file, target, how)
            log(f"{file.name}: {'is there' if is_there else how}")
            listed[file.name] = file.sha256
            write_atomically(folder / LIST, _format_list(listed).encode())
    return listed


def verify_export(folder: Path, log: Callable[[str], None]) -> list[str]:
    """What is wrong with an exported directory; needs nothing but the directory.

    Every listed file is read and, of products, every checksum of their manifests.

    Raises:
        MissingInput: there is no list.
        InvalidInput: the list is none, or names a path outside.
    """
    listed = _read_list(folder)
    problems = []
    for name, sha256 in sorted(listed.items()):
        problem = _problem_of(folder / name, sha256)
        log(f"{name}: {problem or 'ok'}")
        problems += [f"{name}: {problem}"] if problem else []
    unlisted = sorted(set(_files(folder)) - listed.keys() - {LIST})
    return problems + [f"{name}: not in {LIST}" for name in unlisted]


def _remove_parts(folder: Path) -> None:
    """Take away what an export that was killed left half-written."""
    for place in (folder, folder / L1C, folder / REFERENCE):
        for part in place.glob(".*.part"):
            part.unlink()


def _problem_of(path: Path, sha256: str) -> str | None:
    if path.is_symlink() or not path.is_file():
        return "missing" if not path.exists() else "expected a file"
    found = file_digest(path)
    if found != sha256:
        return f"expected SHA-256 {sha256}, found {found}"
    if path.parent.name == L1C:
        try:
            prove_product(path, path.stem)
        except CorruptProduct as error:
            return str(error)
    return None


def _bring(file: InputFile, target: Path, how: How) -> None:
    """Put the file at its place, once it was found to be right."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        if how is How.HARDLINK:
            _hardlink(file.source, part)
        else:
            _clone_or_copy(file.source, part)
        found = file_digest(part)
        if found != file.sha256:
            raise ChecksumMismatch(
                f"{file.source}: expected SHA-256 {file.sha256} by its record, found "
                f"{found}; make it again, then export"
            )
        put_in_place(part, target)
    finally:
        part.unlink(missing_ok=True)


def _hardlink(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        raise LocalResourceError(
            f"{source} cannot be linked into {target.parent}: {error.strerror}; export "
            "without --hardlink"
        ) from error


def _clone_or_copy(source: Path, target: Path) -> None:
    with open_plain(source) as taken, target.open("wb") as made:
        if clone(taken, made):
            return
        require_space(target.parent, source.stat().st_size)
        shutil.copyfileobj(taken, made, 1 << 20)


def _read_list(folder: Path) -> dict[str, str]:
    path = folder / LIST
    try:
        lines = read_plain(path).decode().splitlines()
    except FileNotFoundError:
        raise MissingInput(
            f"{path} is missing: expected a directory that ben inputs export made"
        ) from None
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} is not a list of digests: {error}") from None
    listed = {}
    for number, line in enumerate(lines, 1):
        sha256, _, name = line.partition("  ")
        is_digest = len(sha256) == 64 and set(sha256) <= set("0123456789abcdef")
        if not (is_digest and stays_inside(name) and name.isprintable()):
            raise InvalidInput(
                f"{path}, line {number}: expected a SHA-256, two spaces and a path in "
                f"this directory, found {line[:120]!r}"
            )
        listed[name] = sha256
    return listed


def _format_list(listed: dict[str, str]) -> str:
    return "".join(f"{listed[name]}  {name}\n" for name in sorted(listed))


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix()
