import pytest

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets_tests.support.pipeline import replace_file

NAME = "s1s2_mapping.csv"


@pytest.fixture
def mapping(pipeline):
    """Replaces the mapping of v1 to Sentinel-1; returns the names read from it."""
    path = pipeline.own_inputs("reference") / NAME

    def read(text, names):
        replace_file(path, text.encode())
        return pipeline.ctx().inputs.s1_names(names)

    return read


def test_a_line_that_is_there_twice_says_nothing_new(mapping):
    text = "v1_a,s1_a\nv1_b,s1_b\nv1_a,s1_a\n"
    assert mapping(text, ["v1_a"]) == {"v1_a": "s1_a"}


def test_two_matching_patches_of_one_v1_patch_are_refused(mapping):
    with pytest.raises(InvalidInput, match="v1_a has several"):
        mapping("v1_a,s1_a\nv1_a,s1_b\n", ["v1_a"])
    assert mapping("v1_a,s1_a\nv1_a,s1_b\nv1_b,s1_c\n", ["v1_b"]) == {"v1_b": "s1_c"}
