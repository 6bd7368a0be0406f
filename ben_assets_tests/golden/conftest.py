"""The demo's data set, and everything that is made of it."""

from __future__ import annotations

import pytest

from ben_assets.demo.services import demo_environment
from ben_assets.synthetic.dataset import make_synthetic_data
from ben_assets.synthetic.tiles import GOLDEN_TILES
from ben_assets.testing.cdse_server import CdseServer
from ben_assets_tests.support.pipeline import Pipeline
from ben_assets_tests.support.programs import run_module


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
        words = ("ben_assets_tests.golden.run", *synthetic.tile_keys)
        done = run_module(*words, environment=environment)
    assert done.code == 0, f"{done.out[-1000:]}\n{done.err[-5000:]}"
    return Pipeline(synthetic, home)
