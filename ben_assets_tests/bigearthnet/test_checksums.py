from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ben_assets.bigearthnet.checksums import (
    file_digest,
    format_hash_list,
    hash_list_digest,
    parse_hash_list,
)
from ben_assets.bigearthnet.errors import InvalidInput

DIGEST = hashlib.sha256(b"").hexdigest()
digests = st.binary(max_size=8).map(lambda content: hashlib.sha256(content).hexdigest())
# a comma may occur: the digest has none
characters = st.characters(
    codec="utf-8", exclude_categories=["Zl", "Zp", "Cc"], exclude_characters="/"
)
# of at most four bytes each: no name is longer than a file system takes
names = st.text(characters, min_size=1, max_size=63).filter(
    lambda name: name not in (".", "..")
)


@given(st.dictionaries(names, digests))
def test_a_hash_list_survives_parsing(listed):
    assert parse_hash_list(format_hash_list(listed)) == listed


@given(st.dictionaries(names, digests))
def test_a_hash_list_is_sorted_bytewise_and_its_order_does_not_matter(listed):
    lines = format_hash_list(listed).encode().splitlines()[1:]
    found = [line.rpartition(b",")[0] for line in lines]
    assert found == sorted(found)
    backwards = dict(reversed(listed.items()))
    assert hash_list_digest(backwards) == hash_list_digest(listed)


def test_capitals_come_before_underscores_and_small_letters():
    listed = format_hash_list({"b_B8A": DIGEST, "b_B09": DIGEST, "B": DIGEST})
    assert [line.partition(",")[0] for line in listed.splitlines()] == [
        "name",
        "B",
        "b_B09",
        "b_B8A",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected the header 'name,hash-sha256', found ''"),
        ("name;hash\n", "found 'name;hash'"),
        (f"name,hash-sha256\na,{DIGEST}\nb,12\n", "line 3: expected .* found 'b,12'"),
        (f"name,hash-sha256\n,{DIGEST}\n", "line 2"),
        (f"name,hash-sha256\na/../../b,{DIGEST}\n", "line 2"),
        (f"name,hash-sha256\n..,{DIGEST}\n", "line 2"),
        (f"name,hash-sha256\na,{'x' * 64}\n", "line 2"),
    ],
)
def test_what_is_no_hash_list_is_refused(text, reason):
    with pytest.raises(InvalidInput, match=f"^list.csv.*{reason}"):
        parse_hash_list(text, "list.csv")


def test_a_file_digest_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)
    assert file_digest(path) == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert file_digest(path, "md5") == hashlib.md5(b"x" * 3_000_000).hexdigest()
