from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ben_assets.bigearthnet.legend import CLC2018, CODES, LABEL_OF_CODE, LABELS

PIXELS = 14_400
UNLABELED_CODES = (122, 123, 124, 131, 132, 133, 141, 142, 332, 334, 335, 423, 999)


def labels_of(pixels):
    return CLC2018.labels_of(pixels, 0.25)


def test_every_code_has_one_label_or_none():
    assert len(CODES) == len(set(CODES)) == 45
    assert len(LABELS) == 19
    assert sorted((*LABEL_OF_CODE, *UNLABELED_CODES)) == list(CODES)
    assert set(LABEL_OF_CODE.values()) == set(LABELS)


def test_the_nomenclature_is_that_of_bigearthnet_19():
    found: dict[str, str] = {}
    for code, label in LABEL_OF_CODE.items():
        found[label] = f"{found.get(label, '')} {code}".strip()
    assert found == {
        "Agro-forestry areas": "244",
        "Arable land": "211 212 213",
        "Beaches, dunes, sands": "331",
        "Broad-leaved forest": "311",
        "Coastal wetlands": "421 422",
        "Complex cultivation patterns": "242",
        "Coniferous forest": "312",
        "Industrial or commercial units": "121",
        "Inland waters": "511 512",
        "Inland wetlands": "411 412",
        "Land principally occupied by agriculture, with significant areas of natural "
        "vegetation": "243",
        "Marine waters": "521 522 523",
        "Mixed forest": "313",
        "Moors, heathland and sclerophyllous vegetation": "322 323",
        "Natural grassland and sparsely vegetated areas": "321 333",
        "Pastures": "231",
        "Permanent crops": "221 222 223 241",
        "Transitional woodland, shrub": "324",
        "Urban fabric": "111 112",
    }


@pytest.mark.parametrize(
    ("unlabeled", "is_labelled"), [(3599, True), (3600, False), (3601, False)]
)
def test_a_quarter_without_label_is_too_much(unlabeled, is_labelled):
    for code in UNLABELED_CODES:
        found = labels_of({code: unlabeled, 211: PIXELS - unlabeled})
        assert found == (["Arable land"] if is_labelled else None)


def test_shares_of_several_unlabelled_codes_add_up():
    assert labels_of({999: 1800, 131: 1800, 312: 10_800}) is None


@given(st.dictionaries(st.sampled_from(CODES), st.integers(1, PIXELS), min_size=1))
def test_labels_are_sorted_distinct_and_known(pixels):
    found = labels_of(pixels)
    if found is not None:
        assert found == sorted(set(found))
        assert set(found) <= set(LABELS)
        assert found


def test_a_patch_without_pixels_has_no_labels():
    assert labels_of({}) is None
