"""The original's hash lists of GeoTIFFs and L1C zips; the manifest of a release."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.checksums import format_hash_list, sha256_of_bytes
from ben_assets.bigearthnet.dataset_layout import ARCHIVE_OF_ROOT
from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.plain_files import open_plain, size_problem
from ben_assets.training.manifest import ListedFile, read_manifest
from resources.data_root.bulk_hashing import hash_files
from resources.data_root.files import files_below, local_errors, write_atomically

_TIFF: Final = (".tif", ".tiff")


Shown = Callable[[Iterator[str | None], int], Iterable[str | None]]
"""Passes digests on, of so many, and may show how far they are."""


def _unseen(digests: Iterator[str | None], _total: int) -> Iterable[str | None]:
    return digests


def hash_tiffs(folder: Path, shown: Shown = _unseen) -> dict[str, str]:
    """Name without extension to SHA-256 of every GeoTIFF below ``folder``.

    Args:
        folder: where they are.
        shown: sees each digest pass.

    Raises:
        MissingInput: there is none.
        InvalidInput: two files have the same name.
    """
    root = folder.resolve()
    below = files_below(root.parent, [root.name])
    paths = [f"{root.parent}/{path}" for path in below if path.endswith(_TIFF)]
    if not paths:
        raise MissingInput(f"{folder}: expected GeoTIFFs (*.tif), found none")
    found: dict[str, str] = {}
    digests = shown(hash_files(paths), len(paths))
    for path, digest in zip(paths, digests, strict=True):
        name = os.path.basename(path).rpartition(".")[0]  # noqa: PTH119  of 500,000
        if name in found:
            raise InvalidInput(
                f"{folder}: expected each file name once, found {name} in two folders; "
                "hash the folders one by one"
            )
        if digest is not None:
            found[name] = digest
    return found


def hash_l1c(folder: Path, shown: Shown = _unseen) -> tuple[dict[str, str], list[str]]:
    """File name to SHA-256 of the sound zips ``*.out``, and what is wrong with others.

    Args:
        folder: where they are.
        shown: sees each digest pass.

    Raises:
        MissingInput: there is none.
    """
    paths = sorted(folder.glob("*.out"))
    if not paths:
        raise MissingInput(f"{folder}: expected L1C zips (<CDSE id>.out), found none")
    damage = {path: _damage(path) for path in paths}
    sound = [path for path in paths if damage[path] is None]
    digests = shown(hash_files([str(path) for path in sound]), len(sound))
    named = {
        path.name: digest
        for path, digest in zip(sound, digests, strict=True)
        if digest is not None
    }
    return named, [f"{path}: {what}" for path, what in damage.items() if what]


def _damage(path: Path) -> str | None:
    try:
        with open_plain(path) as file, zipfile.ZipFile(file) as archive:
            member = archive.testzip()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        return f"expected a zip, found damage ({error})"
    return f"the CRC of {member} does not hold" if member else None


def write_hash_list(digests: dict[str, str], output: Path, *, has_digest: bool) -> str:
    """Write a hash list, and beside it its digest where asked; returns the digest."""
    content = format_hash_list(digests).encode()
    digest = sha256_of_bytes(content)
    with local_errors(output):
        write_atomically(output, content)
        if has_digest:
            write_atomically(output.with_name(f"{output.name}.sha256"), digest.encode())
    return digest


_BATCH: Final = 10_000


def compare_with_manifest(
    root: Path, manifest: Path, compared: Callable[[int], None] = lambda count: None
) -> Iterator[tuple[str, str]]:
    """Path and problem of each file that is not as listed, and of files not listed.

    Args:
        root: where the archives were extracted, with ``BigEarthNet-S2`` and the others.
        manifest: ``MANIFEST.csv.zst`` of the release.
        compared: takes the number of files that have been compared, now and then.

    Raises:
        MissingInput: there is no manifest.
        InvalidInput: it is damaged.
    """
    listed = read_manifest(manifest)
    known = set()
    while batch := list(islice(listed, _BATCH)):
        known |= {file.path for file in batch}
        yield from _problems(root, batch)
        compared(len(known))
    for path in sorted(set(files_below(root, ARCHIVE_OF_ROOT)) - known):
        yield path, "extra: not in the manifest"


def _problems(root: Path, batch: Sequence[ListedFile]) -> Iterator[tuple[str, str]]:
    same_size = []
    for file in batch:
        problem = _problem_by_name(root / file.path, file.bytes)
        if problem is None:
            same_size.append(file)
        else:
            yield file.path, problem
    digests = hash_files([str(root / file.path) for file in same_size])
    for file, digest in zip(same_size, digests, strict=True):
        if digest != file.sha256:
            yield file.path, f"wrong: expected sha256 {file.sha256}, found {digest}"


def _problem_by_name(path: Path, expected: int) -> str | None:
    if not path.exists():
        return "missing"
    problem = size_problem(path, expected)
    return f"wrong: {problem}" if problem else None
