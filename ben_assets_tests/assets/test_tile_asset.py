import dagster as dg
import pytest

from ben_assets.assets.tile_asset import materialize_tile, tile_asset
from ben_assets.partitions import tile_partitions
from ben_assets_tests.support.facts import facts_of
from resources.configured import DataRootResource
from resources.data_root.records import StoredRecord
from resources.data_root.store import Storage

KEY = tile_partitions.get_first_partition_key()


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def test_what_a_step_reads_is_locked_while_it_runs_and_no_longer(data):
    seen, root = [], DataRootResource.bind({"BEN_DATA_DIR": str(data)})

    def is_free():
        lock = Storage(data)._locks.lock(f"l2a_tiles/{KEY}")
        taken = lock.acquire()
        lock.release()
        return taken

    def step(tile, ctx):
        seen.append(is_free())
        facts = facts_of("patches")
        return StoredRecord(
            asset="patches",
            tile=tile.key,
            files=0,
            bytes=0,
            sha256="a1",
            outputs=(),
            facts=facts,
        )

    @tile_asset(kinds={"parquet"}, level="patch")
    def patches(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        return materialize_tile(context, step, root)

    assert dg.materialize([patches], partition_key=KEY).success
    assert seen == [False]
    assert is_free()
