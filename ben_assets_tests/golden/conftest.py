"""The demo's data set, and everything that is made of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ben_assets.demo.settings import demo_environment
from ben_assets.synthetic.dataset import make_synthetic_data
from ben_assets.synthetic.tiles import GOLDEN_TILES
from ben_assets.testing.cdse_server import CdseServer
from ben_assets_tests.support.pipeline import Pipeline
from resources.settings import REPOSITORY


@pytest.fixture(scope="session")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """All tiles and the release, made of L1C products by the demo's jobs.

    Nothing is expected of them here, so that one wrong byte stops no other artifact
    from being made and compared.
    """
    home = tmp_path_factory.mktemp("golden")
    synthetic = make_synthetic_data(home / "synthetic", tiles=GOLDEN_TILES, l2a=False)
    with CdseServer(synthetic.l1c_dir) as cdse:
        environment = demo_environment(synthetic, home) | cdse.environment()
        environment["BEN_TRACKED_ARTIFACTS"] = str(home / "nothing")
        done = subprocess.run(
            [sys.executable, "-m", "ben_assets_tests.golden.run", *synthetic.tile_keys],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, f"{done.stdout[-1000:]}\n{done.stderr[-5000:]}"
    return Pipeline(synthetic, home)
