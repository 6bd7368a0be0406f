"""A full tile published to PostGIS, and CORINE loaded, beside ogr2ogr in the same run.

``python -m benchmarks.postgis [--polygons 100000] [--repeats 3]``. The server is a
private one on loopback, as started by ``make postgis``; ogr2ogr is that of the package
gdal-bin, with COPY and a spatial index as well. All data are made here.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.legend import CODES, LABEL_OF_CODE
from ben_assets.bigearthnet.patch_grid import TileGeocoding, split_of_cell
from ben_assets.bigearthnet.product_names import patch_id
from ben_assets.bigearthnet.reference_map import LAYER
from ben_assets.bigearthnet.reproject import CORINE_EPSG
from ben_assets.bigearthnet.table_columns import METADATA_TABLES
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps.postgis import publish_patches
from ben_assets.steps.step_context import StepContext, table_digest, table_facts
from ben_assets.testing import postgis_server
from ben_assets_tests.support.facts import facts_of
from resources.data_root.store import Record, Storage
from resources.postgis.database import Postgis
from resources.postgis.inputs import load_clc
from resources.settings import Settings

PRODUCT = "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608"
TILE = "T33UUP_20170613T101031"
TILE_ID = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
GRID = TileGeocoding(32633, 300_000, 5_400_000, 109_800)
GOAL_SECONDS = 3.0
_DIGEST = "0" * 64


def write_full_tile(storage: Storage) -> None:
    """Tables and records of a tile whose 8281 patches are all exported and labelled."""
    cells = GRID.cell_names()
    names = [patch_id(TILE_ID, x, y) for x, y in cells]
    corners = [GRID.corner(x, y) for x, y in cells]
    splits = [split_of_cell(GRID, x, y) for x, y in cells]
    v1_names = [f"S2A_MSIL2A_20170613T101031_{x}_{y}" for x, y in cells]
    squares = [shapely.box(x, y - 1200, x + 1200, y) for x, y in corners]
    patches = gpd.GeoDataFrame(
        {
            "patch_id": names,
            "x": np.array([x for x, _ in cells], dtype=np.int16),
            "y": np.array([y for _, y in cells], dtype=np.int16),
            "valid": True,
            "season": "summer",
            "split": splits,
            "country": "Austria",
            "s2v1_name": v1_names,
        },
        geometry=squares,
        crs=GRID.epsg,
    )
    random = np.random.default_rng(1)
    codes = [sorted(random.choice(list(LABEL_OF_CODE), 4, False)) for _ in names]
    pixels = pd.DataFrame(
        [(name, code, 3600) for name, four in zip(names, codes, strict=True)
         for code in four],
        columns=["patch_id", "clc_code", "pixels"],
    )  # fmt: skip
    known = pd.DataFrame(
        {
            "patch_id": names,
            "labels": [sorted({LABEL_OF_CODE[c] for c in four}) for four in codes],
            "split": splits,
            "country": "Austria",
            "s1_name": [f"S1A_IW_GRDH_1SDV_20170613T165043_33UUP_{x}_{y}"
                        for x, y in cells],
            "s2v1_name": v1_names,
            "contains_seasonal_snow": False,
            "contains_cloud_or_shadow": False,
            "valid": True,
            "kept": True,
        }
    )  # fmt: skip
    images = [f"{name}_{band.name}" for name in names for band in BANDS]
    _publish(storage, "patches", patches, images)
    maps = _publish(
        storage, "reference_maps", pixels, [f"{name}_reference_map" for name in names]
    )
    _publish(storage, "metadata_tables", known[list(METADATA_TABLES)], [], maps)


def _publish(
    storage: Storage,
    asset: str,
    table: pd.DataFrame,
    files: list[str],
    made_from: dict[str, str] | None = None,
) -> dict[str, str]:
    with storage.draft(asset, TILE) as draft:
        path = draft.path / f"{TILE}.parquet"
        table.to_parquet(path, index=False)
        facts = facts_of(
            asset,
            tile_id=TILE_ID,
            **vars(GRID),
            table=vars(table_facts(path, len(table))),
        )
        digests = dict.fromkeys(files, _DIGEST)
        record = Record(
            asset=asset,
            tile=TILE,
            digests=digests,
            bytes=0,
            outputs=(path.name,),
            made_from=made_from or {},
            made_with={},
            facts=facts,
        )
        stored = draft.publish(record)
        return table_digest(stored)


def measure_publication(dsn: str, folder: Path, repeats: int) -> list[float]:
    """Seconds of each publication of the same tile; the first finds no rows."""
    environment = {"BEN_DATA_DIR": str(folder / "data"), "BEN_POSTGIS_DSN": dsn}
    ctx = StepContext.from_settings(Settings(environment), lambda _: None)
    write_full_tile(ctx.storage)
    Postgis(dsn).migrate()
    tile, seconds = Tile(PRODUCT), []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        done = publish_patches(tile, ctx)
        seconds.append(time.perf_counter() - started)
        if done.rows["patches"] != GRID.cells**2:
            raise AssertionError(f"published {done.rows}")
    return seconds


def write_corine(path: Path, n_polygons: int) -> None:
    """Round polygons of some hundred vertices, 2 kB each, much like CORINE's."""
    random = np.random.default_rng(2)
    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    centres = random.uniform(2_000_000, 5_000_000, (n_polygons, 2))
    radii = random.uniform(200, 600, (n_polygons, angles.size))
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    points = centres[:, np.newaxis] + radii[..., np.newaxis] * ring
    polygons = shapely.polygons(points)
    codes = [str(code) for code in CODES if code != 999]
    gpd.GeoDataFrame(
        {
            "Code_18": random.choice(codes, n_polygons),
            "Remark": pd.array([None] * n_polygons, dtype="str"),
            "Area_Ha": shapely.area(polygons) / 10_000,
            "ID": [f"EU_{number}" for number in range(1, n_polygons + 1)],
        },
        geometry=shapely.multipolygons(polygons[:, np.newaxis]),
        crs=CORINE_EPSG,
    ).rename_geometry("Shape").to_file(path, layer=LAYER, geometry_type="MultiPolygon")


