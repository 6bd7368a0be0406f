"""Names in records and journals that lead out of the data root are never followed."""

import json
import shutil

import pytest

from ben_assets.bigearthnet.errors import BenError, InvalidInput
from ben_assets_tests.support.pipeline import edit_record
from resources.data_root.store import Record, Storage

ASSET, TILE, OTHER = "tree", "T33UUP_20170613T101031", "T33UVP_20170613T101031"
ESCAPES = [
    "../../precious",
    "{victim}",
    "a/../../../precious",
    ".drafts",
    f"{OTHER}.json",
    "x" * 256,
    "\u00e4" * 128,
    "x/" * 1024 + "x",
    "\ud800",
]


@pytest.fixture
def victim(tmp_path):
    """Something of the user's beside the data root."""
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    return folder


@pytest.fixture
def storage(tmp_path):
    storage = Storage(tmp_path / "data")
    make(storage)
    return storage


def make(storage, text="x", output="a"):
    with storage.draft(ASSET, TILE) as draft:
        (draft.path / output).mkdir(parents=True)
        (draft.path / output / "file").write_text(text)
        record = Record(asset=ASSET, tile=TILE, digests={}, bytes=1, outputs=(output,))
        return draft.publish(record, keep_hash_list=False)


def content(storage):
    return (storage.folder(ASSET) / "a" / "file").read_text()


@pytest.mark.parametrize("name", ESCAPES)
def test_a_record_with_a_path_that_leaves_is_damaged(storage, victim, name):
    path = storage.record_path(ASSET, TILE)
    edit_record(path, '"a"', json.dumps(name.format(victim=victim)))
    with pytest.raises(
        InvalidInput, match=rf"{TILE}.json is damaged \((outputs: |has half)"
    ):
        storage.find(ASSET, TILE)
    make(storage, "new")
    assert content(storage) == "new"
    assert (victim / "thesis.tex").exists()


@pytest.mark.parametrize("name", ESCAPES)
def test_a_journal_with_a_path_that_leaves_deletes_nothing(storage, victim, name):
    shutil.copy(storage.record_path(ASSET, TILE), storage.record_path(ASSET, OTHER))
    storage.record_path(ASSET, TILE).unlink()
    drafts = storage.folder(ASSET) / ".drafts"
    drafts.mkdir()
    journal = drafts / f"{TILE}-deadbeef.journal"
    journal.write_text(json.dumps([name.format(victim=victim), 7, "a"]))
    make(storage, "new")
    assert content(storage) == "new"
    assert (victim / "thesis.tex").exists()
    assert storage.record_path(ASSET, OTHER).exists()
    assert not drafts.exists()


@pytest.mark.parametrize("text", ["{", "7", '{"a": 1}', "[" * 100_000, "\xff"])
def test_a_damaged_journal_does_not_stop_the_next_run(storage, text):
    drafts = storage.folder(ASSET) / ".drafts"
    drafts.mkdir()
    (drafts / f"{TILE}-deadbeef.journal").write_bytes(text.encode("latin-1"))
    storage.record_path(ASSET, TILE).unlink()
    make(storage, "new")
    assert content(storage) == "new"
    assert not drafts.exists()


def test_an_output_behind_a_link_is_refused(storage, victim):
    (storage.folder(ASSET) / "tree").symlink_to(victim.parent)
    edit_record(storage.record_path(ASSET, TILE), '"a"', '"tree/precious"')
    with pytest.raises(InvalidInput, match=r"behind the link .*tree.*replace the link"):
        make(storage, "new")
    assert (victim / "thesis.tex").exists()
    assert content(storage) == "x"


def test_nothing_is_published_through_a_link(storage, victim):
    (storage.folder(ASSET) / "tree").symlink_to(victim)
    with pytest.raises(InvalidInput, match="behind the link"):
        make(storage, output="tree/b")
    assert [path.name for path in victim.iterdir()] == ["thesis.tex"]
    assert content(storage) == "x"


@pytest.mark.parametrize("kind", ["link", "dangling", "loop", "file"])
def test_an_output_that_became_something_else_is_replaced(storage, victim, kind):
    output = storage.folder(ASSET) / "a"
    shutil.rmtree(output)
    if kind == "file":
        output.write_text("something else")
    else:
        targets = {"link": victim, "dangling": victim / "gone", "loop": output}
        output.symlink_to(targets[kind])
    make(storage, "new")
    assert content(storage) == "new"
    assert not output.is_symlink()
    assert (victim / "thesis.tex").exists()


CHANGES = ("null", "true", "-1", "1.5", '"x"', "[]", "[7]", "{}", '{"a": 1}', "1e999")


@pytest.mark.parametrize("value", CHANGES)
def test_a_record_with_one_changed_field_is_damaged_and_is_made_again(storage, value):
    """Whatever the field; also where the digest of the text was adapted."""
    path = storage.record_path(ASSET, TILE)
    text = path.read_text()
    fixed = "asset tile files bytes sha256 outputs made_from made_with contents seal"
    for field in fixed.split():
        stored = json.loads(text)
        if json.dumps(stored[field]) == value:
            continue
        path.write_text(json.dumps({**stored, field: json.loads(value)}))
        with pytest.raises(InvalidInput, match=r"is damaged .* materialize tree of"):
            storage.find(ASSET, TILE)
        make(storage, "new")
        assert storage.find(ASSET, TILE) is not None


def test_a_record_that_is_a_directory_is_damaged_and_is_made_again(storage):
    path = storage.record_path(ASSET, TILE)
    path.unlink()
    path.mkdir()
    with pytest.raises(BenError, match="found a directory"):
        storage.find(ASSET, TILE)
    make(storage, "new")
    assert storage.require(ASSET, TILE).outputs == ("a",)
