"""Every byte that is made of the demo's data set is the tracked one.

Where this fails, an artifact has other bytes than before. If that is meant, the failure
ends with how to record them; review the difference.
"""

from __future__ import annotations

import pytest

from ben_assets.demo.services import TRACKED, demo_environment
from ben_assets.validation.expected_hashes import TRACKED_ASSETS, read_tracked, row_of
from resources.data_root.flow import RELEASE, RELEASE_ASSETS

pytestmark = pytest.mark.timeout(300)

RECORD_AGAIN = (
    "If other bytes are meant: cd tracked-artifacts/synthetic/hashes; "
    "rm $(ls *.csv | grep -v ^l1c_); cd -; make demo; "
    "(. .demo/settings.sh; .venv/bin/ben track); git diff tracked-artifacts/synthetic"
)


@pytest.mark.parametrize("asset", TRACKED_ASSETS)
def test_an_artifact_has_the_tracked_bytes_of_every_tile(golden, asset):
    tracked = read_tracked(TRACKED, asset)
    tiles = [RELEASE] if asset in RELEASE_ASSETS else sorted(golden.keys)
    assert golden.storage.tiles(asset) == tiles
    assert sorted(tracked) == tiles
    lines = []
    for tile in tiles:
        found = row_of(golden.storage.require(asset, tile))
        lines += [
            f"{asset} of {tile}: {column}: expected {expected}, found {found[column]}"
            for column, expected in tracked[tile].items()
            if found[column] != expected
        ]
    assert not lines, "\n".join(
        [*lines, f"tracked in {TRACKED}/hashes/{asset}.csv", RECORD_AGAIN]
    )


def test_the_demo_is_held_to_the_same_digests(golden, tmp_path):
    environment = demo_environment(golden.synthetic, tmp_path)
    assert environment["BEN_TRACKED_ARTIFACTS"] == str(TRACKED)
