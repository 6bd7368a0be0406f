"""How an L2A tile is made, kept and refused, without Dagster."""

import shutil
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import (
    ChecksumMismatch,
    InvalidInput,
    MissingInput,
    ProcessorFailed,
    UnexpectedRaster,
)
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.safe.l2a import read_l2a
from ben_assets.steps.l1c import make_l1c_zip as import_l1c_zip
from ben_assets.steps.l2a import make_l2a_tile
from ben_assets.steps.patches import make_patches
from ben_assets.steps.step_context import StepContext
from ben_assets.synthetic.land import COUNTRIES_FILE, write_countries
from ben_assets_tests.resources.sen2cor import l2a_process
from ben_assets_tests.support.l1c_products import (
    KEY,
    L2A_STEM,
    NAME,
    l1c_description,
    make_l1c_zip,
)
from ben_assets_tests.support.pipeline import edit_record
from resources.settings import Settings

TILE = Tile(NAME, alignment="none")


@pytest.fixture(scope="module")
def zips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zips")
    make_l1c_zip(folder)
    return folder


@pytest.fixture
def ctx(tmp_path, zips):
    """A step context whose tile has its L1C zip; keyword arguments are settings."""
    lines = []

    def make(**settings):
        environment = {
            "BEN_DATA_DIR": str(tmp_path / "data"),
            "BEN_L1C_DIR": str(zips),
            "BEN_L2A_PROCESSOR": "dark-object",
            **settings,
        }
        return StepContext.from_settings(Settings(environment), lines.append)

    import_l1c_zip(TILE, make())
    make.lines = lines
    return make


@pytest.fixture
def program(tmp_path):
    return l2a_process.install(tmp_path / "Sen2Cor")


def folder_of(ctx):
    return ctx().storage.folder("l2a_tiles")


def product_of(ctx):
    return next(folder_of(ctx).glob("*.SAFE"))


def everything_in(folder):
    """Names of what lies in an asset's folder, its drafts included."""
    drafts = folder / ".drafts"
    names = [path.name for path in (*folder.iterdir(), *drafts.glob("*"))]
    return sorted(name for name in names if name != drafts.name)


def test_a_product_that_verifies_is_kept_and_says_so(ctx):
    first = make_l2a_tile(TILE, ctx())
    ctx.lines.clear()
    assert make_l2a_tile(TILE, ctx()) == first
    assert "made by dark-object, is on disk and verifies: kept" in ctx.lines[0]


def test_force_makes_the_same_product_again(ctx):
    first = make_l2a_tile(TILE, ctx())
    inode = product_of(ctx).stat().st_ino
    again = make_l2a_tile(TILE, ctx(BEN_FORCE="1"))
    assert product_of(ctx).stat().st_ino != inode
    assert again.sha256 == first.sha256


