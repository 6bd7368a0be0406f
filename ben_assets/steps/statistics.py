"""``release_statistics``: what the pixels and labels of a release look like."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from safetensors.numpy import load

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.steps import release, release_index
from ben_assets.steps.step_context import StepContext, cpu_count, versions
from ben_assets.steps.training import open_database, require_database
from ben_assets.training.patch_database import PatchDatabase
from ben_assets.training.shards import PARTS, parts_of
from ben_assets.training.statistics import (
    BandStatistics,
    PartStatistics,
    count_codes,
    count_labels,
    merge_all,
)
from resources.data_root.facts import StatisticsFacts
from resources.data_root.flow import RELEASE
from resources.data_root.store import Record, StoredRecord

ASSET: Final = "release_statistics"
STATISTICS_FILE: Final = "statistics.json"
_AT_ONCE: Final = 64
"""Patches whose pixels are counted together."""


def make_release_statistics(ctx: StepContext) -> StoredRecord:
    """Read every tile's database once; merge the tiles in the order of their keys.

    Raises:
        MissingInput: no tile, no index, or a tile without its database.
        InvalidInput: index or a database are of another data set.
        ChecksumMismatch: a database lacks a key.
    """
    records = release.released_tiles(ctx)
    index = release_index.read_index(ctx, records)
    for record in records:
        require_database(ctx, record)
    with ThreadPoolExecutor(cpu_count()) as pool:
        tiles = [record.tile for record in records]
        total = merge_all(pool.map(lambda tile: _of_tile(ctx, index, tile), tiles))
    labels = release.recipe_of(ctx, records).land_cover.legend.labels
    content = json.dumps(describe(total, index, labels), indent=1, ensure_ascii=False)
    index_record = ctx.storage.require(release_index.ASSET, RELEASE)
    with ctx.storage.draft(ASSET, RELEASE, ctx.log) as draft:
        path = draft.path / STATISTICS_FILE
        path.write_text(f"{content}\n", encoding="utf-8")
        return draft.publish(
            Record(
                asset=ASSET,
                tile=RELEASE,
                digests={path.stem: file_digest(path)},
                bytes=path.stat().st_size,
                outputs=(path.name,),
                made_from={record.tile: record.sha256 for record in records}
                | {release_index.ASSET: index_record.sha256},
                made_with=versions("numpy"),
                facts=StatisticsFacts(patches=len(index), tiles=len(records)),
            )
        )


def _of_tile(ctx: StepContext, index: pa.Table, tile: str) -> PartStatistics:
    rows = index.filter(pc.equal(index["tile"], tile)).sort_by("patch_id")
    parts = parts_of(rows)
    total: PartStatistics = {}
    with open_database(ctx, tile) as database:
        for part in PARTS:
            names = rows.filter(pc.equal(parts, part)).select(["patch_id", "s1_name"])
            keys = [key for column in names for key in column.to_pylist() if key]
            for start in range(0, len(keys), _AT_ONCE):
                batch = keys[start : start + _AT_ONCE]
                total = merge_all([total, _of_batch(database, part, batch)])
    ctx.log(f"{tile}: {len(rows)} patches counted")
    return total


def _of_batch(database: PatchDatabase, part: str, keys: list[str]) -> PartStatistics:
    pixels: dict[str, list[Any]] = {}
    for key in keys:
        for band, values in load(database.get(key)).items():
            pixels.setdefault(band, []).append(values)
    return {
        (part, band): BandStatistics.of(np.stack(pixels[band]))
        for band in sorted(pixels)
    }


def describe(
    total: PartStatistics, index: pa.Table, labels: tuple[str, ...]
) -> dict[str, object]:
    """The content of ``statistics.json``."""
    parts, described = parts_of(index), {}
    for part in PARTS:
        rows = index.filter(pc.equal(parts, part))
        bands = sorted(band for of, band in total if of == part)
        described[part] = {
            "patches": len(rows),
            "bands": {band: total[part, band].describe() for band in bands},
            **count_labels(rows["labels"].to_pylist(), labels),
            "land_cover": count_codes(rows["pixels"].to_pylist()),
        }
    return {
        "label_order": list(labels),
        "units": {
            "Sentinel-2": "digital numbers at native resolution",
            "Sentinel-1": "dB; percentiles to 0.01 dB",
        },
        "splits": described,
    }
