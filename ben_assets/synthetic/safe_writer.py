"""Write Sentinel-2 products: the folders of a ``.SAFE``, its rasters and its manifest.

Belongs here: layout, encoding, checksums, the zip. Not here: what the XML metadata say
(safe_metadata.py) and where pixels come from.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import rasterio

from ben_assets.bigearthnet.bands import BANDS, L1C_BANDS, NODATA, Band
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.safe.manifest import MANIFEST
from ben_assets.synthetic.safe_description import (
    ProductDescription,
    file_names,
    manifest,
)
from ben_assets.synthetic.safe_metadata import (
    datastrip_metadata,
    granule_metadata,
    product_metadata,
)

LOSSLESS_JP2: Final = {
    "driver": "JP2OpenJPEG",
    "QUALITY": "100",
    "REVERSIBLE": "YES",
    "YCBCR420": "NO",
}
"""Options of GDAL's writer that keep every pixel as it is."""

ESA_BLOCKS: Final = {10: 1024, 20: 640, 60: 192}
"""GSD in metres to pixels along a JPEG 2000 tile in products of ESA and sen2cor."""

_TRUE_COLOUR: Final = ("B04", "B03", "B02")
_AEROSOL_DN: Final = 100  # optical thickness 0.1: 1000 = 1.0
_WATER_VAPOUR_DN: Final = 1500  # 1.5 cm: 1000 = 1 cm
_ZIP_TIME: Final = (2024, 1, 1, 0, 0, 0)
_NO_CLOUDS: Final = """<?xml version="1.0" encoding="UTF-8"?>
<eop:Mask xmlns:eop="http://www.opengis.net/eop/2.0">
  <eop:maskMembers/>
</eop:Mask>
"""

Pixels = npt.NDArray[Any]


def write_l2a_product(
    parent: Path,
    product: ProductDescription,
    bands: Mapping[str, npt.NDArray[np.uint16]],
    *,
    threads: int = 2,
    block_pixels: Mapping[int, int] | None = None,
) -> Path:
    """Write an L2A product as sen2cor lays it out, and return its ``.SAFE`` folder.

    The 20 m and 60 m copies of finer bands are block means; aerosol and water vapour
    are constant; the scene classification knows vegetation, soil, water and no data.

    Args:
        parent: folder to make ``<name>.SAFE`` in, where it must not exist yet.
        product: what the metadata say.
        bands: the 12 bands at native resolution, uint16 of shape (rows, cols), 0 as
            nodata.
        threads: threads of the encoder.
        block_pixels: GSD in metres to the side of a JPEG 2000 tile, such as
            ``ESA_BLOCKS``; without it, GDAL's own.

    Raises:
        FileExistsError: the folder is already there.
    """
    folder = _new_folder(parent, product)
    granule = folder / "GRANULE" / product.granule
    blocks = block_pixels or {}
    images = []
    for gsd_m in (10, 20, 60):
        for kind, pixels in _l2a_rasters(bands, product.geocoding, gsd_m):
            path = granule / f"IMG_DATA/R{gsd_m}m" / f"{_stem(product)}_{kind}"
            images.append(path.with_name(f"{path.name}_{gsd_m}m.jp2"))
            block = blocks.get(gsd_m)
            _write_jp2(images[-1], pixels, product.geocoding, gsd_m, threads, block)
    for mask in ("CLDPRB", "SNWPRB"):
        for gsd_m in (20, 60):
            path = granule / f"QI_DATA/MSK_{mask}_{gsd_m}m.jp2"
            clear = _constant(0, product.geocoding, gsd_m, np.uint8)
            _write_jp2(path, clear, product.geocoding, gsd_m, threads)
    write_metadata(folder, product, images)
    return folder


def write_l1c_product(
    parent: Path,
    product: ProductDescription,
    bands: Mapping[str, npt.NDArray[np.uint16]],
    *,
    threads: int = 2,
) -> Path:
    """Write an L1C product as ESA ships it, and return its ``.SAFE`` folder.

    Args:
        parent: folder to make ``<name>.SAFE`` in, where it must not exist yet.
        product: what the metadata say.
        bands: the 13 bands at native resolution, uint16 of shape (rows, cols), 0 as
            nodata.
        threads: threads of the encoder.

    Raises:
        FileExistsError: the folder is already there.
    """
    folder = _new_folder(parent, product)
    granule = folder / "GRANULE" / product.granule
    rasters: list[tuple[str, Pixels, int]] = [
        *((band.name, bands[band.name], band.gsd_m) for band in L1C_BANDS),
        ("TCI", true_colour([bands[name] for name in _TRUE_COLOUR]), 10),
    ]
    images = []
    for kind, pixels, gsd_m in rasters:
        images.append(granule / f"IMG_DATA/{_stem(product)}_{kind}.jp2")
        _write_jp2(images[-1], pixels, product.geocoding, gsd_m, threads)
    _write_text(granule / "QI_DATA/MSK_CLOUDS_B00.gml", _NO_CLOUDS)
    write_metadata(folder, product, images)
    # sen2cor needs these two folders, which are empty and so lost in the archive's zip
    (granule / "AUX_DATA").mkdir()
    (folder / "DATASTRIP" / product.datastrip / "QI_DATA").mkdir()
    return folder


def write_metadata(
    folder: Path, product: ProductDescription, images: Sequence[Path]
) -> None:
    """All XML files of a product; the manifest last: it has the others' checksums.

    Args:
        folder: the ``.SAFE``, with all other files.
        product: what the metadata say.
        images: rasters that the product metadata list, in their order.
    """
    relative = [str(i.relative_to(folder).with_suffix("").as_posix()) for i in images]
    level = product.name.level
    texts = {
        f"MTD_MSI{level}.xml": product_metadata(product, relative),
        f"GRANULE/{product.granule}/MTD_TL.xml": granule_metadata(product),
        f"DATASTRIP/{product.datastrip}/MTD_DS.xml": datastrip_metadata(product),
    }
    for name, text in texts.items():
        _write_text(folder / name, text)
    _write_text(folder / MANIFEST, manifest(folder, product))


