import dagster as dg
import pytest

from ben_assets.assets.l2a import l2a_tiles
from ben_assets.assets.tile_asset import materialize_tile, tile_asset
from ben_assets.partitions import tile_partitions
from resources.data_root.store import Record, Storage
from resources.settings import Settings

KEY = tile_partitions.get_first_partition_key()


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def test_what_a_step_reads_is_locked_while_it_runs_and_no_longer(data):
    seen, settings = [], Settings({"BEN_DATA_DIR": str(data)})

    def is_free():
        lock = Storage(data)._locks.lock(f"l2a_tiles/{KEY}")
        taken = lock.acquire()
        lock.release()
        return taken

    def step(tile, ctx):
        seen.append(is_free())
        with ctx.storage.draft("reader", tile.key, ctx.log) as draft:
            record = Record("reader", tile.key, {}, 0, ())
            return draft.publish(record, keep_hash_list=False)

    @tile_asset(deps=[l2a_tiles], kinds={"parquet"}, level="patch")
    def reader(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        return materialize_tile(context, step, settings)

    assert dg.materialize([reader], partition_key=KEY).success
    assert seen == [False]
    assert is_free()
