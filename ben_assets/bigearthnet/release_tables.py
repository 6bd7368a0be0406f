"""The tables of a release: four CSV files and the published parquet files.

The parquet bytes are those of DuckDB 1.0.0 with one thread
(docs/rules.md#published-ground-truth); pandas frames reach it through Arrow.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import duckdb
import pandas as pd
import pyarrow as pa

from ben_assets.bigearthnet.errors import (
    BenError,
    InvalidInput,
    LocalResourceError,
)
from ben_assets.bigearthnet.product_names import tile_id_of_patch
from ben_assets.bigearthnet.table_columns import PUBLISHED, arrow_schema

NO_SNOW_CLOUD_OR_SHADOW: Final = "metadata.parquet"
HAS_SNOW_CLOUD_OR_SHADOW: Final = (
    "metadata_for_patches_with_snow_cloud_or_shadow.parquet"
)
OWN_TILES: Final = "metadata_own_tiles.parquet"

_DUCKDB: Final = {
    "string": "VARCHAR",
    "list of string": "VARCHAR[]",
    "bool": "BOOLEAN",
}
"""Kind of a published column to its type in DuckDB."""
_ROW_GROUP: Final = 122_880
_NULLABLE: Final = ("s1_name", "s2v1_name")


def write_parquet(path: Path, rows: pd.DataFrame | pa.Table, *, has_v1: bool) -> int:
    """Write metadata as published, ordered by patch id; returns the number of rows.

    Args:
        path: file to write.
        rows: the eight published columns in any order, any row order.
        has_v1: whether s1_name and s2v1_name must be there (not for own tiles).

    Raises:
        BenError: DuckDB is not the version whose bytes were published.
        LocalResourceError: the disk is full or read-only.
    """
    if duckdb.__version__ != "1.0.0":
        raise BenError(
            f"duckdb: expected version 1.0.0, which the published bytes come from, "
            f"found {duckdb.__version__}; install requirements.lock"
        )
    names = list(PUBLISHED)
    if isinstance(rows, pa.Table):
        table = rows
    else:
        types = arrow_schema(PUBLISHED)
        table = pa.Table.from_pandas(rows[names], schema=types, preserve_index=False)
    optional = () if has_v1 else _NULLABLE
    schema = ", ".join(
        f"{name} {_DUCKDB[column.kind]}{'' if name in optional else ' NOT NULL'}"
        f"{' PRIMARY KEY' if name == 'patch_id' else ''}"
        for name, column in PUBLISHED.items()
    )
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute(f"CREATE TABLE metadata ({schema})")
        connection.register("rows", table)
        connection.execute(
            f"INSERT INTO metadata SELECT {', '.join(names)} FROM rows "
            "ORDER BY patch_id"
        )
        try:
            connection.execute(
                "COPY (SELECT * FROM metadata ORDER BY patch_id) TO "
                f"'{str(path).replace(chr(39), chr(39) * 2)}' "
                f"(FORMAT PARQUET, COMPRESSION ZSTD, ROW_GROUP_SIZE {_ROW_GROUP})"
            )
        except duckdb.IOException as error:
            raise LocalResourceError(
                f"cannot write {path}: {error}; free space or make the folder writable"
            ) from error
    return len(table)


def is_unclear(kept: pd.DataFrame) -> pd.Series:
    """Rows that belong to the second published file: snow, cloud or shadow."""
    return kept["contains_seasonal_snow"] | kept["contains_cloud_or_shadow"]


def require_unique(kept: pd.DataFrame, column: str) -> None:
    """Insist that a matching patch belongs to one patch only.

    Raises:
        InvalidInput: names both patches and both tiles.
    """
    named = kept[kept[column].notna()]
    repeated = named[named[column].duplicated(keep=False)].sort_values(
        [column, "patch_id"]
    )
    if len(repeated):
        first, second = repeated["patch_id"].iloc[:2]
        tiles = [tile_id_of_patch(patch) for patch in (first, second)]
        advice = (
            "release one of the two tiles only"
            if tiles[0] != tiles[1]
            else "correct s1s2_mapping.csv"
        )
        raise InvalidInput(
            f"{column} must be unique in a release; {repeated[column].iloc[0]} is the "
            f"matching patch of {first} (tile {tiles[0]}) "
            f"and of {second} (tile {tiles[1]}); "
            f"{advice}"
        )


def _labels(table: pd.DataFrame) -> pd.DataFrame:
    labelled = table[table["kept"]]
    return (
        labelled[["patch_id", "labels"]]
        .explode("labels")
        .rename(columns={"labels": "label"})
    )


def _s2v1(table: pd.DataFrame) -> pd.DataFrame:
    aligned = table[table["valid"] & table["s2v1_name"].notna()]
    return aligned[["patch_id", "s2v1_name"]]


CSV_FILES: Final[dict[str, Callable[[pd.DataFrame], pd.DataFrame]]] = {
    "patch_id_label_mapping.csv": _labels,
    "patch_id_s2v1_mapping.csv": _s2v1,
    "patch_id_split_mapping.csv": lambda table: table[["patch_id", "split"]],
    "patch_id_country_mapping.csv": lambda table: table[["patch_id", "country"]],
}
"""File name to the rows it holds, from the metadata tables of all tiles."""


def write_csv(path: Path, rows: pd.DataFrame) -> int:
    """Write a two-column mapping in C order; returns the number of rows."""
    ordered = rows.sort_values(list(rows.columns), key=lambda c: c.astype(object))
    ordered.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
    return len(ordered)