def zip_product(folder: Path, target: Path) -> None:
    """Pack a ``.SAFE`` folder as the archive serves it; same files, same bytes.

    Members are stored without compression, sorted by name, below the folder's own
    name; there are no entries for folders, so empty ones are lost.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in file_names(folder):
            member = zipfile.ZipInfo(f"{folder.name}/{name}", _ZIP_TIME)
            member.create_system = 3  # Unix: the file mode below counts
            member.external_attr = 0o100644 << 16
            member.file_size = (folder / name).stat().st_size
            with (folder / name).open("rb") as source, archive.open(member, "w") as to:
                shutil.copyfileobj(source, to)


def _new_folder(parent: Path, product: ProductDescription) -> Path:
    folder = parent / f"{product.name.name}.SAFE"
    folder.mkdir(parents=True)
    return folder


def _l2a_rasters(
    bands: Mapping[str, npt.NDArray[np.uint16]], grid: TileGeocoding, gsd_m: int
) -> Iterator[tuple[str, Pixels]]:
    """Kind and pixels of all rasters of one resolution folder."""
    here = {band.name: _at(bands, band, gsd_m) for band in _bands_of_folder(gsd_m)}
    yield "AOT", _constant(_AEROSOL_DN, grid, gsd_m, np.uint16)
    yield from here.items()
    if gsd_m > 10:
        yield "SCL", scene_classes(here["B04"], here["B8A"])
    yield "TCI", true_colour([here[name] for name in _TRUE_COLOUR])
    yield "WVP", _constant(_WATER_VAPOUR_DN, grid, gsd_m, np.uint16)


def _bands_of_folder(gsd_m: int) -> list[Band]:
    """The bands in ``R<gsd_m>m``: native and finer ones, B08 only in its own."""
    return [
        b for b in BANDS if b.gsd_m == gsd_m or (b.gsd_m < gsd_m and b.name != "B08")
    ]


def _at(
    bands: Mapping[str, npt.NDArray[np.uint16]], band: Band, gsd_m: int
) -> npt.NDArray[np.uint16]:
    pixels = bands[band.name]
    return pixels if band.gsd_m == gsd_m else block_mean(pixels, gsd_m // band.gsd_m)


def _constant(value: int, grid: TileGeocoding, gsd_m: int, dtype: type) -> Pixels:
    return np.full((grid.pixels(gsd_m), grid.pixels(gsd_m)), value, dtype)


def _stem(product: ProductDescription) -> str:
    at = product.name.acquisition
    return f"T{at.mgrs}_{at.sensing}"


def _write_jp2(
    path: Path,
    pixels: Pixels,
    grid: TileGeocoding,
    gsd_m: int,
    threads: int,
    block: int | None = None,
) -> None:
    """Write (rows, cols) or (layers, rows, cols) as georeferenced, lossless JP2."""
    path.parent.mkdir(parents=True, exist_ok=True)
    layers = pixels if pixels.ndim == 3 else pixels[np.newaxis]
    count, height, width = layers.shape
    profile = {
        **LOSSLESS_JP2,
        **{"count": count, "height": height, "width": width, "dtype": pixels.dtype},
        **{"crs": f"EPSG:{grid.epsg}", "transform": grid.transform(gsd_m)},
        **({"blockxsize": block, "blockysize": block} if block else {}),
    }
    with (
        rasterio.Env(GDAL_NUM_THREADS=str(threads)),
        rasterio.open(path, "w", **profile) as raster,
    ):
        raster.write(layers)


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


_WHITE_DN: Final = 3558  # sen2cor and ESA's L1C processor stretch true colour up to it


def block_mean(pixels: npt.NDArray[np.uint16], factor: int) -> npt.NDArray[np.uint16]:
    """Mean of blocks of ``factor`` x ``factor`` pixels, rounded half up.

    The sides of ``pixels`` must be multiples of ``factor``.
    """
    total = np.full(tuple(n // factor for n in pixels.shape), factor * factor // 2)
    total = total.astype(np.uint32)
    for row in range(factor):
        for column in range(factor):
            total += pixels[row::factor, column::factor]
    return (total // (factor * factor)).astype(np.uint16)


def true_colour(red_green_blue: list[npt.NDArray[np.uint16]]) -> npt.NDArray[np.uint8]:
    """True-colour image, uint8 of shape (3, rows, cols), 0 only where there is nodata.

    Args:
        red_green_blue: B04, B03 and B02 in one resolution, DN with 10000 = 1.0.
    """
    dn = np.arange(65536)
    stretch = np.maximum(np.minimum(dn, _WHITE_DN) * 255 // _WHITE_DN, dn != NODATA)
    table = stretch.astype(np.uint8)
    return np.stack([table[pixels] for pixels in red_green_blue])


def scene_classes(
    red: npt.NDArray[np.uint16], near_infrared: npt.NDArray[np.uint16]
) -> npt.NDArray[np.uint8]:
    """A coarse scene classification in sen2cor's codes.

    0 no data, 4 vegetation, 5 not vegetated, 6 water.
    """
    classes = np.full(red.shape, 5, np.uint8)
    # vegetation: NDVI above 0.4, without division
    classes[near_infrared.astype(np.int32) * 3 > red.astype(np.int32) * 7] = 4
    classes[near_infrared < 1000] = 6
    classes[near_infrared == NODATA] = 0
    return classes
