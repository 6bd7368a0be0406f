"""An extracted data set beside the manifest of its release; needs no data root."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.dataset_layout import ARCHIVE_OF_ROOT
from ben_assets.training.manifest import ListedFile, read_manifest
from resources.data_root.bulk_hashing import hash_files
from resources.data_root.files import files_below

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
    if path.is_symlink() or not path.is_file():
        return "wrong: not a regular file" if path.exists() else "missing"
    size = path.stat().st_size
    return (
        None if size == expected else f"wrong: expected {expected} bytes, found {size}"
    )