def test_a_damaged_product_is_made_again(ctx):
    first = make_l2a_tile(TILE, ctx())
    band = read_l2a(product_of(ctx)).band_files["B8A"]
    content = bytearray(band.read_bytes())
    content[len(content) // 2] ^= 1
    band.write_bytes(content)
    assert make_l2a_tile(TILE, ctx()).sha256 == first.sha256
    assert band.read_bytes() != content


def test_the_folders_that_the_zip_lacks_are_made_again_and_told_of(ctx):
    record = make_l2a_tile(TILE, ctx())
    said = next(line for line in ctx.lines if "empty directories" in line)
    for name in ("AUX_DATA", "HTML", "DATASTRIP", "QI_DATA"):
        assert name in said
    assert len(record.facts.restored_folders) == 4


def test_the_record_names_input_and_processor(ctx, program):
    record = make_l2a_tile(
        TILE, ctx(BEN_L2A_PROCESSOR="sen2cor", SEN2COR_BIN=str(program))
    )
    zips = ctx().storage.require("l1c_zips", KEY)
    assert record.made_from == {"l1c_zips": zips.sha256}
    assert record.made_with["sen2cor"] == "2.11.0"
    assert record.made_with["gipp_sha256"] == record.facts.parameters["gipp_sha256"]
    assert record.facts.tile_id == L2A_STEM
    assert {f"{KEY}.hashes.csv", f"{KEY}.log"} < set(record.outputs)


def test_the_digest_depends_neither_on_name_nor_on_time(ctx, program):
    """The stand-in names its product by the time; dark-object has a fixed one."""
    dark = make_l2a_tile(TILE, ctx())
    other = make_l2a_tile(
        TILE,
        ctx(BEN_FORCE="1", BEN_L2A_PROCESSOR="sen2cor", SEN2COR_BIN=str(program)),
    )
    assert other.facts.product != dark.facts.product
    assert other.sha256 == dark.sha256
    assert len(list(folder_of(ctx).glob("*.SAFE"))) == 1


@pytest.mark.parametrize(
    ("processor", "kept"),
    [("dark-object", 0), ("sen2cor", 0), ("sen2cor", -1000)],
)
def test_an_l1c_with_an_offset_ends_in_the_scale_of_the_recipe(
    processor, kept, tmp_path, program
):
    """One ground as baseline 02.05 and as 05.11; sen2cor may keep the offset or not."""
    l2a_process.misbehave(program, offset=kept)
    old = patches_from(l1c_description(), tmp_path / "old")
    new = l1c_description(NAME.replace("N0205", "N0511"), offset=-1000)
    settings = {"BEN_L2A_PROCESSOR": processor, "SEN2COR_BIN": str(program)}
    found = patches_from(new, tmp_path / "new", **settings)
    assert set(found.facts.offsets.values()) == {kept}
    assert found.facts.value_scale == "bigearthnet"
    assert found.files == old.files > 0
    assert found.sha256 == old.sha256


def patches_from(description, folder, **settings):
    """The record of the patches of an own tile, from its L1C zip on."""
    make_l1c_zip(folder / "zips", description)
    (folder / "reference").mkdir()
    write_countries(folder / "reference" / COUNTRIES_FILE)
    environment = {
        "BEN_DATA_DIR": str(folder / "data"),
        "BEN_L1C_DIR": str(folder / "zips"),
        "BEN_REFERENCE_DIR": str(folder / "reference"),
        "BEN_L2A_PROCESSOR": "dark-object",
        **settings,
    }
    ctx = StepContext.from_settings(Settings(environment), lambda line: None)
    tile = Tile(description.name.name, alignment="none")
    import_l1c_zip(tile, ctx)
    make_l2a_tile(tile, ctx)
    return make_patches(tile, ctx)


@pytest.mark.parametrize("fault", ["exit 1", "exit 0 without 10 m", "two products"])
def test_a_failed_run_leaves_its_log_and_nothing_else(ctx, program, fault):
    l2a_process.misbehave(program, fault=fault)
    settings = {"BEN_L2A_PROCESSOR": "sen2cor", "SEN2COR_BIN": str(program)}
    with pytest.raises(ProcessorFailed, match=r"see .*\.logs/") as caught:
        make_l2a_tile(TILE, ctx(**settings))
    assert everything_in(folder_of(ctx)) == []
    log = Path(str(caught.value).partition("see ")[2].partition(";")[0])
    assert "Product version" in log.read_text()


def test_left_overs_of_killed_runs_are_cleared(ctx):
    """A product folder without record, and a scratch folder with a read-only part."""
    folder = folder_of(ctx)
    left_over = folder / f"{L2A_STEM}_20240101T000000.SAFE"
    (left_over / "GRANULE").mkdir(parents=True)
    scratch = folder / ".drafts" / f"{KEY}-0123abcd" / ".scratch" / "l2a"
    scratch.mkdir(parents=True)
    (scratch / "half.jp2").write_bytes(b"x")
    record = make_l2a_tile(TILE, ctx())
    assert everything_in(folder) == sorted([f"{KEY}.json", *record.outputs])
    assert len(read_l2a(left_over).band_files) == 12


def test_another_zip_makes_another_product(ctx, tmp_path, zips):
    make_l2a_tile(TILE, ctx())
    path = ctx().storage.record_path("l1c_zips", KEY)
    digest = ctx().storage.require("l1c_zips", KEY).sha256
    edit_record(path, f'"sha256": "{digest}"', f'"sha256": "{"0" * 64}"')
    assert make_l2a_tile(TILE, ctx()).made_from == {"l1c_zips": "0" * 64}


def test_another_baseline_in_the_row_is_not_made_from_the_old_zip(ctx, tmp_path):
    """Nor is what was made from it kept; a product of the user's may stay."""
    old = make_l2a_tile(TILE, ctx())
    newer = Tile(NAME.replace("N0205", "N0500"), alignment="none")
    with pytest.raises(MissingInput, match=f"or, of {newer.name}, the record"):
        make_l2a_tile(newer, ctx())
    assert f"not what the tile's row asks for, {newer.name}" in "".join(ctx.lines)
    assert ctx().storage.require("l2a_tiles", KEY) == old
    shutil.copytree(product_of(ctx), tmp_path / "L2A" / product_of(ctx).name)
    imported = make_l2a_tile(newer, ctx(BEN_L2A_DIR=str(tmp_path / "L2A")))
    assert imported.facts.source == "BEN_L2A_DIR"
    assert make_l2a_tile(newer, ctx()) == imported


def test_a_zip_that_is_not_that_of_its_record_is_refused(ctx):
    path = ctx().storage.folder("l1c_zips") / f"{KEY}.zip"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ChecksumMismatch, match=r"materialize l1c_zips"):
        make_l2a_tile(TILE, ctx())


