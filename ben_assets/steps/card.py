"""``release_card``: what a release needs to be published."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.recipe import Recipe
from ben_assets.steps import dataset, release, release_index
from ben_assets.steps.step_context import StepContext, versions
from ben_assets.training.card import write_card
from ben_assets.training.card_facts import CardFacts, Extent
from ben_assets.training.index import INDEX_FILE
from ben_assets.training.manifest import MANIFEST_FILE, ListedFile, write_manifest
from ben_assets.training.shards import PARTS, parts_of
from resources.data_root.facts import IndexFacts, ReleaseCardFacts
from resources.data_root.flow import RELEASE
from resources.data_root.store import Record, StoredRecord

ASSET: Final = "release_card"


def make_release_card(ctx: StepContext) -> StoredRecord:
    """Write the data card, licence, citation, classes, Croissant and manifest.

    Raises:
        MissingInput: no tile, no release metadata or no index.
        InvalidInput: metadata or index are of another set of tiles.
    """
    records = release.released_tiles(ctx)
    tables = release.require_tables(ctx, records)
    index = release_index.read_index(ctx, records)
    index_record = ctx.storage.require(release_index.ASSET, RELEASE)
    with ctx.storage.draft(ASSET, RELEASE, ctx.log) as draft:
        files = sorted(_listed_files(ctx, records, tables), key=_path_bytes)
        write_manifest(draft.path / MANIFEST_FILE, files)
        recipe = release.recipe_of(ctx, records)
        write_card(draft.path, _facts(index, index_record, files, recipe))
        ctx.log(f"{len(files)} files of the data set listed")
        made = sorted(draft.path.iterdir())
        return draft.publish(
            Record(
                asset=ASSET,
                tile=RELEASE,
                digests={path.name: file_digest(path) for path in made},
                bytes=sum(path.stat().st_size for path in made),
                outputs=tuple(path.name for path in made),
                made_from={
                    **{record.tile: record.sha256 for record in records},
                    release.METADATA: tables.sha256,
                    release_index.ASSET: index_record.sha256,
                },
                made_with=versions("jinja2", "zstandard"),
                facts=ReleaseCardFacts(
                    patches=len(index), tiles=len(records), listed_files=len(files)
                ),
            )
        )


def _path_bytes(file: ListedFile) -> bytes:
    return file.path.encode()


def _listed_files(
    ctx: StepContext, records: list[StoredRecord], tables: StoredRecord
) -> Iterator[ListedFile]:
    """Every file of the data set: those of all tiles, and the tables at its root.

    Raises:
        InvalidInput: a file is gone.
    """
    for record in records:
        for member in dataset.dataset_members(ctx.storage, record.tile):
            try:
                n_bytes = Path(member.path).stat().st_size
            except FileNotFoundError as error:
                raise InvalidInput(
                    f"{member.path} is missing; materialize {dataset.ASSET} of "
                    f"{record.tile} again"
                ) from error
            yield ListedFile(member.name, n_bytes, member.sha256)
    for name, check in tables.contents.items():
        if name.endswith(".parquet"):
            yield ListedFile(name, check.bytes, check.sha256)


def _facts(
    index: pa.Table,
    index_record: StoredRecord,
    files: list[ListedFile],
    recipe: Recipe,
) -> CardFacts:
    counts = dict.fromkeys(PARTS, 0)
    for pair in pc.value_counts(parts_of(index)).to_pylist():
        counts[pair["values"]] = pair["counts"]
    stated = index_record.facts_as(IndexFacts)
    return CardFacts(
        patches=counts,
        tiles=stated.tiles,
        own_patches=index["s1_name"].null_count,
        files=len(files),
        bytes=sum(file.bytes for file in files),
        processor=stated.l2a_processor,
        value_scale=stated.value_scale,
        recipe=recipe,
        index_sha256=index_record.contents[INDEX_FILE].sha256,
        extent=_extent(index) if len(index) else None,
    )


def _extent(index: pa.Table) -> Extent:
    boxes = pa.Table.from_struct_array(index["bbox"])
    times: dict[str, datetime] = pc.min_max(index["datetime"]).as_py()
    return Extent(
        box=(
            pc.min(boxes["xmin"]).as_py(),
            pc.min(boxes["ymin"]).as_py(),
            pc.max(boxes["xmax"]).as_py(),
            pc.max(boxes["ymax"]).as_py(),
        ),
        first=times["min"].date().isoformat(),
        last=times["max"].date().isoformat(),
    )
