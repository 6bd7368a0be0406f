"""An extracted BigEarthNet v1 (Sentinel-2): where each of its patches lies.

A patch is a folder ``<name>`` with ``<name>_B01.tif`` and further bands, and
``<name>_labels_metadata.json``. The raster has the last word; where there is none, the
corners and the projection of the JSON file count.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pyproj
import rasterio
from pyproj.exceptions import CRSError
from rasterio.errors import RasterioIOError

from ben_assets.bigearthnet.bigearthnet_v1 import (
    V1Footprint,
    footprint_table,
    is_v1_name,
)
from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.plain_files import read_plain
from resources.data_root.files import local_errors, put_in_place
from resources.inputs.pins import V1_ZONES, footprints_name

_PROGRESS_STEP: Final = 20_000


def write_footprints(
    root: Path, target: Path, log: Callable[[str], None]
) -> dict[int, int]:
    """Write ``bigearthnet_v1_spatial_<epsg>.parquet`` for each zone that v1 has.

    Args:
        root: extracted v1; its patch folders may lie at any depth.
        target: folder for the files.
        log: takes progress lines.

    Returns:
        EPSG code to the number of patches.

    Raises:
        MissingInput: no patch below ``root``, or one without raster and JSON file.
        InvalidInput: a patch is damaged, there twice, or outside the zones of v1.
    """
    by_zone: dict[int, list[V1Footprint]] = defaultdict(list)
    for number, footprint in enumerate(read_footprints(root), start=1):
        by_zone[footprint.epsg].append(footprint)
        if number % _PROGRESS_STEP == 0:
            log(f"{number} patches read")
    for epsg in by_zone.keys() - set(V1_ZONES):
        raise InvalidInput(
            f"{root}: {by_zone[epsg][0].name} is in EPSG:{epsg}; expected one of the "
            f"zones of BigEarthNet v1: {', '.join(map(str, V1_ZONES))}"
        )
    with local_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        for epsg, footprints in by_zone.items():
            path = target / footprints_name(epsg)
            partial = path.with_name(f".{path.name}.part")
            footprint_table(footprints).to_parquet(partial, schema_version="1.0.0")
            put_in_place(partial, path)
    return {epsg: len(by_zone[epsg]) for epsg in sorted(by_zone)}


def read_footprints(root: Path) -> Iterator[V1Footprint]:
    """The footprints of all patches below ``root``, in no certain order.

    Raises:
        MissingInput: there is none, or one has neither raster nor JSON file.
        InvalidInput: a file is damaged.
    """
    folders = list(_patch_folders(root))
    if not folders:
        raise MissingInput(
            f"{root}: expected folders of BigEarthNet v1 patches "
            "(S2A_MSIL2A_20170613T101031_0_45 and the like), found none; extract "
            "BigEarthNet-S2-v1.0.tar.gz"
        )
    with ThreadPoolExecutor() as pool:
        yield from pool.map(read_footprint, folders)


def _patch_folders(root: Path) -> Iterator[Path]:
    for folder, names, _ in os.walk(root):
        yield from (Path(folder) / name for name in names if is_v1_name(name))
        names[:] = [name for name in names if not is_v1_name(name)]


def read_footprint(folder: Path) -> V1Footprint:
    """The footprint of one patch folder; see ``read_footprints``."""
    raster = folder / f"{folder.name}_B01.tif"
    if raster.is_file():
        try:
            with rasterio.open(raster) as opened:
                epsg = opened.crs.to_epsg() if opened.crs else None
                return V1Footprint(folder.name, _zone(epsg, raster), opened.bounds[:4])
        except RasterioIOError as error:
            raise InvalidInput(f"{raster}: cannot be read ({error})") from error
    stated = folder / f"{folder.name}_labels_metadata.json"
    try:
        content = json.loads(read_plain(stated))
        corners = content["coordinates"]
        epsg = pyproj.CRS.from_user_input(content["projection"]).to_epsg()
        bounds = tuple(float(corners[key]) for key in ("ulx", "lry", "lrx", "uly"))
    except FileNotFoundError as error:
        raise MissingInput(
            f"{folder}: expected {raster.name} or {stated.name}, found neither"
        ) from error
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RecursionError,
        CRSError,
    ) as error:
        raise InvalidInput(f"{stated}: cannot be read ({error!r})") from error
    west, south, east, north = bounds
    return V1Footprint(folder.name, _zone(epsg, stated), (west, south, east, north))


def _zone(epsg: int | None, path: Path) -> int:
    if epsg is None:
        raise InvalidInput(f"{path}: expected a UTM zone as CRS, found none")
    return epsg
