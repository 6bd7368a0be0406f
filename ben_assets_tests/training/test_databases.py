"""The databases of tensors: keys, values, merging, and what they refuse."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import rasterio
from safetensors.numpy import load

from ben_assets.bigearthnet.checksums import format_hash_list, hash_list_digest
from ben_assets.bigearthnet.dataset_layout import path_of
from ben_assets.bigearthnet.errors import BenError, ChecksumMismatch, InvalidInput
from ben_assets.bigearthnet.geotiff_reading import GeotiffReader
from ben_assets.steps.training import DATABASE
from ben_assets.synthetic.tiles import DEMO_TILES, OWN_TILE
from ben_assets.training.encoding import encode_entry, entries_of_tile
from ben_assets.training.patch_database import (
    PatchDatabase,
    map_size,
    write_database,
)
from ben_assets.validation.training_rules import (
    database_holds_the_dataset,
    merged_database_holds_all_tiles,
)
from ben_assets_tests.support.pipeline import (
    Pipeline,
    edit_record,
    leaves_no_trace,
    replace_file,
)
from ben_assets_tests.support.shared import SHARED, needs_shared

KEY = DEMO_TILES[0].key
S2_BANDS = [
    "B01",
    "B02",
    "B03",
    "B04",
    "B05",
    "B06",
    "B07",
    "B08",
    "B09",
    "B11",
    "B12",
    "B8A",
]

OF_RICO_HDL = {
    "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70_48": (
        "5b55ae86a19200b3a8de8ee5c2ca3afe5ebc217e1f2c5960af7bc8651357e886"
    ),
    "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_75_43": (
        "900e42dc95c84cffdccadb487c8bca6a75f965b264ab719bdab8628069b702ba"
    ),
}


def database(pipeline: Pipeline, key: str) -> PatchDatabase:
    folder = pipeline.storage.folder("training_lmdb")
    return PatchDatabase(folder / f"{key}.lmdb")


@pytest.mark.parametrize("tile", [*DEMO_TILES, OWN_TILE], ids=lambda tile: tile.mgrs)
def test_a_value_holds_the_pixels_of_its_files(finished, tile):
    root = finished.storage.folder("aligned_dataset")
    names = set(finished.digests("aligned_dataset", tile.key))
    with database(finished, tile.key) as opened:
        for key, value in opened.pairs():
            for tensor, pixels in load(bytes(value)).items():
                name = key.decode() if tensor == "Data" else f"{key.decode()}_{tensor}"
                names.remove(name)
                with rasterio.open(root / path_of(name)) as raster:
                    expected = raster.read(1)
                assert pixels.dtype == expected.dtype
                assert np.array_equal(pixels, expected), name
    assert names == set()


def test_tensors_are_those_that_configilm_asks_for(finished):
    with database(finished, KEY) as opened:
        tensors = {key.decode(): load(bytes(v)) for key, v in opened.pairs()}
    kinds = {
        tuple(sorted((n, a.shape[0], a.dtype.name) for n, a in found.items()))
        for found in tensors.values()
    }
    side = {"B01": 20, "B09": 20} | dict.fromkeys(["B02", "B03", "B04", "B08"], 120)
    assert kinds == {
        tuple((band, side.get(band, 60), "uint16") for band in S2_BANDS),
        (("VH", 120, "float32"), ("VV", 120, "float32")),
        (("Data", 120, "uint16"),),
    }


def test_the_record_holds_digests_over_keys_and_values(finished):
    record = finished.storage.require("training_lmdb", KEY)
    with database(finished, KEY) as opened:
        values = {key.decode(): bytes(value) for key, value in opened.pairs()}
    found = {k: hashlib.sha256(v).hexdigest() for k, v in values.items()}
    assert finished.digests("training_lmdb", KEY) == found
    assert record.sha256 == hash_list_digest(found)
    assert (record.files, record.bytes) == (len(found), sum(map(len, values.values())))


def test_the_merged_database_holds_the_pairs_of_all_tiles(trained):
    digests: dict[str, str] = {}
    for key in trained.keys:
        digests |= trained.digests("training_lmdb", key)
    with PatchDatabase(trained.storage.folder("release_lmdb") / DATABASE) as opened:
        found = {
            key.decode(): hashlib.sha256(value).hexdigest()
            for key, value in opened.pairs()
        }
    assert found == digests
    record = trained.storage.require("release_lmdb", "release")
    expected = hash_list_digest({DATABASE: hash_list_digest(digests)})
    assert (record.sha256, record.facts.entries) == (expected, len(digests))


@needs_shared
def test_values_are_those_of_rico_hdl():
    """Digests of the values in the reference database of kai-tub/rico-hdl."""
    samples = SHARED / "samples/v2"
    files = {path.stem: path for path in samples.rglob("*.tif")}
    digests = {n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in files.items()}
    reader = GeotiffReader()
    found = {
        entry.key: hashlib.sha256(encode_entry(entry, reader)).hexdigest()
        for entry in entries_of_tile(samples, digests)
    }
    assert {key: found[key] for key in OF_RICO_HDL} == OF_RICO_HDL


def test_a_database_of_another_data_set_is_refused(trained):
    s1_name = next(
        name.rpartition("_")[0]
        for name in trained.digests("aligned_dataset", KEY)
        if name.startswith("S1")
    )
    path = trained.own_inputs("S1") / s1_name / f"{s1_name}_VV.tif"
    with rasterio.open(path) as raster:
        pixels, profile = raster.read(), raster.profile
    path.unlink()
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(pixels + 1)
    trained.settings["BEN_FORCE"] = "1"
    trained.make("aligned_dataset", KEY)
    with leaves_no_trace(trained), pytest.raises(InvalidInput, match="another aligned"):
        trained.make("release_lmdb")


def expect(pipeline: Pipeline, **changes: str) -> None:
    """Have hash list and record of a tile expect other values of its database."""
    digests = pipeline.digests("training_lmdb", KEY)
    changed = digests | changes
    path = pipeline.storage.hash_list_path("training_lmdb", KEY)
    replace_file(path, format_hash_list(changed).encode())
    record = pipeline.storage.record_path("training_lmdb", KEY)
    edit_record(record, hash_list_digest(digests), hash_list_digest(changed))


def test_a_changed_value_is_refused_and_the_rule_names_it(trained):
    first = min(trained.digests("training_lmdb", KEY))
    expect(trained, **{first: "0" * 64})
    for asset in ("release_lmdb", "release_shards", "release_statistics"):
        with (
            leaves_no_trace(trained),
            pytest.raises(ChecksumMismatch, match=rf"{first} with another value"),
        ):
            trained.make(asset)
    ctx = trained.ctx()
    result = database_holds_the_dataset(trained.tile(KEY), ctx)
    assert (result.passed, result.differing) == (False, (first,))
    assert merged_database_holds_all_tiles(ctx).differing == (first,)


def test_a_key_that_the_hash_list_has_and_the_database_lacks_is_noticed(trained):
    expect(trained, z="0" * 64)
    with pytest.raises(ChecksumMismatch, match=r"found \d+ keys instead of \d+;"):
        trained.make("release_lmdb")


def test_a_hash_list_that_is_not_the_records_is_refused(trained):
    path = trained.storage.hash_list_path("training_lmdb", KEY)
    replace_file(path, path.read_bytes() + b"z,%s\n" % (b"0" * 64))
    with pytest.raises(InvalidInput, match=r"hash list .*by its record.*again"):
        trained.make("release_shards")


def test_a_database_that_is_cut_is_not_opened(trained):
    path = trained.storage.folder("training_lmdb") / f"{KEY}.lmdb" / "data.mdb"
    replace_file(path, path.read_bytes()[:-8192])
    for asset in ("release_lmdb", "release_shards", "release_statistics"):
        with pytest.raises(InvalidInput, match=r"data.mdb: expected \d+ bytes, found"):
            trained.make(asset)


def test_a_file_changed_after_it_was_made_is_refused(finished):
    path = next(finished.storage.folder("aligned_dataset").rglob("*_B8A.tif"))
    replace_file(path, path.read_bytes()[:-1] + b"x")
    key = next(k for k in finished.keys if path.name.split("_T")[1][:5] in k)
    with (
        leaves_no_trace(finished),
        pytest.raises(ChecksumMismatch, match=rf"{path.name}.*ben verify --deep names"),
    ):
        finished.make("training_lmdb", key)


def test_the_rules_hold(trained):
    ctx = trained.ctx()
    assert all(
        database_holds_the_dataset(trained.tile(k), ctx).passed for k in trained.keys
    )
    assert merged_database_holds_all_tiles(ctx).passed


@pytest.mark.parametrize("keys", [[b"b", b"a"], [b"a", b"a"]], ids=["order", "twice"])
def test_keys_must_come_sorted_and_once(tmp_path, keys):
    pairs = [(key, b"value") for key in keys]
    with pytest.raises(BenError, match="a comes twice or out of order"):
        write_database(tmp_path / "db", pairs, map_size([5, 5]))


@pytest.mark.parametrize("size", [1, 4000, 4090, 160_832, 1_000_000])
def test_the_computed_map_is_large_enough(tmp_path, size):
    pairs = [(b"k" * 400 + b"%04d" % n, bytes(size)) for n in range(100)]
    write_database(tmp_path / "db", pairs, map_size([size] * 100))
    with PatchDatabase(tmp_path / "db") as opened:
        assert sum(len(value) for _, value in opened.pairs()) == 100 * size
    assert [path.name for path in (tmp_path / "db").iterdir()] == ["data.mdb"]


@pytest.mark.parametrize("size", [0, 4096, 5000, 8192, 0.1, 0.5, -4096])
def test_a_database_that_is_cut_short_is_named_and_ends_no_process(tmp_path, size):
    """To read a page that the file has not is a SIGBUS."""
    write_database(tmp_path / "db", [(b"k", bytes(400_000))], map_size([400_000]))
    path = tmp_path / "db" / "data.mdb"
    content = path.read_bytes()
    path.write_bytes(content[: size if isinstance(size, int) else int(size * 400_000)])
    with pytest.raises(InvalidInput, match=r"expected .* again"):
        PatchDatabase(tmp_path / "db")


def test_damage_to_the_tree_of_a_database_is_named(tmp_path):
    write_database(tmp_path / "db", [(b"k", b"value")], map_size([5]))
    path = tmp_path / "db" / "data.mdb"
    content = bytearray(path.read_bytes())
    for page in range(2 * 4096, len(content), 4096):
        content[page + 10 : page + 16] = b"\xff" * 6  # flags, and what is free
    path.write_bytes(content)
    with PatchDatabase(tmp_path / "db") as opened:
        with pytest.raises(InvalidInput, match="expected an LMDB database, found"):
            opened.get("k")
        with pytest.raises(InvalidInput, match="expected an LMDB database, found"):
            list(opened.pairs())
