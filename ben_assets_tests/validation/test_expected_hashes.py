import pytest

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.validation.expected_hashes import compare
from ben_assets_tests.support.facts import facts_of
from resources.data_root.records import StoredRecord


def record(tile="TILE", **facts):
    return StoredRecord(
        asset="l2a_tiles",
        tile=tile,
        files=12,
        bytes=34,
        sha256="a1",
        outputs=(),
        facts=facts_of("l2a_tiles", **facts),
    )


@pytest.fixture
def tracked(tmp_path):
    """Writes the tracked rows of ``l2a_tiles``; returns the folder."""

    def write(text):
        (tmp_path / "hashes").mkdir()
        (tmp_path / "hashes/l2a_tiles.csv").write_text(text)
        return tmp_path

    return write


def test_equal_numbers_pass_and_others_are_named(tracked):
    folder = tracked("tile,files,bytes,sha256\nTILE,12,34,a1\nWRONG,12,35,a2\n")
    assert compare(record(), folder).passed
    other = compare(record("WRONG"), folder)
    assert not other.passed
    assert other.description == "differs from the tracked hash in bytes, sha256"
    new = compare(record("NEW"), folder)
    assert (new.passed, new.is_warning) == (True, True)
    assert new.expected == "none tracked"


@pytest.mark.parametrize(
    ("facts", "passes"),
    [
        ({"processor": "sen2cor", "version": "2.11.0"}, True),
        ({"processor": "sen2cor", "version": "unknown"}, True),
        ({"processor": "sen2cor", "version": "2.12.3"}, False),
    ],
    ids=["required", "imported", "newer"],
)
def test_another_sen2cor_does_not_pass_whatever_the_numbers(tracked, facts, passes):
    folder = tracked("tile,files,bytes,sha256\nTILE,12,34,a1\n")
    assert compare(record(**facts), folder).passed == passes


def test_a_file_without_one_of_the_columns_is_refused(tracked):
    folder = tracked("tile,files,sha256\nTILE,12,a1\n")
    with pytest.raises(InvalidInput, match="expected the columns tile, files, bytes"):
        compare(record(), folder)
