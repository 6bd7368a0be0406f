"""World A: two full-size tiles through Dagster give the original pipeline's bytes."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ben_assets.bigearthnet.checksums import file_digest, parse_hash_list
from ben_assets_tests.shared import needs_shared
from ben_assets_tests.workshop import Workshop
from ben_assets_tests.world_a import FIRST, SECOND, WORLD_A, WorldA

pytestmark = needs_shared

CHAIN = "l2a_tiles,patches,reference_maps,metadata_tables,aligned_dataset,archives"
TARS = ("BigEarthNet-S1", "BigEarthNet-S2", "Reference_Maps")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data root after both tiles and the release were made, one run each."""
    root = tmp_path_factory.mktemp("world_a")
    shop = Workshop(WorldA(root), root)
    for select, key in (
        (CHAIN, FIRST),
        (CHAIN, SECOND),
        ("release_metadata,release_archives", None),
    ):
        run = shop.run(select, key)
        assert run.code == 0, run.output[-5000:]
    yield shop.data
    shutil.rmtree(root)


def expected_hashes(name: str) -> dict[str, str]:
    return parse_hash_list((WORLD_A / "expected" / name).read_text())


def test_every_byte_is_that_of_the_original_pipeline(release):
    """One test, so that one process makes the world once."""
    found = {path.stem: file_digest(path) for path in release.glob("patches/*/*/*.tif")}
    assert len(found) == 40_224
    assert found == expected_hashes("patch_hashes.csv")
    maps = {p.stem: file_digest(p) for p in release.glob("reference_maps/*/*/*.tif")}
    assert len(maps) == 3_327
    assert maps == expected_hashes("reference_maps_hashes.csv")
    recorded = {}
    for path in release.glob("patches/*.hashes.csv"):
        recorded |= parse_hash_list(path.read_text())
    assert recorded == found
    check_tables(release)
    check_archives(release)
    check_data_set(release, found | maps)


def check_tables(release: Path) -> None:
    expected = json.loads((WORLD_A / "expected/hashes.json").read_text())
    promised = expected["csv_sha256"] | expected["parquet_sha256"]
    assert len(promised) == 6
    folder = release / "release_metadata"
    assert {name: file_digest(folder / name) for name in promised} == promised


def check_archives(release: Path) -> None:
    expected = json.loads((WORLD_A / "expected/tars.json").read_text())
    folder = release / "release_archives"
    sums = dict(
        line.split("  ")[::-1]
        for line in (folder / "SHA256SUMS").read_text().split("\n")[:-1]
    )
    for name in TARS:
        path, promised = folder / f"{name}.tar.zst", expected[f"{name}.tar"]
        tar = subprocess.run(
            ["zstd", "-dcq", path], capture_output=True, check=True
        ).stdout
        assert hashlib.sha256(tar).hexdigest() == promised["sha256"], name
        assert sums[f"{name}.tar"] == promised["sha256"]
        assert sums[path.name] == file_digest(path)
        listed = subprocess.run(
            ["tar", "-tf", "-"], input=tar, capture_output=True, check=True
        ).stdout.decode()
        assert len(listed.splitlines()) == promised["members"]
        assert listed.splitlines()[0] == promised["first5"][0]["name"]


def check_data_set(release: Path, digests: dict[str, str]) -> None:
    """The shared tree holds just what the archives hold, and the parquet files."""
    root = release / "aligned_dataset"
    listed = json.loads((WORLD_A / "expected/tars.json").read_text())
    for name in TARS:
        files = [path for path in (root / name).rglob("*") if path.is_file()]
        assert len(files) == listed[f"{name}.tar"]["members"]
        if name != "BigEarthNet-S1":
            some = files[::50]
            assert all(file_digest(path) == digests[path.stem] for path in some)
    for name in ("metadata.parquet",):
        assert file_digest(root / name) == file_digest(
            release / "release_metadata" / name
        )
