"""Where a file lies inside the data set, known from its name alone."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ben_assets.bigearthnet.product_names import s1_acquisition, tile_id_of_patch

S1_ROOT: Final = "BigEarthNet-S1"
S2_ROOT: Final = "BigEarthNet-S2"
MAPS_ROOT: Final = "Reference_Maps"
ARCHIVE_OF_ROOT: Final = {S1_ROOT: "S1", S2_ROOT: "S2", MAPS_ROOT: "Reference_Maps"}
"""Root folder to the name of a tile's archive of it, without ``.tar.zst``."""


class ReleaseDirectory(StrEnum):
    """A directory of a published release, which an upload can do without."""

    INDEX = "index"
    SHARDS = "shards"
    ARCHIVES = "archives"
    LMDB = "lmdb"


MAP_SUFFIX: Final = "_reference_map"
S1_BANDS: Final = ("VV", "VH")
"""Polarizations of a Sentinel-1 patch: the only files of it in the data set."""


def patch_folder(patch: str) -> str:
    """Folder of a patch or of its reference map: ``<tile id>/<patch id>``."""
    return f"{tile_id_of_patch(patch)}/{patch}"


def s1_folder(s1_name: str) -> str:
    """Folder of a Sentinel-1 patch: ``<acquisition>/<s1_name>``."""
    return f"{s1_acquisition(s1_name)}/{s1_name}"


def path_of(name: str) -> str:
    """Path inside the data set of a file name without extension.

    >>> path_of("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_26_57_B8A")
    ... # doctest: +ELLIPSIS
    'BigEarthNet-S2/S2A_..._T33UUP/S2A_..._T33UUP_26_57/S2A_..._26_57_B8A.tif'
    """
    if name.endswith(MAP_SUFFIX):
        folder = f"{MAPS_ROOT}/{patch_folder(name.removesuffix(MAP_SUFFIX))}"
    elif name.startswith("S1"):
        folder = f"{S1_ROOT}/{s1_folder(name.rpartition('_')[0])}"
    else:
        folder = f"{S2_ROOT}/{patch_folder(name.rpartition('_')[0])}"
    return f"{folder}/{name}.tif"


def run_of(path: str) -> str:
    """What the paths of all files begin with that stay together in any archive.

    That is a tile in S2 and maps. In S1 it is a place in an acquisition: only another
    date of that place can have files between these.

    >>> tile = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
    >>> run_of(path_of(f"{tile}_26_57_B8A"))
    'BigEarthNet-S2/S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP/'
    >>> run_of(path_of("S1A_IW_GRDH_1SDV_20170613T165043_33UUP_83_83_VH"))
    ... # doctest: +ELLIPSIS
    'BigEarthNet-S1/S1A_..._20170613T165043/S1A_..._20170613T165043_33UUP_'
    """
    root, folder, patch, _ = path.split("/")
    place = f"{patch.rsplit('_', 2)[0]}_" if root == S1_ROOT else ""
    return f"{root}/{folder}/{place}"
