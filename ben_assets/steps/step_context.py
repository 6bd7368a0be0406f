"""What every step works with, and what it knows of the tile at hand."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.recipe import DEFAULT, Recipe, load_recipe
from ben_assets.bigearthnet.tile_list import Tile
from resources.data_root.facts import RecipeFacts, TabledFacts, TableFacts
from resources.data_root.staleness import stale_inputs
from resources.data_root.store import Storage, StoredRecord
from resources.inputs.reference import ReferenceInputs
from resources.settings import Settings


@dataclass(frozen=True)
class StepContext:
    """Storage, inputs and the log of one run."""

    settings: Settings
    """What the resources of the run say."""
    storage: Storage
    """The data root."""
    inputs: ReferenceInputs
    """The pinned inputs."""
    log: Callable[[str], None]
    """Takes progress lines."""
    is_deep: bool = False
    """Whether rules read again what the run has just written (job ``verify``)."""
    own_recipe: str = DEFAULT
    """Name or path of the recipe of tiles that are not aligned with v1."""

    @classmethod
    def from_settings(
        cls, settings: Settings, log: Callable[[str], None], *, is_deep: bool = False
    ) -> StepContext:
        """As the settings say."""
        storage = Storage.from_settings(settings)
        inputs = ReferenceInputs.from_settings(settings)
        return cls(settings, storage, inputs, log, is_deep, settings.recipe or DEFAULT)

    def recipe(self, alignment: str) -> Recipe:
        """The recipe of tiles with an alignment: v1 has but one.

        Raises:
            MissingInput: the recipe or its legend is missing.
            InvalidInput: the recipe breaks a rule.
        """
        return load_recipe(DEFAULT if alignment == "v1" else self.own_recipe)


def cpu_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def versions(*packages: str) -> dict[str, str]:
    """Installed versions of packages, and of what rasterio and pyproj bring along."""
    import pyproj
    import rasterio

    found = {name: importlib.metadata.version(name) for name in packages}
    if "rasterio" in found:
        found["gdal"] = rasterio.__gdal_version__
    if "pyproj" in found:
        found["proj"] = pyproj.proj_version_str
    return found


def require_current(ctx: StepContext, asset: str, tile: Tile) -> StoredRecord:
    """The record of a tile that another step needs, if it still fits what it is of.

    Raises:
        MissingInput: the tile has no record.
        InvalidInput: what it was made from, the tile's alignment or its recipe changed
            since.
    """
    record, changed = ctx.storage.require(asset, tile.key), []
    facts = record.facts_as(RecipeFacts)
    if facts.alignment != tile.alignment:
        changed.append(f"alignment: {facts.alignment} then, {tile.alignment} now")
    recipe = ctx.recipe(tile.alignment)
    if facts.recipe_sha256 != recipe.sha256:
        changed.append(
            f"recipe: {facts.recipe} then, {recipe.name} now, or its content"
        )
    return require_fresh(ctx, record, changed)


def require_fresh(
    ctx: StepContext, record: StoredRecord, changed: Iterable[str] = ()
) -> StoredRecord:
    """A record, if what it was made from is what is there now.

    Args:
        ctx: of the run.
        record: of a tile.
        changed: what else is known to have changed.

    Raises:
        InvalidInput: names all that changed since.
    """
    if said := [*stale_inputs(ctx.storage, record), *changed]:
        raise InvalidInput(
            f"{record.asset} of {record.tile} was made from something else than what "
            f"is there now ({'; '.join(said)}); materialize {record.asset} of this "
            "tile again, and what comes after it"
        )
    return record


def table_facts(path: Path, rows: int) -> TableFacts:
    """Size and digest of a tile's table, for its record."""
    return TableFacts(path.name, rows, path.stat().st_size, file_digest(path))


def table_digest(record: StoredRecord) -> dict[str, str]:
    """File name to digest of a record's table, for ``made_from``."""
    return {f"{record.asset}.parquet": record.facts_as(TabledFacts).table.sha256}


def read_table(ctx: StepContext, asset: str, tile: Tile) -> pd.DataFrame:
    """The table of a tile, without its geometries; see ``read_table_of_key``."""
    return read_table_of_key(ctx, asset, tile.key)


def read_table_of_key(ctx: StepContext, asset: str, key: str) -> pd.DataFrame:
    """The table of the tile with this key, without its geometries.

    Raises:
        MissingInput: the tile has no record.
        InvalidInput: the table is gone or damaged.
    """
    record = ctx.storage.require(asset, key)
    frame: pd.DataFrame = read_file_of(ctx, record, f"{key}.parquet").to_pandas()
    return frame.drop(columns="geometry", errors="ignore")


def read_file_of(
    ctx: StepContext, record: StoredRecord, name: str, columns: list[str] | None = None
) -> pa.Table:
    """A parquet file of a record, whose content is the one that the record states.

    Raises:
        InvalidInput: it is gone or was changed.
    """
    content = ctx.storage.read_file(record, name)
    return pq.read_table(pa.BufferReader(content), columns=columns)


def exported_cells(patches: pd.DataFrame, tile: Tile) -> pd.DataFrame:
    """The cells whose patches are exported: valid and, where needed, aligned."""
    wanted = patches["valid"]
    if tile.alignment == "v1":
        wanted = wanted & patches["s2v1_name"].notna()
    return patches[wanted]
