"""What all assets have in common: decoration, and how a record is shown in the UI."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import dagster as dg
from pydantic import Field

from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.bigearthnet.table_columns import Columns
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.environment import settings_of_process
from ben_assets.failures import as_dagster_failure
from ben_assets.partitions import ALL_START_AT_L2A, TILES, tile_partitions
from resources.configured import ConfiguredResource, settings_from
from resources.data_root.flow import TILE_ASSETS, tiles_read_by, upstream_of

if TYPE_CHECKING:
    from ben_assets.steps.step_context import StepContext
    from resources.data_root.store import Storage, StoredRecord

OWNERS: Final = ["team:bigearthnet"]
_SHOWN_AS_TABLE: Final = 12


def tile_asset(
    *,
    kinds: set[str],
    level: str,
    pool: str | None = None,
    memory_gib: int = 2,
    columns: Columns | None = None,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorate an asset with one partition per tile, made from what ``flow`` says.

    ``memory_gib`` is what a pod of its own asks for (``BEN_EXECUTOR=k8s``).
    """
    return lambda function: dg.asset(
        partitions_def=tile_partitions,
        deps=upstream(function.__name__),
        kinds=kinds,
        owners=OWNERS,
        tags={"ben/level": level},
        code_version="1",
        metadata=_table(columns),
        pool=pool,
        op_tags=_pod(cores=1, memory_gib=memory_gib),
    )(function)


def upstream(asset: str) -> tuple[str, ...]:
    """Keys of what an asset is made from, as the settings of the code location say.

    The UI asks "Are you sure?" where something upstream was never materialized: an L1C
    zip is left out where no tile has one.
    """
    return upstream_of(
        asset,
        clc_from_postgis=settings_of_process().takes_clc_from_postgis,
        has_l1c=not ALL_START_AT_L2A,
    )


def _pod(cores: int, memory_gib: int) -> dict[str, Any]:
    """What a pod asks for, as dagster-k8s reads it; others ignore it."""
    requests = {"cpu": str(cores), "memory": f"{memory_gib}Gi"}
    container = {"resources": {"requests": requests}}
    return {"dagster-k8s/config": {"container_config": container}}


def release_asset(
    *, kinds: set[str], columns: Columns | None = None
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorate an asset that is made from all tiles of what ``flow`` says."""
    return lambda function: dg.asset(
        deps=[_of_all_tiles(name) for name in upstream(function.__name__)],
        kinds=kinds,
        owners=OWNERS,
        tags={"ben/level": "release"},
        code_version="1",
        metadata=_table(columns),
    )(function)


def _of_all_tiles(name: str) -> dg.AssetDep | str:
    if name not in TILE_ASSETS:
        return name
    return dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping())


def _table(columns: Columns | None) -> dict[str, Any]:
    """The columns of an asset's table, as its page shows them."""
    if columns is None:
        return {}
    shown = [dg.TableColumn(name, *column) for name, column in columns.items()]
    return {"dagster/column_schema": dg.TableSchema(shown)}


class Redo(dg.Config):
    """Run configuration of assets that keep what still verifies."""

    force: bool = Field(
        default=False,
        description="Redo the tile although what is on disk still verifies; the same "
        "as BEN_FORCE=1.",
    )


def materialize_tile(
    context: dg.AssetExecutionContext,
    make: Callable[[Tile, StepContext], StoredRecord],
    *resources: ConfiguredResource,
    config: Redo | None = None,
    pictures: Mapping[str, str] | None = None,
) -> dg.MaterializeResult:
    """Run a step for the partition of ``context``; show its record and pictures.

    Args:
        context: of the run.
        make: the step.
        resources: of the run.
        config: of the run, where the asset takes one.
        pictures: title to suffix of the files ``<tile key>.<suffix>`` to show.
    """
    from ben_assets.steps.step_context import StepContext

    tile, started = TILES[context.partition_key], time.perf_counter()
    read = tiles_read_by(context.asset_key.path[-1])
    with as_dagster_failure():
        settings = settings_from(*resources)
        if config is not None and config.force:
            settings = settings.override({"BEN_FORCE": "1"})
        ctx = StepContext.from_settings(settings, line_log(context.log))
        with ctx.storage.reading(read, tile.key, ctx.log):
            record = make(tile, ctx)
        return _result(ctx.storage, record, started, pictures or {})


def materialize_release(
    context: dg.AssetExecutionContext,
    make: Callable[[StepContext], StoredRecord],
    *resources: ConfiguredResource,
) -> dg.MaterializeResult:
    """Run a step that is made of all tiles and show its record."""
    from ben_assets.steps.step_context import StepContext

    started = time.perf_counter()
    with as_dagster_failure():
        settings = settings_from(*resources)
        ctx = StepContext.from_settings(settings, line_log(context.log))
        return _result(ctx.storage, make(ctx), started, {})


def _result(
    storage: Storage, record: StoredRecord, started: float, pictures: Mapping[str, str]
) -> dg.MaterializeResult:
    seconds = time.perf_counter() - started
    return dg.MaterializeResult(
        data_version=dg.DataVersion(record.version),
        metadata={
            title: _picture(storage, record, suffix)
            for title, suffix in pictures.items()
        }
        | record_metadata(storage, record)
        | {"seconds": dg.MetadataValue.float(round(seconds, 2))},
    )


def line_log(log: dg.DagsterLogManager) -> Callable[[str], None]:
    """A log for lines that may hold the words of others, who cannot forge one."""
    return lambda line: log.info(escaped(line))


def record_metadata(storage: Storage, record: StoredRecord) -> dict[str, Any]:
    """Counts, sizes, digests and a small table, as Dagster metadata."""
    facts = record.facts.as_stored()
    counts = {k: v for k, v in facts.items() if isinstance(v, int | str)}
    rows = {"files": record.files, "bytes": record.bytes} | counts
    table = dg.MetadataValue.table(
        [dg.TableRecord({"what": k, "value": escaped(str(v))}) for k, v in rows.items()]
    )
    row_count = facts.get("table", {}).get("rows")
    return {
        "made": table,
        "path": dg.MetadataValue.path(storage.folder(record.asset)),
        "record": dg.MetadataValue.path(storage.record_path(record.asset, record.tile)),
        "files": record.files,
        "bytes": record.bytes,
        "sha256": record.sha256,
        "made_from": dg.MetadataValue.json(_shortened(record.made_from)),
        "made_with": dg.MetadataValue.json(_shown(record.made_with)),
        **({} if row_count is None else {"dagster/row_count": row_count}),
        **({"source": escaped(facts["source"])} if record.asset == "l1c_zips" else {}),
    }


def _shown(texts: Mapping[str, str]) -> dict[str, str]:
    """Names and values, of which some are those of files."""
    return {escaped(name): escaped(text) for name, text in texts.items()}


def _shortened(digests: dict[str, str]) -> dict[str, str]:
    """At most a dozen: a release is made from 125 tiles."""
    shown = _shown(dict(list(digests.items())[:_SHOWN_AS_TABLE]))
    left = len(digests) - len(shown)
    return shown | ({"and": f"{left} more"} if left else {})


def _picture(
    storage: Storage, record: StoredRecord, suffix: str
) -> dg.MarkdownMetadataValue:
    path: Path = storage.folder(record.asset) / f"{record.tile}.{suffix}"
    kind = {"jpg": "jpeg"}.get(suffix, suffix)
    code = base64.b64encode(path.read_bytes()).decode()
    return dg.MetadataValue.md(f"![{path.name}](data:image/{kind};base64,{code})")
