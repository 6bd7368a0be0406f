"""A release laid out as it is uploaded, and on its way to those who keep it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.dataset_layout import ReleaseDirectory
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.steps import card, release, release_index, shards, statistics, training
from ben_assets.steps.step_context import StepContext
from resources.data_root.facts import ReleaseCardFacts
from resources.data_root.files import files_below, link_or_copy, local_errors
from resources.data_root.flow import RELEASE
from resources.data_root.records import StoredRecord
from resources.data_root.tile_files import LMDB_LOCK, verify_tile
from resources.uploads.huggingface import HubAccess, HuggingFace, Published
from resources.uploads.upload_file import UploadFile
from resources.uploads.zenodo import Description, Zenodo, ZenodoAccess

PART_BYTES: Final = 10_000_000_000
"""A larger file is cut into parts of this size: services refuse files above 50 GB."""
_PLACES: Final = {
    card.ASSET: "",
    statistics.ASSET: "",
    release_index.ASSET: ReleaseDirectory.INDEX,
    shards.ASSET: ReleaseDirectory.SHARDS,
    release.ARCHIVES: ReleaseDirectory.ARCHIVES,
    training.RELEASE_LMDB: ReleaseDirectory.LMDB,
}
"""Asset to the directory that its files go to; those of the card go to the root."""
_NEEDED: Final = (card.ASSET, release_index.ASSET, shards.ASSET)


def publish_folder(ctx: StepContext, target: Path, part_bytes: int = PART_BYTES) -> int:
    """Lay out a release in a new directory, which appears whole or not at all.

    Files are hard links where the file system allows; those above ``part_bytes`` are
    cut into parts ``<name>.00000`` and so on, to be joined by ``cat``.

    Returns:
        Number of files.

    Raises:
        MissingInput: a part of the release that others refer to is not on disk.
        InvalidInput: the directory is there, or a part is of another set of tiles.
    """
    if target.exists():
        raise InvalidInput(
            f"{target}: expected a path where nothing is, found something; choose "
            "another one, or delete it"
        )
    files = release_files(ctx, part_bytes=part_bytes)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    with local_errors(target):
        try:
            for number, file in enumerate(files, 1):
                _place(file, partial / file.name)
                ctx.log(f"{number} of {len(files)}: {file.name}")
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return len(files)


def release_files(
    ctx: StepContext,
    only: Collection[str] = tuple(ReleaseDirectory),
    part_bytes: int = PART_BYTES,
) -> list[UploadFile]:
    """All files of a release as they are uploaded, in order.

    Args:
        ctx: where the release is.
        only: directories that are wanted beside the files of the card.
        part_bytes: a larger file is several parts.

    Raises:
        MissingInput: a part of the release that others refer to is not on disk.
        InvalidInput: a part is of another set of tiles, or not whole.
    """
    tiles = {record.tile: record.sha256 for record in release.released_tiles(ctx)}
    wanted = [asset for asset, place in _PLACES.items() if place == "" or place in only]
    return [
        file
        for record in _current(ctx, wanted, tiles)
        for file in _files_of(ctx, record, part_bytes)
    ]


def publish_huggingface(
    ctx: StepContext, repo: str, files: list[UploadFile], *, publishes: bool
) -> Published:
    """Bring a release to a repository of data on the Hugging Face Hub.

    Raises:
        InvalidInput, AccessRefused, ChecksumMismatch, ServiceUnavailable: as
            ``HuggingFace.upload`` says.
    """
    access = HubAccess.from_settings(ctx.settings)
    record = ctx.storage.require(card.ASSET, RELEASE)
    client = HuggingFace(access, ctx.storage.root, ctx.log)
    message = f"{_title(record)}, version {_version(record)}"
    return client.upload(repo, files, publishes=publishes, message=message)


def publish_zenodo(
    ctx: StepContext, creators: list[str], files: list[UploadFile], *, publishes: bool
) -> str:
    """Bring a release to a draft on Zenodo; the address of the draft or the record.

    Raises:
        InvalidInput, AccessRefused, ChecksumMismatch, ServiceUnavailable: as
            ``Zenodo.upload`` says.
    """
    access = ZenodoAccess.from_settings(ctx.settings)
    record = ctx.storage.require(card.ASSET, RELEASE)
    about = Description(_title(record), _version(record), _ABOUT, creators)
    client = Zenodo(access, ctx.log)
    draft = client.upload(about, files)
    return client.publish(draft) if publishes else draft.page


_ABOUT: Final = (
    "<p>Patches of Sentinel-1 and Sentinel-2 with land-cover maps and labels, made by "
    "the rules of BigEarthNet v2 (reBEN). <code>README.md</code> is the data card: "
    "what each file holds, licences, how to cite.</p>"
)


def _title(record: StoredRecord) -> str:
    facts = record.facts_as(ReleaseCardFacts)
    return f"BigEarthNet v2: a release of {facts.patches} patches"


def _version(record: StoredRecord) -> str:
    """Tells a release from others: the card lists digests of all of the data set."""
    return record.sha256[:16]


def _current(
    ctx: StepContext, assets: list[str], tiles: dict[str, str]
) -> Iterator[StoredRecord]:
    for asset in assets:
        if asset not in _NEEDED and ctx.storage.find(asset, RELEASE) is None:
            ctx.log(f"{asset} is not on disk: left out")
            continue
        record = ctx.storage.require(asset, RELEASE)
        made_from = {k: v for k, v in record.made_from.items() if k not in _PLACES}
        made_from.pop(release.METADATA, None)
        if made_from != tiles:
            raise InvalidInput(
                f"{asset} on disk is of another set of tiles than the aligned data "
                f"set; materialize {asset} again"
            )
        _require_whole(ctx, asset)
        yield record


def _require_whole(ctx: StepContext, asset: str) -> None:
    for difference in verify_tile(ctx.storage, asset, RELEASE, deep=False):
        raise InvalidInput(
            f"{asset}: {difference.file} is {difference.kind} ({difference.detail}); "
            f"materialize {asset} again"
        )


def _files_of(
    ctx: StepContext, record: StoredRecord, part_bytes: int
) -> Iterator[UploadFile]:
    """The files of one asset under the names that they get."""
    source = ctx.storage.folder(record.asset)
    hash_list = ctx.storage.hash_list_path(record.asset, RELEASE).name
    outputs = [name for name in record.outputs if name != hash_list]
    place = _PLACES[record.asset]
    for name in sorted(files_below(source, outputs)):
        if name.endswith(LMDB_LOCK):
            continue
        sha256 = record.contents[name].sha256
        target = f"{place}/{name}".lstrip("/")
        yield from _parts(source / name, target, sha256, part_bytes)


def _parts(
    source: Path, name: str, sha256: str, part_bytes: int
) -> Iterator[UploadFile]:
    """A file, or the parts that it is cut into."""
    size = source.stat().st_size
    if size <= part_bytes:
        yield UploadFile(name, source, size, recorded=sha256)
        return
    for number, offset in enumerate(range(0, size, part_bytes)):
        part = min(part_bytes, size - offset)
        yield UploadFile(f"{name}.{number:05d}", source, part, offset, is_part=True)


def _place(file: UploadFile, target: Path) -> None:
    """Link a file to its place, or copy a part of one there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.is_part:
        file.write_to(target)
    else:
        link_or_copy(file.source, target)
        target.chmod(0o444)  # a link reaches back into the data root
