"""``release_metadata`` and ``release_archives``: what is published of all tiles."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from ben_assets.bigearthnet.archives import Run, StoredFrame, pack
from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.bigearthnet.dataset_layout import ARCHIVE_OF_ROOT
from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.numerals import counted
from ben_assets.bigearthnet.recipe import Recipe
from ben_assets.bigearthnet.release_tables import (
    CSV_FILES,
    HAS_SNOW_CLOUD_OR_SHADOW,
    NO_SNOW_CLOUD_OR_SHADOW,
    OWN_TILES,
    is_unclear,
    require_unique,
    write_csv,
    write_parquet,
)
from ben_assets.steps import archives, dataset, metadata
from ben_assets.steps.step_context import (
    StepContext,
    cpu_count,
    read_table_of_key,
    require_fresh,
    versions,
)
from resources.data_root.facts import (
    ArchiveFacts,
    DatasetFacts,
    ReleaseArchivesFacts,
    ReleaseTablesFacts,
    TilesFacts,
    UniformFacts,
)
from resources.data_root.files import link_or_copy, write_atomically
from resources.data_root.flow import RELEASE
from resources.data_root.records import FileDigest
from resources.data_root.store import Draft, Record, Storage, StoredRecord

METADATA: Final = "release_metadata"
ARCHIVES: Final = "release_archives"
_UNIFORM: Final = {
    "l2a_processor": ("L2A processors", "make all of them with one processor"),
    "value_scale": ("value scales", "make all of them by one recipe"),
    "recipe": ("recipes", "keep those of another recipe in a data root of their own"),
    "recipe_sha256": (
        "versions of a recipe",
        "materialize patches of the older ones again, and what comes after",
    ),
}
"""Fact that all tiles of a release share to its name, and what to do if they do not."""
_PARQUET: Final = (NO_SNOW_CLOUD_OR_SHADOW, HAS_SNOW_CLOUD_OR_SHADOW, OWN_TILES)


def make_release_metadata(ctx: StepContext) -> StoredRecord:
    """The CSV and parquet files of all tiles in the aligned data set.

    Raises:
        MissingInput: no tile is in the aligned data set.
        InvalidInput: tiles of different L2A processors, value scales or recipes, or a
            matching patch with two patches.
    """
    records = released_tiles(ctx)
    table = pd.concat([read_tile(ctx, record) for record in records])
    v1_rows, own_rows = table[table["needs_v1"]], table[~table["needs_v1"]]
    kept, own = v1_rows[v1_rows["kept"]], own_rows[own_rows["kept"]]
    for column in ("s2v1_name", "s1_name"):
        require_unique(kept, column)
    with ctx.storage.draft(METADATA, RELEASE, ctx.log) as draft:
        rows = {
            name: write_csv(draft.path / name, select(v1_rows))
            for name, select in CSV_FILES.items()
        }
        unclear = is_unclear(kept)
        for name, part, has_v1 in (
            (NO_SNOW_CLOUD_OR_SHADOW, kept[~unclear], True),
            (HAS_SNOW_CLOUD_OR_SHADOW, kept[unclear], True),
            (OWN_TILES, own, False),
        ):
            if has_v1 or len(own_rows):
                rows[name] = write_parquet(draft.path / name, part, has_v1=has_v1)
        ctx.log(f"{len(kept) + len(own)} patches of {counted(len(records), 'tile')}")
        record = draft.publish(_metadata_record(draft, records, rows))
    _place_in_dataset(ctx, record)
    return record


def released_tiles(ctx: StepContext) -> list[StoredRecord]:
    """The records of the tiles that make up a release, sorted.

    Raises:
        MissingInput: there is none.
        InvalidInput: they were made with different L2A processors, value scales or
            recipes.
    """
    storage = ctx.storage
    records = [storage.require(dataset.ASSET, t) for t in storage.tiles(dataset.ASSET)]
    if not records:
        raise MissingInput(
            f"no tile has a record in {storage.folder(dataset.ASSET)}; a release needs "
            "at least one: materialize aligned_dataset for a tile first"
        )
    for fact, (what, advice) in _UNIFORM.items():
        _require_uniform(records, fact, what, advice)
    return records


def _require_uniform(
    records: list[StoredRecord], fact: str, what: str, advice: str
) -> None:
    """Insist that all tiles of a release have one fact in common."""
    tiles_of: dict[str, list[str]] = {}
    for record in records:
        value = getattr(record.facts_as(DatasetFacts), fact)
        tiles_of.setdefault(value, []).append(record.tile)
    if len(tiles_of) > 1:
        shown = "; ".join(f"{v}: {', '.join(t[:3])}" for v, t in tiles_of.items())
        raise InvalidInput(
            f"a release must not mix tiles of different {what}; found {shown}; {advice}"
        )


def in_common(records: list[StoredRecord], kind: type[UniformFacts]) -> dict[str, str]:
    """Those facts that all tiles of a release share, as far as ``kind`` has them."""
    facts = records[0].facts_as(DatasetFacts)
    return {n: getattr(facts, n) for n in _UNIFORM if n in kind.model_fields}


def recipe_of(ctx: StepContext, records: list[StoredRecord]) -> Recipe:
    """The recipe that the tiles of a release were made by.

    Raises:
        InvalidInput: it is not BEN_RECIPE (any more).
    """
    facts = records[0].facts_as(DatasetFacts)
    for alignment in sorted({r.facts_as(DatasetFacts).alignment for r in records}):
        recipe = ctx.recipe(alignment)
        if recipe.sha256 == facts.recipe_sha256:
            return recipe
    raise InvalidInput(
        f"the tiles on disk were made by the recipe {facts.recipe} "
        f"(sha256 {facts.recipe_sha256}), BEN_RECIPE is another "
        f"one ({recipe.name}, sha256 {recipe.sha256}); set it to that recipe, or make "
        "the tiles again"
    )


def read_tile(ctx: StepContext, record: StoredRecord) -> pd.DataFrame:
    """The metadata table of a tile of the release, with a column ``needs_v1``.

    Raises:
        InvalidInput: the aligned data set, or this table, is of other patches, maps or
            tables than those on disk.
    """
    require_fresh(ctx, record)
    require_fresh(ctx, ctx.storage.require(metadata.ASSET, record.tile))
    table = read_table_of_key(ctx, metadata.ASSET, record.tile)
    return table.assign(needs_v1=record.facts_as(DatasetFacts).alignment == "v1")


def _metadata_record(
    draft: Draft, records: list[StoredRecord], rows: dict[str, int]
) -> Record:
    files = sorted(draft.path.iterdir())
    return Record(
        asset=METADATA,
        tile=RELEASE,
        digests={path.name: file_digest(path) for path in files},
        bytes=sum(path.stat().st_size for path in files),
        outputs=tuple(path.name for path in files),
        made_from={record.tile: record.sha256 for record in records},
        made_with=versions("duckdb"),
        facts=ReleaseTablesFacts(
            rows=rows,
            tiles=len(records),
            **in_common(records, ReleaseTablesFacts),
        ),
    )


def _place_in_dataset(ctx: StepContext, record: StoredRecord) -> None:
    """Put the parquet files at the root of the data set, and no older ones."""
    root = ctx.storage.folder(dataset.ASSET)
    for name in _PARQUET:
        source = ctx.storage.folder(METADATA) / name
        if (root / name).is_dir():  # it cannot be replaced by a file
            shutil.rmtree(root / name)
        if source.name in record.outputs:
            write_atomically(root / name, ctx.storage.read_file(record, name))
        else:
            (root / name).unlink(missing_ok=True)


def make_release_archives(ctx: StepContext) -> StoredRecord:
    """The three archives of all tiles, the parquet files and their checksums.

    Raises:
        MissingInput: no tile, or no release metadata on disk.
        InvalidInput: the release metadata are of another set of tiles.
        ChecksumMismatch: a file is not what the aligned data set expects, or an archive
            of a tile not what its record does.
    """
    records = released_tiles(ctx)
    tables = require_tables(ctx, records)
    runs = archives.runs_of_release(ctx.storage, records)
    ctx.log(_sources(runs))
    with ctx.storage.draft(ARCHIVES, RELEASE, ctx.log) as draft:
        made = {}
        for root in ARCHIVE_OF_ROOT:
            made[root] = pack(
                draft.path / f"{root}.tar.zst",
                archives.below_root(runs, root),
                threads=cpu_count(),
                on_progress=functools.partial(_log_packed, ctx, root),
            )
        facts = archives.archive_facts(made)
        parquet = [name for name in tables.outputs if name.endswith(".parquet")]
        for name in parquet:
            _place_table(ctx.storage, tables, name, draft.path / name)
        _write_sums(draft.path, facts, parquet)
        tar_digests = {f"{root}.tar": a.tar.sha256 for root, a in made.items()}
        return draft.publish(
            Record(
                asset=ARCHIVES,
                tile=RELEASE,
                digests=tar_digests
                | {name: tables.contents[name].sha256 for name in parquet},
                bytes=sum(path.stat().st_size for path in draft.path.iterdir()),
                outputs=tuple(path.name for path in draft.path.iterdir()),
                made_from=tables.made_from | {METADATA: tables.sha256},
                made_with=versions("zstandard"),
                facts=ReleaseArchivesFacts(archives=facts, tiles=len(records)),
                contents={
                    f"{root}.tar.zst": FileDigest(a.zst.bytes, a.zst.sha256)
                    for root, a in made.items()
                }
                | {name: tables.contents[name] for name in parquet},
            )
        )


def _place_table(
    storage: Storage, tables: StoredRecord, name: str, target: Path
) -> None:
    """Link a parquet file of the release metadata, which is what its record says.

    Raises:
        InvalidInput: it was changed.
    """
    source, expected = storage.file_of(tables, name), tables.contents[name].sha256
    link_or_copy(source, target)
    if (found := file_digest(target)) != expected:
        raise InvalidInput(
            f"{source}: expected sha256 {expected}, found {found}; {tables.again}"
        )


def require_tables(ctx: StepContext, records: list[StoredRecord]) -> StoredRecord:
    """The record of the release metadata, if they are of these tiles.

    Raises:
        MissingInput: there are none.
        InvalidInput: they are of another set of tiles.
    """
    tables = ctx.storage.require(METADATA, RELEASE)
    if tables.made_from != {record.tile: record.sha256 for record in records}:
        raise InvalidInput(
            "the release metadata on disk are of another set of tiles than the aligned "
            f"data set ({tables.facts_as(TilesFacts).tiles} tiles there, "
            f"{len(records)} here); materialize release_metadata again"
        )
    return tables


def _sources(runs: Mapping[str, Run]) -> str:
    stored = sum(isinstance(run, StoredFrame) for run in runs.values())
    return (
        f"{stored} of {len(runs)} runs of files are in archives of tiles, "
        f"{len(runs) - stored} to be packed"
    )


def _log_packed(ctx: StepContext, root: str, done: int) -> None:
    ctx.log(f"{root}: {done} files packed")


def _write_sums(
    folder: Path, archives: dict[str, ArchiveFacts], parquet: list[str]
) -> None:
    """Checksum files of what lies in the folder, and of the tars inside archives.

    ``sha256sum -c SHA256SUMS`` must not meet a file that is not there, so the tars
    have files of their own (``SHA256SUMS.tar``, ``MD5SUMS.tar``).
    """
    for algorithm in ("sha256", "md5"):
        sums = {name: file_digest(folder / name, algorithm) for name in parquet}
        sums |= {name: getattr(facts, algorithm) for name, facts in archives.items()}
        tars = {
            name.removesuffix(".zst"): getattr(facts, f"tar_{algorithm}")
            for name, facts in archives.items()
        }
        for suffix, digests in (("", sums), (".tar", tars)):
            lines = [f"{digest}  {name}\n" for name, digest in sorted(digests.items())]
            target = folder / f"{algorithm.upper()}SUMS{suffix}"
            target.write_text("".join(lines))
