"""``archives``: a tile's part of the release, in frames that a release takes over.

A frame depends on the files in it and on the version of zstandard alone, so a release
has the same bytes whether the tiles in it have archives or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Final, TypeVar

from ben_assets.bigearthnet.archives import (
    Archive,
    Frame,
    Member,
    Run,
    StoredFrame,
    pack,
)
from ben_assets.bigearthnet.dataset_layout import ARCHIVE_OF_ROOT, run_of
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps import dataset
from ben_assets.steps.step_context import (
    StepContext,
    cpu_count,
    require_current,
    versions,
)
from resources.data_root.facts import (
    ArchiveFacts,
    ArchivesFacts,
    DatasetFacts,
    FrameFacts,
)
from resources.data_root.records import FileDigest
from resources.data_root.store import Record, Storage, StoredRecord

ASSET: Final = "archives"

_R = TypeVar("_R", bound=Run)


def make_archives(tile: Tile, ctx: StepContext) -> StoredRecord:
    """Pack a tile's part of the three release archives.

    Raises:
        MissingInput: the tile is not in the aligned data set.
        InvalidInput: the aligned data set is of other patches.
        ChecksumMismatch: a file is not what the aligned data set expects.
    """
    upstream = require_current(ctx, dataset.ASSET, tile)
    runs = runs_of_tile(ctx.storage, tile.key)
    with ctx.storage.draft(ASSET, tile.key, ctx.log) as draft:
        folder = draft.path / tile.key
        folder.mkdir()
        made: dict[str, Archive] = {}
        for root, name in ARCHIVE_OF_ROOT.items():
            target = folder / f"{name}.tar.zst"
            made[name] = pack(target, below_root(runs, root), threads=cpu_count())
            ctx.log(f"{target.name}: {made[name].members} files packed")
        return draft.publish(
            Record(
                asset=ASSET,
                tile=tile.key,
                digests={f"{name}.tar": a.tar.sha256 for name, a in made.items()},
                bytes=sum(archive.zst.bytes for archive in made.values()),
                outputs=(tile.key,),
                made_from={dataset.ASSET: upstream.sha256},
                made_with=versions("zstandard"),
                facts=ArchivesFacts.after(
                    upstream.facts_as(DatasetFacts),
                    archives=archive_facts(made),
                    frames={f"{n}.tar.zst": _frame_facts(a) for n, a in made.items()},
                ),
                contents={
                    f"{tile.key}/{name}.tar.zst": FileDigest(a.zst.bytes, a.zst.sha256)
                    for name, a in made.items()
                },
            )
        )


def runs_of_tile(storage: Storage, tile: str) -> dict[str, list[Member]]:
    """The files of a tile by the run that they belong to."""
    runs: dict[str, list[Member]] = {}
    for member in dataset.dataset_members(storage, tile):
        runs.setdefault(run_of(member.name), []).append(member)
    return runs


def runs_of_release(
    storage: Storage, tiles: Iterable[StoredRecord]
) -> Mapping[str, Run]:
    """Each run of a release: the frame that a tile's archive has of it, or its files.

    Files are to be packed where the tile has no archive of what it is now, by this
    version of zstandard, or where files of other tiles lie between them.

    Args:
        storage: the data root.
        tiles: records of the aligned data set.
    """
    of_tiles: dict[str, Mapping[str, Run]] = {
        record.tile: _stored_frames(storage, record)
        or runs_of_tile(storage, record.tile)
        for record in tiles
    }
    count = Counter(chain.from_iterable(of_tiles.values()))
    whole: dict[str, Run] = {}
    mixed: dict[str, list[Member]] = {}
    for tile, runs in of_tiles.items():
        whole |= {run: part for run, part in runs.items() if count[run] == 1}
        if shared := [run for run in runs if count[run] > 1]:
            files = runs_of_tile(storage, tile)
            for run in shared:
                mixed.setdefault(run, []).extend(files[run])
    return whole | mixed


def below_root(runs: Mapping[str, _R], root: str) -> dict[str, _R]:
    """Those runs whose files lie below one of the three roots."""
    return {run: part for run, part in runs.items() if run.startswith(f"{root}/")}


def _stored_frames(storage: Storage, tile: StoredRecord) -> dict[str, StoredFrame]:
    stored = storage.find(ASSET, tile.tile)
    if stored is None or stored.made_from != {dataset.ASSET: tile.sha256}:
        return {}
    if stored.made_with != versions("zstandard"):
        return {}
    found: dict[str, StoredFrame] = {}
    for name, frames in stored.facts_as(ArchivesFacts).frames.items():
        path = storage.file_of(stored, f"{tile.tile}/{name}")
        found |= {run: StoredFrame(path, Frame(**vars(f))) for run, f in frames.items()}
    return found


def _frame_facts(archive: Archive) -> dict[str, FrameFacts]:
    return {run: FrameFacts(**vars(f)) for run, f in archive.frames.items()}


def archive_facts(archives: Mapping[str, Archive]) -> dict[str, ArchiveFacts]:
    """Members, sizes and digests of archives, for a record."""
    return {
        f"{name}.tar.zst": ArchiveFacts(
            members=archive.members,
            bytes=archive.zst.bytes,
            sha256=archive.zst.sha256,
            md5=archive.zst.md5,
            tar_bytes=archive.tar.bytes,
            tar_sha256=archive.tar.sha256,
            tar_md5=archive.tar.md5,
        )
        for name, archive in archives.items()
    }
