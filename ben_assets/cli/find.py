"""``ben tiles find``: products of the catalogue, as rows that load."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.cli.console import AsJson, say, say_json
from ben_assets.environment import settings_of_process

if TYPE_CHECKING:
    import geopandas as gpd
    import shapely

    from resources.cdse.search import FoundProduct

_SHOWN: Final = 200
_NEAR: Final = 3
_ALIKE: Final = 0.7
_MEGABYTES: Final = 1000


class Season(StrEnum):
    """Season of sensing, by the rule of the data set."""

    SPRING = "spring"
    SUMMER = "summer"
    FALL = "fall"
    WINTER = "winter"


class Level(StrEnum):
    """Level of the products that are searched for."""

    L1C = "L1C"
    L2A = "L2A"


def find(
    first: Annotated[
        dt.datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")
    ],
    last: Annotated[
        dt.datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")
    ],
    bbox: Annotated[
        str | None, typer.Option(help="West,south,east,north in degrees.")
    ] = None,
    geojson: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="An area.")
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="A country, as the pinned file names it.")
    ] = None,
    mgrs: Annotated[str | None, typer.Option(help="An MGRS tile: 33UUP.")] = None,
    season: Annotated[
        Season | None, typer.Option(help="By the rule of the data set.")
    ] = None,
    max_cloud: Annotated[
        float | None, typer.Option(min=0, max=100, help="Percent.")
    ] = None,
    level: Annotated[Level, typer.Option(help="L1C or L2A.")] = Level.L1C,
    one_per_tile: Annotated[
        bool, typer.Option("--one-per-tile", help="The least cloudy of a tile.")
    ] = False,
    one_per_season: Annotated[
        bool, typer.Option("--one-per-season", help="The same for each season.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="CSV for BEN_TILES_CSV.")
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--map", help="SVG of what is found; default: beside the CSV."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the question; ask nobody.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Search the Copernicus Data Space for products, by place, time and cloud.

    Give one of --bbox, --geojson, --country and --mgrs. The rows that -o writes have
    the alignment none; a map of what was found is drawn beside them.
    """
    from ben_assets.bigearthnet.seasons import season_of
    from resources.cdse import Cdse
    from resources.cdse.search import Search, least_cloudy

    if sum(place is not None for place in (bbox, geojson, country, mgrs)) != 1:
        raise typer.BadParameter("give one of --bbox, --geojson, --country and --mgrs")
    area = None if mgrs else _area(bbox, geojson, country)
    search = Search(first.date(), last.date(), level.value, area, mgrs, max_cloud)
    searches = [search] if season is None else search.of_season(season)
    if dry_run:
        for one in searches:
            typer.echo(one.condition())
        _draw(picture, [], area, to_stderr=as_json)
        return
    catalogue = Cdse.from_settings(settings_of_process()).catalogue
    found = [product for one in searches for product in catalogue.search(one)]
    if season is not None:
        found = [p for p in found if season_of(p.name.sensing_time) == season]
    if one_per_tile or one_per_season:
        found = least_cloudy(found, by_season=one_per_season)
    if as_json:
        say_json([_row(product) for product in found])
    else:
        _print(found)
    if output is not None:
        _write(output, (product.name.name for product in found))
        say(f"written to {output}; {_next(output)}", err=as_json)
        picture = picture or output.with_suffix(".svg")
    _draw(picture, found, area, to_stderr=as_json)


def _next(path: Path) -> str:
    own = settings_of_process().path("BEN_TILES_CSV")
    path = path.absolute()
    is_set = own is not None and own.absolute() == path
    return "next: ben doctor" if is_set else f"next: export BEN_TILES_CSV={path}"


def _draw(
    path: Path | None,
    found: Sequence[FoundProduct],
    area: shapely.Geometry | None,
    *,
    to_stderr: bool,
) -> None:
    """Write the picture, if one is asked for and there is a place to draw."""
    from ben_assets.report.tile_map import found_map

    if path is None:
        return
    outlines = [(one.name.acquisition.mgrs, one.footprint) for one in found]
    text = found_map(outlines, area, _outlines_of_countries())
    if text is None:
        say("no map: nothing was found and no area given", err=to_stderr)
        return
    path.write_text(text, encoding="utf-8")
    say(f"map: {path}", err=to_stderr)


def _outlines_of_countries() -> gpd.GeoDataFrame:
    """All countries of the pinned file; none without it."""
    import geopandas as gpd

    from ben_assets.bigearthnet.recipe import Countries
    from resources.inputs.pins import COUNTRIES, InputPlaces
    from resources.inputs.reference import ReferenceInputs

    settings = settings_of_process()
    if InputPlaces.from_settings(settings).find(COUNTRIES) is None:
        return gpd.GeoDataFrame(geometry=[], crs=4326)
    inputs = ReferenceInputs.from_settings(settings)
    return inputs.all_countries(Countries(None, "NAME_LONG"))


def _print(found: Sequence[FoundProduct]) -> None:
    for product in found[:_SHOWN]:
        cloud = "-" if product.cloud is None else f"{product.cloud:.1f} %"
        state = "" if product.online else "  offline"
        size = f"{product.size / 1e6:.0f} MB"
        say(f"{product.name.name}  {cloud:>8}  {size:>8}{state}")
    more = f", {len(found) - _SHOWN} of them not shown" if len(found) > _SHOWN else ""
    total = sum(product.size for product in found) / 1e6
    told = f"{total:.0f} MB" if total < _MEGABYTES else f"{total / 1000:.1f} GB"
    say(f"{len(found)} products of {told}{more}")


def _row(product: FoundProduct) -> dict[str, object]:
    return {
        "product": product.name.name,
        "cloud": product.cloud,
        "bytes": product.size,
        "online": product.online,
    }


def _area(
    bbox: str | None, geojson: Path | None, country: str | None
) -> shapely.Geometry:
    """The area in EPSG:4326 that the options name."""
    import geopandas as gpd
    import shapely

    from resources.inputs.pins import COUNTRIES
    from resources.inputs.reference import ReferenceInputs, read_vector

    if bbox is not None:
        try:
            west, south, east, north = map(float, bbox.split(","))
        except ValueError:
            raise typer.BadParameter(
                f"--bbox is {bbox}; expected west,south,east,north in degrees"
            ) from None
        return shapely.box(west, south, east, north)
    if geojson is not None:
        area = read_vector(geojson)
        if not isinstance(area, gpd.GeoDataFrame) or area.crs is None:
            raise InvalidInput(f"{geojson}: expected areas with a CRS; get GeoJSON")
        return area.to_crs(4326).union_all()
    inputs = ReferenceInputs.from_settings(settings_of_process())
    table = read_vector(inputs.find(COUNTRIES))
    outline = table[table["NAME_LONG"].str.casefold() == (country or "").casefold()]
    if outline.empty:
        raise typer.BadParameter(
            f"--country is {country}; {_near_countries(country, table)}"
        )
    return outline.geometry.union_all()


def _near_countries(country: str | None, table: gpd.GeoDataFrame) -> str:
    names = {name.casefold(): name for name in sorted(table["NAME_LONG"])}
    near = difflib.get_close_matches((country or "").casefold(), names, _NEAR, _ALIKE)
    if near:
        return f"did you mean {', '.join(names[name] for name in near)}?"
    return f"expected one of {', '.join(names.values())}"


def _write(path: Path, names: Iterable[str]) -> None:
    rows = [f"{name},none\n" for name in names]
    path.write_text("tile,alignment\n" + "".join(rows), encoding="utf-8")