def test_without_any_input_the_message_names_both(tmp_path):
    ctx = StepContext.from_settings(
        Settings({"BEN_DATA_DIR": str(tmp_path / "data")}), print
    )
    with pytest.raises(MissingInput, match=r"BEN_L2A_DIR.*materialize l1c_zips"):
        make_l2a_tile(TILE, ctx)


def test_an_existing_product_goes_before_the_zip(ctx, tmp_path):
    make_l2a_tile(TILE, ctx())
    shutil.copytree(product_of(ctx), tmp_path / "l2a" / product_of(ctx).name)
    settings = {"BEN_L2A_DIR": str(tmp_path / "l2a"), "BEN_FORCE": "1"}
    imported = make_l2a_tile(TILE, ctx(**settings))
    assert imported.facts.source == "BEN_L2A_DIR"
    assert imported.facts.l2a_processor == "dark-object"


def test_a_published_tile_must_be_of_full_size(ctx):
    published = Tile(NAME, cdse_id="0-0")
    with pytest.raises(InvalidInput, match=r"expected a tile of 109800 m"):
        make_l2a_tile(published, ctx())


def test_a_damaged_product_is_not_adopted(ctx, tmp_path):
    make_l2a_tile(TILE, ctx())
    copy = tmp_path / "l2a" / product_of(ctx).name
    shutil.copytree(product_of(ctx), copy)
    band = read_l2a(copy).band_files["B02"]
    band.write_bytes(band.read_bytes()[:-100])
    settings = {"BEN_L2A_DIR": str(tmp_path / "l2a"), "BEN_FORCE": "1"}
    with pytest.raises(UnexpectedRaster, match=r"B02_10m\.jp2.*cut short"):
        make_l2a_tile(TILE, ctx(**settings))


def test_the_other_half_of_a_split_datatake_is_refused(ctx, tmp_path):
    """Both halves have one name but for its end; only the granules' starts differ."""
    make_l2a_tile(TILE, ctx())
    own = tmp_path / "L2A" / product_of(ctx).name
    shutil.copytree(product_of(ctx), own)
    imported = make_l2a_tile(TILE, ctx(BEN_L2A_DIR=str(own.parent), BEN_FORCE="1"))
    assert imported.facts.source == "BEN_L2A_DIR"
    (granule,) = (own / "GRANULE").iterdir()
    half = f"{granule.name.rpartition('_')[0]}_20170613T101608"
    granule.rename(granule.with_name(half))
    for text in own.glob("*.xml"):
        text.write_text(text.read_text().replace(granule.name, half))
    (own / "manifest.safe").unlink(missing_ok=True)
    with pytest.raises(InvalidInput, match="the other half of a datatake") as error:
        make_l2a_tile(TILE, ctx(BEN_L2A_DIR=str(own.parent), BEN_FORCE="1"))
    start = half.partition("_")[2]
    assert f"found {start}: " in str(error.value)
    assert f"of the L1C zip on disk, {granule.name.partition('_')[2]}, " in str(
        error.value
    )
    assert ctx().storage.require("l2a_tiles", KEY) == imported
