"""The CSV and parquet files of a release."""

from __future__ import annotations

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.bigearthnet.errors import BenError, InvalidInput, LocalResourceError
from ben_assets.bigearthnet.release_tables import (
    CSV_FILES,
    is_unclear,
    require_unique,
    write_csv,
    write_parquet,
)

DIGEST_OF_TWO_GROUPS = (
    "2ee3861d2e67407a34989d6341e6ec0a4ed4f421eaff60769bba04db0fe0ed11"
)
TILE = "S2A_MSIL2A_20180718T101031_N9999_R022_T33UUP"


def rows(**columns) -> pd.DataFrame:
    """Three patches: kept, kept and unclear, without labels."""
    values = {
        "patch_id": [f"{TILE}_10_02", f"{TILE}_09_11", f"{TILE}_00_00"],
        "labels": [["Pastures", "Arable land"], ["Pastures"], None],
        "split": ["train", "test", "validation"],
        "country": ["Austria", "Austria", "Austria"],
        "s1_name": ["S1b", "S1a", None],
        "s2v1_name": ["v1_b", "v1_a", None],
        "contains_seasonal_snow": [False, True, False],
        "contains_cloud_or_shadow": [False, False, False],
        "valid": [True, True, True],
        "kept": [True, True, False],
    }
    return pd.DataFrame(values | columns)


def test_parquet_is_ordered_by_patch_and_has_the_published_columns(tmp_path):
    kept = rows()[lambda table: table["kept"]]
    path = tmp_path / "it's metadata.parquet"
    assert write_parquet(path, kept, has_v1=True) == 2
    table = pq.read_table(path)
    assert table.column_names == list(rows().columns[:8])
    assert table["patch_id"].to_pylist() == [f"{TILE}_09_11", f"{TILE}_10_02"]
    assert table["labels"].to_pylist() == [["Pastures"], ["Pastures", "Arable land"]]


def test_row_groups_are_the_published_ones_whatever_the_order_of_rows(tmp_path):
    """DuckDB ends a group with the 2,048 rows that exceed 122,880."""
    number, half = 125_000, 62_500
    names = [f"{n:06d}" for n in (*range(half, number), *range(half))]
    table = (
        rows().iloc[[0] * number].assign(patch_id=names, s1_name=names, s2v1_name=names)
    )
    path = tmp_path / "metadata.parquet"
    assert write_parquet(path, table, has_v1=True) == number
    found = pq.ParquetFile(path).metadata
    groups = [found.row_group(n) for n in range(found.num_row_groups)]
    assert [group.num_rows for group in groups] == [124_928, number - 124_928]
    assert {group.column(0).compression for group in groups} == {"ZSTD"}
    assert file_digest(path) == DIGEST_OF_TWO_GROUPS


def test_a_patch_without_matching_ones_is_for_own_tiles_only(tmp_path):
    alone = rows(s1_name=[None] * 3, labels=[["Pastures"]] * 3)
    path = tmp_path / "own.parquet"
    assert write_parquet(path, alone, has_v1=False) == 3
    assert pq.read_table(path)["s1_name"].null_count == 3
    with pytest.raises(duckdb.ConstraintException, match=r"NOT NULL .*s1_name"):
        write_parquet(tmp_path / "published.parquet", alone, has_v1=True)


def test_another_version_of_duckdb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(duckdb, "__version__", "1.1.0")
    with pytest.raises(BenError, match=r"expected version 1\.0\.0.*found 1\.1\.0"):
        write_parquet(tmp_path / "x.parquet", rows(), has_v1=False)


def test_a_folder_that_is_not_there_is_a_local_error(tmp_path):
    with pytest.raises(LocalResourceError, match="cannot write"):
        write_parquet(tmp_path / "none" / "x.parquet", rows()[:2], has_v1=True)


def test_snow_or_cloud_goes_to_the_second_file():
    cloudy = rows(contains_cloud_or_shadow=[True, False, False])
    assert is_unclear(cloudy).tolist() == [True, True, False]


def test_a_twin_of_two_patches_is_named_with_both_tiles():
    other = "S2B_MSIL2A_20170802T095029_N9999_R079_T33UVP"
    twice = rows(
        patch_id=[f"{TILE}_10_02", f"{other}_01_01", f"{TILE}_00_00"],
        s2v1_name=["same", "same", None],
    )
    require_unique(twice, "s1_name")
    with pytest.raises(
        InvalidInput, match=f"same is the matching patch of {TILE}_10_02.*{other}"
    ):
        require_unique(twice, "s2v1_name")


def test_an_invalid_patch_has_no_row_in_the_mapping_to_v1():
    invalid = rows(valid=[True, False, False], s2v1_name=["v1_b", "v1_a", "v1_0"])
    mapped = CSV_FILES["patch_id_s2v1_mapping.csv"](invalid)
    assert mapped["s2v1_name"].tolist() == ["v1_b"]


def test_the_csv_files_are_in_c_order_with_their_own_rows(tmp_path):
    found = {}
    for name, select in CSV_FILES.items():
        write_csv(tmp_path / name, select(rows()))
        found[name] = (tmp_path / name).read_bytes().decode().split("\n")
    assert found["patch_id_label_mapping.csv"] == [
        "patch_id,label",
        f"{TILE}_09_11,Pastures",
        f"{TILE}_10_02,Arable land",
        f"{TILE}_10_02,Pastures",
        "",
    ]
    assert found["patch_id_s2v1_mapping.csv"][1:-1] == [
        f"{TILE}_09_11,v1_a",
        f"{TILE}_10_02,v1_b",
    ]
    assert [line[-5:] for line in found["patch_id_split_mapping.csv"][1:-1]] == [
        "ation",
        ",test",
        "train",
    ]
    assert len(found["patch_id_country_mapping.csv"]) == 5
