from __future__ import annotations

from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from ben_assets.definitions import build_definitions
from ben_assets_tests.support.pipeline import Pipeline


def metadata_of(asset: str) -> dict[str, object]:
    specs = build_definitions().resolve_all_asset_specs()
    (spec,) = (spec for spec in specs if spec.key == dg.AssetKey(asset))
    return dict(spec.metadata)


@pytest.mark.parametrize(
    ("asset", "file"),
    [
        ("patches", None),
        ("reference_maps", None),
        ("metadata_tables", None),
        ("release_metadata", "metadata.parquet"),
    ],
)
def test_the_columns_shown_are_those_of_the_table(finished: Pipeline, asset, file):
    name = file or f"{finished.keys[0]}.parquet"
    shown = metadata_of(asset)["dagster/column_schema"].columns
    on_disk = pq.read_schema(finished.data / asset / name).names
    assert [column.name for column in shown] == on_disk
    assert all(column.description for column in shown)


def test_every_asset_leads_to_docs_that_exist():
    for spec in build_definitions().resolve_all_asset_specs():
        for title in ("what it is", "what its checks mean", "when it fails"):
            assert Path(spec.metadata[title].path).is_file(), spec.key