def measure_load(dsn: str, path: Path) -> dict[str, float]:
    """Seconds, rows and peak memory in MiB of loading a GeoPackage; run it apart."""
    database = Postgis(dsn)
    database.migrate()
    started = time.perf_counter()
    rows = load_clc(database, path, {path.name: _DIGEST})
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "rows": rows, "peak_mib": _peak_mib()}


def _peak_mib() -> float:
    """Peak memory of this process; getrusage counts that of its parent as well."""
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def load_apart(dsn: str, path: Path) -> dict[str, float]:
    """``measure_load`` in a process that has made no data."""
    command = [sys.executable, "-m", "benchmarks.postgis", "--measure", str(path)]
    environment = {**os.environ, "BEN_POSTGIS_DSN": dsn}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def load_with_ogr2ogr(dsn: str, path: Path) -> float:
    """Seconds that ogr2ogr takes for the same file, COPY and index included."""
    command = ["ogr2ogr", "-f", "PostgreSQL", dsn, str(path), LAYER]
    options = ["-nln", "ogr_clc2018", "-overwrite", "-lco", "GEOMETRY_NAME=geom"]
    started = time.perf_counter()
    subprocess.run([*command, *options, "--config", "PG_USE_COPY", "YES"], check=True)
    return time.perf_counter() - started


def run(n_polygons: int = 100_000, repeats: int = 3) -> list[str]:
    """The rows of the table: the best of ``repeats``, both loaders taking turns."""
    folder = Path(tempfile.mkdtemp(prefix="ben-bench-postgis-"))
    folder.chmod(0o755)  # the server's user passes through
    server = postgis_server.create(folder / "server")
    try:
        server.start()
        dsn = server.dsn("postgres")
        published = measure_publication(dsn, folder, repeats)
        path = folder / "corine.gpkg"
        write_corine(path, n_polygons)
        megabytes = path.stat().st_size / 1e6
        ours, theirs = [], []
        for _ in range(repeats):
            ours.append(load_apart(dsn, path))
            if shutil.which("ogr2ogr"):
                theirs.append(load_with_ogr2ogr(dsn, path))
    finally:
        postgis_server.remove(folder / "server")
        shutil.rmtree(folder)
    rate = max(one["rows"] / one["seconds"] for one in ours)
    peak = max(one["peak_mib"] for one in ours)
    other = (
        f"{n_polygons / min(theirs):,.0f} rows/s" if theirs else "not here (gdal-bin)"
    )
    return [
        f"publish a tile of {GRID.cells**2} cells: {published[0]:.2f} s, again "
        f"{min(published[1:]):.2f} s (goal: under {GOAL_SECONDS:g} s)",
        f"load {n_polygons} CORINE polygons, {megabytes:.0f} MB, ours: {rate:,.0f} "
        f"rows/s, peak memory {peak:.0f} MiB",
        f"the same, ogr2ogr: {other}",
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--polygons", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", type=Path)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure_load(os.environ["BEN_POSTGIS_DSN"], given.measure)))
    else:
        print("\n".join(run(given.polygons, given.repeats)))


if __name__ == "__main__":
    main()
