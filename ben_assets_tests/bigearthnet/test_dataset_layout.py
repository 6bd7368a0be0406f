import pytest

from ben_assets.bigearthnet.dataset_layout import ARCHIVE_OF_ROOT, S1_BANDS, path_of

TILE = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
S1 = "S1A_IW_GRDH_1SDV_20170613T165043"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (
            f"{TILE}_26_57_B8A",
            f"BigEarthNet-S2/{TILE}/{TILE}_26_57/{TILE}_26_57_B8A.tif",
        ),
        (
            f"{TILE}_26_57_reference_map",
            f"Reference_Maps/{TILE}/{TILE}_26_57/{TILE}_26_57_reference_map.tif",
        ),
        (
            f"{S1}_33UUP_26_57_VH",
            f"BigEarthNet-S1/{S1}/{S1}_33UUP_26_57/{S1}_33UUP_26_57_VH.tif",
        ),
    ],
    ids=["band", "map", "Sentinel-1"],
)
def test_a_file_lies_where_its_name_says(name, path):
    assert path_of(name) == path


def test_three_archives_hold_the_data_set_and_both_polarizations():
    assert ARCHIVE_OF_ROOT == {
        "BigEarthNet-S1": "S1",
        "BigEarthNet-S2": "S2",
        "Reference_Maps": "Reference_Maps",
    }
    assert S1_BANDS == ("VV", "VH")
