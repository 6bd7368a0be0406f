"""Index, shards, statistics, card and subsets of the synthetic release."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import duckdb
import geopandas as gpd
import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely
import zstandard
from safetensors.numpy import load
from typer.testing import CliRunner

from ben_assets.bigearthnet.archive_contents import members
from ben_assets.bigearthnet.errors import BenError, InvalidInput, MissingInput
from ben_assets.bigearthnet.legend import LABEL_OF_CODE, LABELS
from ben_assets.bigearthnet.reference_map import LAYER
from ben_assets.cli import app
from ben_assets.cli.verification import repair_commands
from ben_assets.steps.publishing import publish_folder, release_files
from ben_assets.steps.shards import make_release_shards, make_subset
from ben_assets.synthetic.land import GEOPACKAGE
from ben_assets.synthetic.tiles import DEMO_TILES
from ben_assets.training.index import INDEX_FILE, SCHEMA
from ben_assets.training.manifest import read_manifest
from ben_assets.training.patch_database import PatchDatabase
from ben_assets.training.subsets import Selection
from ben_assets.validation.hash_lists import compare_with_manifest
from ben_assets.validation.survey import find_differences
from ben_assets.validation.training_rules import (
    index_agrees_with_tables,
    manifest_lists_the_dataset,
    shards_hold_every_patch_once,
    statistics_count_every_pixel,
)
from ben_assets_tests.support.pipeline import (
    TRAINING_STEPS,
    Pipeline,
    leaves_no_trace,
    link_tree,
    replace_file,
    tree_of,
)
from ben_assets_tests.support.removal import remove_tile
from resources.data_root.flow import RELEASE
from resources.data_root.stored_tiles import Snapshot
from resources.data_root.tile_files import Difference
from resources.settings import REPOSITORY

RULES = (
    index_agrees_with_tables,
    shards_hold_every_patch_once,
    statistics_count_every_pixel,
    manifest_lists_the_dataset,
)
MEMBERS = ["json", "map.safetensors", "map19.safetensors", "s1.safetensors"]
MEMBERS += ["s2.safetensors"]


def index_path(pipeline: Pipeline) -> Path:
    return pipeline.storage.folder("release_index") / INDEX_FILE


def tars(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tar"))}


def samples(folder: Path) -> dict[str, dict[str, dict[str, bytes]]]:
    """Part to patch id to member to content, in the order of the tars."""
    found: dict[str, dict[str, dict[str, bytes]]] = {}
    for name, content in tars(folder).items():
        part = found.setdefault(name.rpartition("-")[0], {})
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for info in tar:
                patch, _, member = info.name.partition(".")
                part.setdefault(patch, {})[member] = tar.extractfile(info).read()
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rules_hold(trained, rule):
    result = rule(trained.ctx())
    assert result.passed, result
    assert not result.is_warning


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("content", [None, b"", b"damage"], ids=["gone", "empty", "x"])
def test_what_a_rule_cannot_read_is_named(trained, rule, content):
    for place in ("index/*.parquet", "shards/*.tar", "statistics/*n", "card/*.zst"):
        for path in trained.data.glob(f"release_{place}"):
            path.unlink()
            if content is not None:
                path.write_bytes(content)
    with pytest.raises(BenError, match=r"is missing|damage|expected "):
        rule(trained.ctx())


def test_the_index_says_where_and_when_a_patch_is(trained):
    index = gpd.read_parquet(index_path(trained))
    assert list(pq.read_schema(index_path(trained)).names) == SCHEMA.names
    assert index.crs.to_epsg() == 4326
    for key in trained.keys:
        cells = gpd.read_parquet(trained.storage.table_path("patches", key))
        expected = cells.to_crs(4326).set_index("patch_id")
        rows = index[index["tile"] == key].set_index("patch_id")
        assert (
            len(rows) == trained.storage.require("aligned_dataset", key).facts.patches
        )
        cells = expected.loc[rows.index]
        apart = shapely.hausdorff_distance(rows.geometry.values, cells.geometry.values)
        assert apart.max() < 1e-8
        assert (rows["season"] == cells["season"]).all()
        inside = shapely.contains_xy(rows.geometry.values, rows["lon"], rows["lat"])
        assert inside.all()


def test_the_index_counts_the_pixels_of_each_map(trained):
    table = pq.read_table(index_path(trained)).to_pylist()
    root = trained.storage.folder("aligned_dataset") / "Reference_Maps"
    for row in table:
        patch = row["patch_id"]
        path = root / patch[:-6] / patch / f"{patch}_reference_map.tif"
        with rasterio.open(path) as raster:
            codes, counts = np.unique(raster.read(1), return_counts=True)
        assert row["pixels"] == list(zip(codes.tolist(), counts.tolist(), strict=True))
        assert [LABELS[n] for n in row["labels_19"]] == [
            label for label in LABELS if label in row["labels"]
        ]


def test_one_query_finds_patches_by_place_season_country_and_land_cover(trained):
    rows = duckdb.sql(
        f"SELECT patch_id, pixels FROM '{index_path(trained)}' "
        "WHERE country = 'Portugal' AND season = 'summer' "
        "AND bbox.xmin >= -10 AND bbox.xmax <= -4 AND bbox.ymin >= 40 "
        "AND map_extract(pixels, 211)[1] > 0.2 * 14400"
    ).fetchall()
    everything = pq.read_table(index_path(trained)).to_pylist()
    expected = [
        row["patch_id"]
        for row in everything
        if row["country"] == "Portugal" and dict(row["pixels"]).get(211, 0) > 2880
    ]
    assert len(rows) > 0
    assert sorted(patch for patch, _ in rows) == sorted(expected)


def test_a_box_is_read_by_its_bounding_boxes(trained):
    box = (12, 47, 14, 50)
    found = gpd.read_parquet(index_path(trained), bbox=box)
    assert set(found["tile"]) == {trained.keys[0]}
    rows = pq.read_table(index_path(trained), columns=["lon", "lat"])
    points = gpd.GeoSeries.from_xy(rows["lon"], rows["lat"], crs=4326)
    along = points.hilbert_distance((-180, -90, 180, 90), level=16)
    assert along.is_monotonic_increasing, "neighbours lie together in the file"


def test_shards_hold_every_part_of_each_patch(trained):
    found = samples(trained.storage.folder("release_shards"))
    rows = {r["patch_id"]: r for r in pq.read_table(index_path(trained)).to_pylist()}
    keys = set()
    for part, patches in found.items():
        for patch, parts in patches.items():
            row, facts = rows.pop(patch), json.loads(parts["json"])
            unclear = row["contains_seasonal_snow"] or row["contains_cloud_or_shadow"]
            assert part == ("unclear" if unclear else row["split"])
            assert sorted(parts) == MEMBERS
            keys.add(tuple(facts))
            assert facts["labels_19"] == row["labels_19"]
            with PatchDatabase(
                trained.storage.folder("training_lmdb") / f"{row['tile']}.lmdb"
            ) as database:
                assert parts["s2.safetensors"] == database.get(patch)
                if row["s1_name"]:
                    assert parts["s1.safetensors"] == database.get(row["s1_name"])
                else:
                    assert load(parts["s1.safetensors"]) == {}
            codes = load(parts["map.safetensors"])["Data"]
            classes = load(parts["map19.safetensors"])["Data"]
            assert classes.dtype == np.uint8
            for code in np.unique(codes):
                label = LABEL_OF_CODE.get(int(code))
                expected = 255 if label is None else LABELS.index(label)
                assert set(classes[codes == code]) == {expected}
    assert rows == {}
    assert len(keys) == 1


def test_shards_mix_the_tiles(trained):
    found = samples(trained.storage.folder("release_shards"))
    order = [patch[:-6] for patch in found["test"]]
    changes = sum(a != b for a, b in itertools.pairwise(order))
    assert changes > len(set(order))


def _numbers_of_shards(folder: Path) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = {}
    for name in sorted(tars(folder)):
        part, _, number = name.removesuffix(".tar").rpartition("-")
        numbers.setdefault(part, []).append(int(number))
    return numbers


def test_shards_are_cut_at_their_limit_and_stay_in_order(trained):
    whole = samples(trained.storage.folder("release_shards"))
    make_release_shards(trained.ctx(), limit=2_000_000)
    folder = trained.storage.folder("release_shards")
    sizes = [len(content) for content in tars(folder).values()]
    assert len(sizes) > 4
    assert max(sizes) <= 2_000_000
    for part, listed in _numbers_of_shards(folder).items():
        assert listed == list(range(len(listed))), part
    assert {part: list(p) for part, p in samples(folder).items()} == {
        part: list(p) for part, p in whole.items()
    }
    assert shards_hold_every_patch_once(trained.ctx()).passed


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 2, 0)])
def test_the_order_in_which_tiles_are_made_has_no_influence(trained, order, tmp_path):
    """On shards, index, statistics, card and subsets."""
    other = Pipeline(trained.synthetic, tmp_path / "other")
    other.root.mkdir()
    link_tree(trained.data, other.data)
    for asset in ("training_lmdb", *TRAINING_STEPS):
        shutil.rmtree(other.storage.folder(asset))
    for number in order:
        other.make("training_lmdb", other.keys[number])
    for asset in TRAINING_STEPS:
        record = other.make(asset)
        assert record.sha256 == trained.storage.require(asset, "release").sha256
    selection = Selection("split = 'test'", share=0.5, per_class=2)
    first, second = (
        make_subset(p.ctx(), "mini", selection, has_lmdb=True, has_shards=True)
        for p in (trained, other)
    )
    assert first.sha256 == second.sha256


def test_one_thread_writes_the_same_shards(trained, monkeypatch):
    before = tars(trained.storage.folder("release_shards"))
    monkeypatch.setattr("ben_assets.steps.shards.cpu_count", lambda: 1)
    trained.make("release_shards")
    assert tars(trained.storage.folder("release_shards")) == before


def test_statistics_are_those_of_all_pixels_at_once(trained):
    path = trained.storage.folder("release_statistics") / "statistics.json"
    found = json.loads(path.read_text())["splits"]
    shards = samples(trained.storage.folder("release_shards"))
    for part, patches in shards.items():
        pixels: dict[str, list[np.ndarray]] = {}
        labels: Counter[str] = Counter()
        for parts in patches.values():
            for member in ("s1.safetensors", "s2.safetensors"):
                for band, values in load(parts[member]).items():
                    pixels.setdefault(band, []).append(values.ravel())
            labels.update(json.loads(parts["json"])["labels"])
        assert set(found[part]["bands"]) == set(pixels)
        for band, arrays in pixels.items():
            values = np.concatenate(arrays).astype(np.float64)
            stated = found[part]["bands"][band]
            assert stated["count"] == values.size
            assert stated["mean"] == pytest.approx(values.mean(), rel=1e-12)
            assert stated["deviation"] == pytest.approx(values.std(), rel=1e-9)
            assert (stated["min"], stated["max"]) == (values.min(), values.max())
            exact = np.percentile(values, 95, method="inverted_cdf")
            step = 0.011 if band in ("VV", "VH") else 0
            assert stated["percentiles"]["95"] == pytest.approx(exact, abs=step)
        counts = {n: count for n, count in found[part]["labels"].items() if count}
        assert counts == dict(labels)


def test_the_card_says_what_must_be_known(trained):
    folder = trained.storage.folder("release_card")
    text = (folder / "README.md").read_text()
    for words in (
        "999 means that no CORINE polygon",
        "VH comes before VV",
        "`validation`, never `val`",
        "reBEN",
        "IGARSS",
        "BigEarthNet v1",
        "Copernicus",
        "value scale | bigearthnet",
        "recipe of the labels | bigearthnet-v2",
        "path: shards/train-*.tar",
        "| 2 | 1 | Arable land |",
        "do not go element by element",
        "patch_id_split_mapping.csv",
    ):
        assert words in text, words
    classes = json.loads((folder / "classes.json").read_text())
    assert classes["paper_order"] == list(LABELS)
    assert classes["alphabetical_order"] == sorted(LABELS)
    assert [c["code"] for c in classes["classes"][0]["codes"]] == [111, 112]
    croissant = json.loads((folder / "croissant.json").read_text())
    (index,) = (d for d in croissant["distribution"] if d["@id"] == "index")
    assert index["encodingFormat"] == "application/x-parquet"
    assert index["sha256"] in json.dumps(
        json.loads(
            (trained.storage.record_path("release_index", "release")).read_text()
        )
    )


def extracted(pipeline: Pipeline, root: Path) -> Path:
    """The archives and tables of the release, as a user extracts them."""
    archives = pipeline.storage.folder("release_archives")
    for path in archives.glob("*.tar.zst"):
        for name, content in members(path):
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for path in archives.glob("*.parquet"):
        shutil.copy(path, root)
    shutil.copy(pipeline.storage.folder("release_card") / "MANIFEST.csv.zst", root)
    return root / "MANIFEST.csv.zst"


def test_the_manifest_proves_every_extracted_file(trained, tmp_path):
    root = tmp_path / "extracted"
    root.mkdir()
    manifest = extracted(trained, root)
    compared: list[int] = []
    assert list(compare_with_manifest(root, manifest, compared.append)) == []
    assert compared == [sum(1 for _ in read_manifest(manifest))]
    paths = sorted(root.rglob("*_B02.tif"))
    gone, cut, changed, linked = paths[:4]
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")
    linked.rename(tmp_path / "elsewhere.tif")
    linked.symlink_to(tmp_path / "elsewhere.tif")
    added = root / "Reference_Maps" / "added.aux.xml"
    added.write_text("")
    found = {
        root / path: problem for path, problem in compare_with_manifest(root, manifest)
    }
    assert {path: problem.split(":")[0] for path, problem in found.items()} == {
        gone: "missing",
        cut: "wrong",
        changed: "wrong",
        linked: "wrong",
        added: "extra",
    }
    said = CliRunner().invoke(app, ["verify-release", str(root), "--json"])
    assert said.exit_code == 1
    assert {root / one["file"]: one["problem"] for one in json.loads(said.output)} == (
        found
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("path,sha256\n", "line 1: expected path,bytes,sha256"),
        ("path,bytes,sha256\n../x,1," + "0" * 64 + "\n", "line 2: .*below the root"),
        ("path,bytes,sha256\nx,one," + "0" * 64 + "\n", "line 2: expected path,bytes"),
        ("path,bytes,sha256\nx,\u00b2,0\n", "line 2: expected path,bytes"),
        ("path,bytes,sha256\nx,1,0\n", "line 2: expected 64 hex digits"),
        ("path,bytes,sha256\n" + "x" * 70_000, "a line is longer than 65536 bytes"),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path, text, says):
    path = tmp_path / "MANIFEST.csv.zst"
    path.write_bytes(zstandard.compress(text.encode()))
    with pytest.raises(InvalidInput, match=says):
        list(compare_with_manifest(tmp_path, path))


def test_a_manifest_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "MANIFEST.csv.zst"
    path.write_bytes(b"nonsense")
    with pytest.raises(InvalidInput, match="found damage"):
        list(compare_with_manifest(tmp_path, path))
    path.write_bytes(zstandard.compress(b"path,bytes,sha256\n")[:-3])
    with pytest.raises(InvalidInput, match="it is cut off"):
        list(compare_with_manifest(tmp_path, path))
    path.unlink()
    with pytest.raises(MissingInput, match="take it from the release"):
        list(compare_with_manifest(tmp_path, path))
    os.mkfifo(path)
    with pytest.raises(InvalidInput, match="expected a file, found a FIFO"):
        list(compare_with_manifest(tmp_path, path))


def test_a_subset_is_what_its_condition_says(trained):
    ctx = trained.ctx()
    rows = pq.read_table(index_path(trained)).to_pylist()
    summer = {row["patch_id"] for row in rows if row["season"] == "summer"}
    whole = make_subset(ctx, "summer", Selection("season = 'summer'"))
    assert whole.facts.patches == len(summer)
    half = make_subset(ctx, "half", Selection("season = 'summer'", share=0.5, seed=1))
    tenth = make_subset(ctx, "tenth", Selection("season = 'summer'", share=0.1, seed=1))
    lists = {
        record.asset: set(
            (trained.storage.folder(record.asset) / "patch_ids.txt").read_text().split()
        )
        for record in (whole, half, tenth)
    }
    assert (
        lists["subsets/tenth"]
        < lists["subsets/half"]
        < lists["subsets/summer"]
        == summer
    )
    options = ("--where", "season = 'summer'", "--share", "0.5", "--seed", "2")
    said = CliRunner().invoke(app, ["subset", "half", *options], env=trained.settings)
    assert said.exit_code == 0, said.output
    other = trained.storage.require("subsets/half", RELEASE)
    assert f"sha256 of their list: {other.facts.patches_sha256}" in said.output
    assert f"{other.facts.patches} of {len(rows)} patches chosen" in said.output
    assert other.facts.patches_sha256 != half.facts.patches_sha256
    few = make_subset(ctx, "few", Selection(per_class=1))
    taken = pq.read_table(trained.storage.folder("subsets/few") / INDEX_FILE)
    labels = {label for row in taken["labels"].to_pylist() for label in row}
    assert labels == {label for row in rows for label in row["labels"]}
    assert few.facts.patches <= len(labels)


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        (Selection("no_such_column = 1"), "DuckDB refuses it.*no_such_column"),
        (Selection("true) ; DROP TABLE patches; SELECT (1"), "one condition|refuses"),
        (Selection("(SELECT count(*) FROM '/etc/passwd') > 0"), "DuckDB refuses it"),
        (Selection("x < 0"), "no patch of the 58 in the index fits"),
    ],
    ids=["column", "statements", "files", "nothing"],
)
def test_a_condition_that_cannot_be_is_refused(trained, selection, says):
    with leaves_no_trace(trained), pytest.raises(InvalidInput, match=says):
        make_subset(trained.ctx(), "mini", selection)


def verified(pipeline: Pipeline) -> tuple[list[Difference], list[str]]:
    """What differs of the release and its subsets, and the commands to repair it."""
    snapshot = Snapshot(pipeline.data)
    found = list(find_differences(snapshot, deep=True, tiles=[RELEASE]))
    return found, repair_commands(found, snapshot)


def test_a_damaged_subset_is_named_with_the_command_that_repairs_it(
    trained, monkeypatch
):
    chosen = Selection("season = 'summer'", share=0.5, seed=3, per_class=2)
    record = make_subset(trained.ctx(), "mini", chosen, has_lmdb=True, has_shards=True)
    assert verified(trained) == ([], [])
    folder = trained.storage.folder("subsets/mini")
    whole = tree_of(folder)
    tar = next(folder.glob("*.tar"))
    replace_file(tar, tar.read_bytes()[:-1] + b"x")
    (folder / "mini.lmdb" / "data.mdb").unlink()
    found, (command,) = verified(trained)
    named = {(one.asset, one.file, one.kind.value) for one in found}
    assert named == {
        ("subsets/mini", tar.name, "wrong"),
        ("subsets/mini", "mini.lmdb/data.mdb", "missing"),
    }
    for name, value in trained.settings.items():
        monkeypatch.setenv(name, value)
    said = CliRunner().invoke(app, shlex.split(command)[1:])
    assert said.exit_code == 0, said.output
    assert record.facts.patches_sha256 in said.output
    assert tree_of(folder) == whole
    assert verified(trained) == ([], [])


def test_a_subset_without_its_record_has_to_go(trained):
    make_subset(trained.ctx(), "mini", Selection())
    folder = trained.storage.folder("subsets/mini")
    (folder / "release.json").unlink()
    found, commands = verified(trained)
    assert ("release.json", "missing") in {(one.file, one.kind.value) for one in found}
    assert commands == [f"rm -r -- {folder}"]


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 65])
def test_a_name_that_is_no_directory_is_refused(trained, name):
    with pytest.raises(InvalidInput, match="expected letters, digits"):
        make_subset(trained.ctx(), name, Selection())


def test_a_published_folder_holds_the_whole_release(trained, tmp_path):
    target = tmp_path / "published"
    trained.log.clear()
    count = publish_folder(trained.ctx(), target)
    assert trained.log[-1].startswith(f"{count} of {count}: ")
    files = sorted(str(p.relative_to(target)) for p in target.rglob("*") if p.is_file())
    assert count == len(files)
    assert {(target / name).stat().st_mode & 0o777 for name in files} == {0o444}
    top = {name.partition("/")[0] for name in files}
    assert top == {
        *("CITATION.cff", "LICENSE", "MANIFEST.csv.zst", "README.md", "archives"),
        *("classes.json", "croissant.json", "index", "lmdb", "shards"),
        "statistics.json",
    }
    with pytest.raises(InvalidInput, match="where nothing is"):
        publish_folder(trained.ctx(), target)


def test_the_libraries_of_its_formats_read_a_published_folder(trained, tmp_path):
    """In a process of its own, which knows nothing of the platform."""
    publish_folder(trained.ctx(), tmp_path / "published")
    script = REPOSITORY / "clients" / "checks" / "formats.py"
    assert "ben_assets" not in script.read_text()
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    index = pq.read_table(index_path(trained))
    counts = [int(n) for n in re.findall(r" (\d+)(?=[,;])", done.stdout)]
    assert sum(counts) == len(index)


def test_the_lines_of_the_page_read_a_published_folder(trained, tmp_path, monkeypatch):
    """Tensors of a patch, and the verification of a download, as pasted."""
    publish_folder(trained.ctx(), tmp_path / "published")
    monkeypatch.chdir(tmp_path / "published")
    page = (REPOSITORY / "docs/training.md").read_text()
    reading = page.split("## Read tensors")[1].split("```python\n")[1]
    names: dict[str, object] = {}
    exec(reading.partition("```")[0], names)
    assert len(names["bands"]) == 12
    names["database"].close()
    verifying = page.split("### Verify a download")[1].split("```sh\n")[1]
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", verifying.partition("```")[0]],
        env={**os.environ, "PATH": programs},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    n_files = len(list(read_manifest(Path("MANIFEST.csv.zst"))))
    assert f"{n_files:,} files listed, 0 that differ" in done.stdout


def test_a_large_file_is_published_in_parts(trained, tmp_path):
    publish_folder(trained.ctx(), tmp_path / "parts", part_bytes=1_000_000)
    parts = sorted((tmp_path / "parts" / "lmdb" / "BigEarthNet.lmdb").iterdir())
    assert len(parts) > 10
    whole = trained.storage.folder("release_lmdb") / "BigEarthNet.lmdb" / "data.mdb"
    assert b"".join(path.read_bytes() for path in parts) == whole.read_bytes()
    files = release_files(trained.ctx(), part_bytes=whole.stat().st_size)
    assert whole in {file.source for file in files if not file.is_part}


def test_a_release_with_a_cut_file_is_not_published(trained, tmp_path):
    path = trained.storage.folder("release_archives") / "BigEarthNet-S2.tar.zst"
    replace_file(path, path.read_bytes()[:-1])
    says = r"BigEarthNet-S2.tar.zst is wrong .*; materialize release_archives again"
    with pytest.raises(InvalidInput, match=says):
        publish_folder(trained.ctx(), tmp_path / "published")
    assert not list(tmp_path.glob("*published*"))


@pytest.mark.parametrize("asset", TRAINING_STEPS)
def test_another_set_of_tiles_is_noticed(trained, asset, tmp_path):
    """A tile leaves the release: what was made with it cannot be published."""
    remove_tile(trained.storage, "aligned_dataset", trained.keys[0])
    with leaves_no_trace(trained):
        with pytest.raises(BenError, match="another set of tiles"):
            publish_folder(trained.ctx(), tmp_path / "published")
        if asset not in ("release_index", "release_lmdb"):
            with pytest.raises(InvalidInput, match="another set of tiles"):
                trained.make(asset)
    assert not list(tmp_path.glob("*published*"))


@pytest.mark.parametrize(
    ("asset", "missing", "says"),
    [
        ("release_index", "aligned_dataset", "no tile has a record"),
        ("release_lmdb", "training_lmdb", "training_lmdb of .* is not on disk"),
        ("release_shards", "release_index", "release_index of release is not on disk"),
        ("release_statistics", "training_lmdb", "training_lmdb of .* is not on disk"),
        ("release_card", "release_index", "release_index of release is not on disk"),
    ],
)
def test_what_is_missing_is_named(trained, asset, missing, says):
    shutil.rmtree(trained.storage.folder(missing))
    with leaves_no_trace(trained), pytest.raises(MissingInput, match=says):
        trained.make(asset)


@pytest.mark.parametrize(
    ("asset", "name", "reader"),
    [
        ("metadata_tables", f"{DEMO_TILES[0].key}.parquet", "release_metadata"),
        ("patches", f"{DEMO_TILES[0].key}.parquet", "release_index"),
        ("release_metadata", "metadata.parquet", "release_archives"),
        ("release_index", "bigearthnet_index.parquet", "release_card"),
    ],
)
def test_a_table_that_is_none_is_named(trained, asset, name, reader):
    path = trained.storage.folder(asset) / name
    content = path.read_bytes()
    for damage in (Path.mkdir, lambda path: path.write_bytes(content[:-9])):
        path.unlink(missing_ok=True)
        damage(path)
        says = rf"{name}: expected .*found .*; materialize {asset} of .* again"
        with leaves_no_trace(trained), pytest.raises(InvalidInput, match=says):
            trained.make(reader)
        path.rmdir() if path.is_dir() else path.unlink()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1  # which parquet itself may read without a word
    path.write_bytes(flipped)
    says = rf"{name}: expected sha256 .*, found .*; materialize {asset} of .* again"
    with leaves_no_trace(trained), pytest.raises(InvalidInput, match=says):
        trained.make(reader)


def test_an_index_is_of_the_maps_that_its_labels_are_of(trained):
    key = DEMO_TILES[0].key
    path = trained.own_inputs("reference") / GEOPACKAGE
    table = gpd.read_file(path)
    path.unlink()
    table.assign(Code_18="312").to_file(path, layer=LAYER)
    trained.make("reference_maps", key)
    says = rf"aligned_dataset of {key} was made from something else .*reference_maps: "
    with leaves_no_trace(trained), pytest.raises(InvalidInput, match=says):
        trained.make("release_index")


def test_a_damaged_index_is_named(trained):
    replace_file(index_path(trained), b"PAR1")
    with (
        leaves_no_trace(trained),
        pytest.raises(
            InvalidInput, match=r"index.parquet: expected \d+ bytes, found 4; mat"
        ),
    ):
        trained.make("release_statistics")
