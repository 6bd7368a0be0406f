"""Long campaigns against the loopback CDSE: a service on its worst day, and kills.

``python -m benchmarks.soak_cdse [--products 40] [--probability 0.3] [--kills 100]``.
Faults: resets, stalls, short bodies, 429, 503, expired tokens, HTML with 200, each of
which can hit any request to the catalogue, the token service or the download host.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.environment import settings_of_process
from ben_assets.testing.cdse_faults import Fault
from ben_assets.testing.cdse_server import CdseServer
from ben_assets.testing.processes import without_settings
from ben_assets_tests.support.zip_products import KEY, other_product, write_product
from resources.settings import REPOSITORY

PROCESSES: Final = 3
STALL: Final = {"CDSE_STALL_SECONDS": "3"}
"""Stalls are cut sooner than by default; all other timeouts are as delivered."""


def fault_campaign(products: int, probability: float, seed: int) -> list[str]:
    """Fetch all products by Dagster runs, three at a time; what the server saw.

    Raises:
        AssertionError: a product is not there whole, or a limit was broken.
    """
    names = [other_product(number) for number in range(products)]
    name_of = {ProductName.parse(name).tile_key: name for name in names}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for product in names:
            write_product(folder / "archive", product, band_bytes=20_000)
        with CdseServer(folder / "archive") as server:
            server.script.roll(probability, seed)
            # So slow that downloads of several processes overlap.
            server.script.usual = Fault(bytes_per_second=60_000)
            environment = prepare(folder, names, server.environment())
            environment["BEN_L1C_SOURCES"] = "cdse"
            started = time.monotonic()
            with ThreadPoolExecutor(PROCESSES) as pool:
                codes = list(pool.map(lambda key: run(key, environment), name_of))
            seconds = time.monotonic() - started
            assert codes == [0] * products, codes
            _require_whole(folder / "data", name_of, server)
        assert server.seen.logins == 1, server.seen.summary()
        assert server.seen.most_open_downloads <= 4, server.seen.summary()
    requests = sum(server.seen.requests.values())
    return [
        f"soak, CDSE: {products} of {products} products whole by {products} Dagster "
        f"runs in {PROCESSES} processes, {probability:.0%} of {requests} requests "
        f"faulty: {seconds:.0f} s",
        f"soak, CDSE: {server.seen.logins} log-in, {server.seen.refreshes} refreshes, "
        f"at most {server.seen.most_open_downloads} downloads at once",
    ]


def kill_campaign(kills: int, seed: int) -> list[str]:
    """Kill downloads at random moments; a plain re-run must end with the right bytes.

    Raises:
        AssertionError: wrong bytes, or a temporary file that stays.
    """
    dice = random.Random(seed)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ben_assets.steps.l1c", "ben_assets.tiles"])
    hit = 0
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        path = write_product(Path(name) / "archive")
        right = path.read_bytes()
        target = data / "l1c_zips" / f"{KEY}.zip"
        with CdseServer(path.parent) as server:
            os.environ |= {**server.environment(), "BEN_DATA_DIR": str(data)}
            _step("tile_ids")
            for number in range(kills):
                server.script.add("download", Fault(bytes_per_second=60_000))
                process = context.Process(target=_step, args=("l1c_zips",))
                process.start()
                time.sleep(dice.uniform(0, 0.9))
                hit += process.is_alive()
                process.kill()
                process.join()
                assert not target.exists() or target.read_bytes() == right, number
                server.script.clear()
                _step("l1c_zips")
                assert target.read_bytes() == right, number
                assert not (left := _leftovers(data)), (number, left)
                target.unlink()
    return [
        f"soak, CDSE: {kills} SIGKILLs, {hit} of them before the end of the step: "
        "the right bytes after each plain re-run, no file left behind"
    ]


def prepare(folder: Path, names: list[str], servers: dict[str, str]) -> dict[str, str]:
    """Settings, tile list and Dagster home of the runs."""
    tiles = folder / "tiles.csv"
    tiles.write_text("tile,alignment\n" + "".join(f"{name},none\n" for name in names))
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text((REPOSITORY / "dagster.yaml").read_text())
    environment = {
        **without_settings(),
        **servers,
        **STALL,
        "BEN_DATA_DIR": str(folder / "data"),
        "BEN_TILES_CSV": str(tiles),
        "DAGSTER_HOME": str(home),
    }
    # Two processes must not be the first ones to use an instance (SQLite).
    _dagster("instance info", environment)
    return environment


def run(key: str, environment: dict[str, str]) -> int:
    """Have Dagster find and fetch the product ``key``; its exit code."""
    partition = ProductName.parse(key).tile_key
    select = "--select tile_ids,l1c_zips"
    command = (
        f"asset materialize -m ben_assets.definitions {select} --partition {partition}"
    )
    return _dagster(command, environment)


def _dagster(command: str, environment: dict[str, str]) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "dagster", *command.split()],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        print(done.stdout[-3000:], done.stderr[-6000:])
    return done.returncode


def _require_whole(data: Path, name_of: dict[str, str], server: CdseServer) -> None:
    for key, name in name_of.items():
        found = data / "l1c_zips" / f"{key}.zip"
        assert found.exists(), key
        assert found.read_bytes() == server.product(name).path.read_bytes(), key
    assert not (left := _leftovers(data)), left


def _leftovers(data: Path) -> list[str]:
    """Files of drafts and parts of files; a lock of the dead goes when it is needed."""
    files = [str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()]
    return [name for name in files if ".draft" in name or ".part" in name]


def _step(asset: str) -> None:
    """Run the step of an asset for the tile, without Dagster around it."""
    from ben_assets.steps.l1c import make_l1c_zip, make_tile_id
    from ben_assets.steps.step_context import StepContext
    from ben_assets.tiles import load_tiles

    make = {"tile_ids": make_tile_id, "l1c_zips": make_l1c_zip}[asset]
    settings = settings_of_process()
    tile = load_tiles(settings)[KEY]
    make(tile, StepContext.from_settings(settings, lambda line: None))


def main() -> None:
    """Run both campaigns and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=40)
    parser.add_argument("--probability", type=float, default=0.3)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for line in fault_campaign(given.products, given.probability, given.seed):
        print(line, flush=True)
    for line in kill_campaign(given.kills, given.seed):
        print(line, flush=True)


if __name__ == "__main__":
    main()
