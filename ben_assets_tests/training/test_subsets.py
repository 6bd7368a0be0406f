"""Which rows of an index a subset takes, on a table of a few rows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.training.subsets import Selection, require_name, select_patches

LABELS = [["a"], ["a"], ["a", "b"], ["b"], ["a"]]
INDEX = pa.table({"patch_id": [f"p{n}" for n in range(5)], "labels": LABELS})


def chosen(**selection: object) -> list[str]:
    return select_patches(INDEX, Selection(**selection))


def test_a_share_is_rounded_up_and_a_smaller_one_is_part_of_it():
    assert [len(chosen(share=share)) for share in (0.01, 0.5, 0.61, 1)] == [1, 3, 4, 5]
    assert chosen(share=0.5) == chosen()[:3]


def test_another_seed_gives_another_order():
    assert len({tuple(chosen(seed=seed)) for seed in range(5)}) > 1


@pytest.mark.parametrize("wanted", [1, 2])
def test_of_each_label_as_many_as_wanted_and_none_in_excess(wanted):
    labels_of = dict(zip(INDEX["patch_id"].to_pylist(), LABELS, strict=True))
    taken = chosen(per_class=wanted)
    for place, patch in enumerate(taken):
        before = [label for one in taken[:place] for label in labels_of[one]]
        assert any(before.count(label) < wanted for label in labels_of[patch])
    for label in ("a", "b"):
        assert sum(label in labels_of[one] for one in taken) >= wanted


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("true); SELECT ('p', ['a']", "expected one condition"),
        ("patch_id IN (SELECT content FROM read_text('/etc/hostname'))", "refuses it"),
    ],
    ids=["two statements", "a file"],
)
def test_a_condition_can_do_nothing_but_choose(where, says):
    with pytest.raises(InvalidInput, match=says):
        chosen(where=where)


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        ({"share": 0}, "--share: expected a number above 0 and at most 1, found 0"),
        ({"share": 1.01}, "--share: expected a number above 0 and at most 1, found 1"),
        ({"per_class": 0}, "--per-class: expected 1 or more, found 0"),
    ],
    ids=["nothing", "more than all", "none of a class"],
)
def test_what_cannot_be_meant_is_refused(selection, says):
    with pytest.raises(InvalidInput, match=says):
        chosen(**selection)


def test_a_subset_has_a_name_that_any_directory_can_have():
    assert require_name("a-b_C" * 12) == "a-b_C" * 12
    for name in ("", "a/b", "..", "a" * 65):
        with pytest.raises(InvalidInput, match="expected letters, digits, - and _"):
            require_name(name)
