import hashlib

import pandas as pd
import pytest

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets_tests.support.pipeline import replace_file

NAME = "s1s2_mapping.csv"
A, B, C = (f"S1A_IW_GRDH_1SDV_20170613T165043_33UUP_83_{n}" for n in (1, 2, 3))


@pytest.fixture
def mapping(pipeline):
    """Replaces the mapping of v1 to Sentinel-1; returns the names read from it."""
    path = pipeline.own_inputs("reference") / NAME

    def read(text, names):
        replace_file(path, text.encode())
        return pipeline.ctx().inputs.s1_names(names)

    return read


def test_a_line_that_is_there_twice_says_nothing_new(mapping):
    text = f"v1_a,{A}\nv1_b,{B}\nv1_a,{A}\n"
    assert mapping(text, ["v1_a"]) == {"v1_a": A}


def test_two_matching_patches_of_one_v1_patch_are_refused(mapping):
    with pytest.raises(InvalidInput, match="v1_a has several"):
        mapping(f"v1_a,{A}\nv1_a,{B}\n", ["v1_a"])
    assert mapping(f"v1_a,{A}\nv1_a,{B}\nv1_b,{C}\n", ["v1_b"]) == {"v1_b": C}


def test_a_list_that_changes_while_it_is_read_is_refused(pipeline, monkeypatch):
    path = pipeline.own_inputs("reference") / "patches_with_seasonal_snow.csv"
    read = pd.read_csv

    def read_slowly(*arguments, **options):
        table = read(*arguments, **options)
        replace_file(path, b"v1_other\n")
        return table

    monkeypatch.setattr(pd, "read_csv", read_slowly)
    with pytest.raises(InvalidInput, match=r"snow.csv changed while it was read; run"):
        pipeline.ctx().inputs.snow()


def test_the_digest_is_that_of_what_was_read(pipeline):
    path = pipeline.own_inputs("reference") / "patches_with_seasonal_snow.csv"
    inputs, content = pipeline.ctx().inputs, path.read_bytes()
    inputs.snow()
    replace_file(path, b"v1_other\n")
    assert inputs.digest(path.name) == {path.name: hashlib.sha256(content).hexdigest()}
