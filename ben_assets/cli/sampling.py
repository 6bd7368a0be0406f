"""``ben sample``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ben_assets.bigearthnet.errors import InvalidInput, InvalidProductName
from ben_assets.bigearthnet.product_names import (
    ProductName,
    cell_of_patch,
    tile_id_of_patch,
)
from ben_assets.bigearthnet.tile_list import find_tile
from ben_assets.cli.console import progress, say
from ben_assets.environment import settings_of_process
from ben_assets.tiles import load_tiles

if TYPE_CHECKING:
    from ben_assets.steps.samples import Sample

PATCH: Final = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_26_57"
"""A published patch: farmland and forest in Austria."""
_SCALE: Final = 4
_MEANING: Final = {
    "L1C": "top-of-atmosphere reflectance; the published patch is surface reflectance, "
    "made from this product by sen2cor",
    "L2A": "surface reflectance",
}


def sample(
    patch: Annotated[
        str, typer.Argument(metavar="[PATCH]", help="Patch id, or tile key and cell.")
    ] = PATCH,
    product: Annotated[
        str | None,
        typer.Option(help="L1C or L2A product. Default: the one of the tile's row."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="PNG to write. Default: PATCH.png."),
    ] = None,
) -> None:
    """Show the place of one published patch in its Sentinel-2 product.

    Reads the few megabytes that hold it from Google's public bucket; no account, no
    other input. What is read is not verified by a checksum: to look at, not to use.
    """
    from ben_assets.steps.samples import take_sample
    from resources.data_root.files import local_errors
    from resources.gcs import Gcs

    (column, row), name = _cell(patch), _product(patch, product)
    gcs = Gcs.from_settings(settings_of_process(), lambda line: say(line, err=True))
    with progress("reading", 3) as advance:
        taken = take_sample(gcs, name, column, row, advance)
    path = output or Path(f"{patch}.png")
    with local_errors(path):
        path.write_bytes(_picture(taken))
    for subject, text in _facts(taken, name, column, row, gcs.url):
        say(f"{subject:<9}{text}")
    say(f"picture of {patch}: {path}", "green")


def _cell(patch: str) -> tuple[int, int]:
    try:
        return cell_of_patch(patch)
    except InvalidProductName as error:
        raise typer.BadParameter(f"{error}; a patch id is such as {PATCH}") from error


def _product(patch: str, given: str | None) -> ProductName:
    """The product that was asked for, or that the patch's tile is made from."""
    fields = tile_id_of_patch(patch).split("_")
    tile = f"{fields[-1]}_{fields[2]}" if len(fields) == 6 else "_".join(fields)
    try:
        if given is None:
            return find_tile(tile, load_tiles(settings_of_process())).product
        name = ProductName.parse(given)
    except (InvalidInput, InvalidProductName) as error:
        raise typer.BadParameter(str(error)) from error
    if f"T{name.acquisition.mgrs}" not in fields:
        raise typer.BadParameter(f"{given} is not of the MGRS tile of {patch}")
    return name


def _picture(taken: Sample) -> bytes:
    from PIL import Image

    from ben_assets.pictures.quicklook import true_colour
    from ben_assets.pictures.sheet import png

    red, green, blue = taken.bands
    picture = Image.fromarray(true_colour(red, green, blue))
    size = (picture.width * _SCALE, picture.height * _SCALE)
    return png(picture.resize(size, Image.Resampling.NEAREST))


def _facts(
    taken: Sample, name: ProductName, column: int, row: int, source: str
) -> Iterator[tuple[str, str]]:
    """What the picture shows, line by line."""
    from ben_assets.bigearthnet.patch_grid import split_of_cell

    tile, place = taken.geocoding, taken.geocoding.corner(column, row)
    yield "product", f"{name.name} ({_MEANING[name.level]})"
    yield "sensed", f"{name.sensing_time:%Y-%m-%d %H:%M:%S} UTC"
    yield (
        "place",
        f"column {column}, row {row} of T{name.acquisition.mgrs}, split "
        f"{split_of_cell(tile, column, row)}; EPSG:{tile.epsg}, upper left corner "
        f"{place}, 1200 m a side",
    )
    yield (
        "read",
        f"{taken.n_bytes / 1e6:.1f} of {taken.files_bytes / 1e6:.1f} MB of red, green "
        f"and blue in {taken.n_requests} requests to {source}; no checksum of a part",
    )
