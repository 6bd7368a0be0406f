"""World A: two full-size tiles through Dagster give the original pipeline's bytes."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ben_assets.bigearthnet.checksums import (
    file_digest,
    hash_list_digest,
    parse_hash_list,
)
from ben_assets_tests.support.pipeline import Pipeline
from ben_assets_tests.support.world_a import (
    EXPECTED,
    FIRST,
    SECOND,
    WorldA,
    columns_of,
    expected_columns,
    needs_world_a,
)

pytestmark = [needs_world_a, pytest.mark.timeout(900)]

CHAIN = "l2a_tiles,patches,reference_maps,metadata_tables,aligned_dataset,archives"
TARS = ("BigEarthNet-S1", "BigEarthNet-S2", "Reference_Maps")


PATCH_BYTES = 4 * 29_196 + 6 * 7_572 + 2 * 1_172
"""Sizes of the bands of a published patch at 10, 20 and 60 m."""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Both tiles and the release, one run each, held to the expected patch hashes."""
    root = tmp_path_factory.mktemp("world_a")
    pipeline = Pipeline(WorldA(root), root)
    for key in (FIRST, SECOND):
        track_patches(pipeline, key)
    for select, key in (
        (CHAIN, FIRST),
        (CHAIN, SECOND),
        ("release_metadata,release_archives", None),
    ):
        run = pipeline.run(select, key)
        assert run.code == 0, run.output[-5000:]
    yield pipeline
    subprocess.run(["rm", "-rf", root], check=True)  # 200,000 files


@pytest.fixture(scope="module")
def release(pipeline: Pipeline) -> Path:
    """The data root."""
    return pipeline.data


def track_patches(pipeline: Pipeline, key: str) -> None:
    """Expect what the original pipeline made of a tile."""
    expected = EXPECTED["tracked"][pipeline.tile(key).product.acquisition.mgrs]
    files, digest = expected["files"], expected["sha256"]
    path = Path(pipeline.settings["BEN_TRACKED_ARTIFACTS"]) / "hashes/patches.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        if not file.tell():
            file.write("tile,files,bytes,sha256\n")
        file.write(f"{key},{files},{files // 12 * PATCH_BYTES},{digest}\n")


def test_every_byte_is_that_of_the_original_pipeline(release):
    found = {path.stem: file_digest(path) for path in release.glob("patches/*/*/*.tif")}
    assert len(found) == EXPECTED["files"]["patches"]
    assert columns_of(found) == expected_columns("patches")
    assert hash_list_digest(found) == EXPECTED["hash_lists"]["patches"]
    maps = {p.stem: file_digest(p) for p in release.glob("reference_maps/*/*/*.tif")}
    assert len(maps) == EXPECTED["files"]["reference_maps"]
    assert columns_of(maps) == expected_columns("reference_maps")
    assert hash_list_digest(maps) == EXPECTED["hash_lists"]["reference_maps"]
    recorded = {}
    for path in release.glob("patches/*.hashes.csv"):
        recorded |= parse_hash_list(path.read_text())
    assert recorded == found
    check_tables(release)
    check_archives(release)
    check_data_set(release, found | maps)


def check_tables(release: Path) -> None:
    expected = EXPECTED["tables"]
    assert len(expected) == 6
    folder = release / "release_metadata"
    assert {name: file_digest(folder / name) for name in expected} == expected


def check_archives(release: Path) -> None:
    folder = release / "release_archives"
    sums = dict(
        line.split("  ")[::-1]
        for name in ("SHA256SUMS", "SHA256SUMS.tar")
        for line in (folder / name).read_text().split("\n")[:-1]
    )
    for name in TARS:
        path, expected = folder / f"{name}.tar.zst", EXPECTED["tars"][name]
        tar = subprocess.run(
            ["zstd", "-dcq", path], capture_output=True, check=True
        ).stdout
        assert hashlib.sha256(tar).hexdigest() == expected["sha256"], name
        assert sums[f"{name}.tar"] == expected["sha256"]
        assert sums[path.name] == file_digest(path)
        listed = subprocess.run(
            ["tar", "-tf", "-"], input=tar, capture_output=True, check=True
        ).stdout.decode()
        assert len(listed.splitlines()) == expected["members"]
        assert listed.splitlines()[0] == expected["first"]


def check_data_set(release: Path, digests: dict[str, str]) -> None:
    """The shared tree holds just what the archives hold, and the parquet files."""
    root = release / "aligned_dataset"
    for name in TARS:
        files = [path for path in (root / name).rglob("*") if path.is_file()]
        assert len(files) == EXPECTED["tars"][name]["members"]
        if name != "BigEarthNet-S1":
            some = files[::50]
            assert all(file_digest(path) == digests[path.stem] for path in some)
    for name in ("metadata.parquet",):
        assert file_digest(root / name) == file_digest(
            release / "release_metadata" / name
        )
