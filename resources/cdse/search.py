"""Search of the CDSE catalogue: Sentinel-2 products by place, time, cloud and level.

Belongs here: the question and its pages. Not here: products by name, downloads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

import shapely
import shapely.geometry

from ben_assets.bigearthnet.errors import InvalidProductName
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.bigearthnet.seasons import season_of

PAGE_SIZE: Final = 100
"""Products that are asked for at a time."""
_MAX_VERTICES: Final = 150
"""Vertices that an address of some 4 kB takes; servers refuse those beyond 8 kB."""
MAX_PRODUCTS: Final = 10_000
"""The catalogue skips no more than these."""

_STRETCHES: Final = {
    "spring": (((3, 1), (5, 31)),),
    "summer": (((6, 1), (8, 31)),),
    "fall": (((9, 1), (11, 30)),),
    "winter": (
        ((1, 1), (3, 1)),  # the last of February, whichever it is
        ((5, 31), (5, 31)),
        ((8, 31), (8, 31)),
        ((11, 30), (12, 31)),
    ),
}
"""Season to the months and days that may belong to it; see ``season_of``."""
_STRING: Final = (
    "Attributes/OData.CSC.StringAttribute/any("
    "a:a/Name eq '{}' and a/OData.CSC.StringAttribute/Value eq '{}')"
)
_DOUBLE: Final = (
    "Attributes/OData.CSC.DoubleAttribute/any("
    "a:a/Name eq '{}' and a/OData.CSC.DoubleAttribute/Value le {})"
)
_TYPE_OF_LEVEL: Final = {"L1C": "S2MSI1C", "L2A": "S2MSI2A"}


@dataclass(frozen=True)
class Search:
    """What is searched for; the catalogue filters."""

    first_day: date
    """First sensing day."""
    last_day: date
    """Last sensing day, which counts."""
    level: str = "L1C"
    """L1C or L2A."""
    area: shapely.Geometry | None = None
    """Products that meet it, in EPSG:4326."""
    mgrs: str | None = None
    """MGRS tile, such as 33UUP."""
    max_cloud: float | None = None
    """Greatest cloud cover in percent."""

    def of_season(self, season: str) -> list[Search]:
        """The same question for each stretch of a season within the days, in order.

        A stretch has every day that may belong to the season; ``season_of`` decides on
        its last one.
        """
        years = range(self.first_day.year, self.last_day.year + 1)
        stretches = [
            (max(date(y, *first), self.first_day), min(date(y, *last), self.last_day))
            for y in years
            for first, last in _STRETCHES[season]
        ]
        return [
            replace(self, first_day=first, last_day=last)
            for first, last in stretches
            if first <= last
        ]

    def condition(self) -> str:
        """The question as an OData filter."""
        after = self.last_day + timedelta(days=1)
        clauses = [
            "Collection/Name eq 'SENTINEL-2'",
            _STRING.format("productType", _TYPE_OF_LEVEL[self.level]),
            f"ContentDate/Start ge {self.first_day}T00:00:00.000Z",
            f"ContentDate/Start lt {after}T00:00:00.000Z",
        ]
        if self.mgrs is not None:
            clauses.append(_STRING.format("tileId", self.mgrs))
        if self.max_cloud is not None:
            clauses.append(_DOUBLE.format("cloudCover", f"{self.max_cloud:.2f}"))
        if self.area is not None:
            area = shapely.to_wkt(_short(self.area), rounding_precision=5)
            inside = f"area=geography'SRID=4326;{area.replace(', ', ',')}'"
            clauses.append(f"OData.CSC.Intersects({inside})")
        return " and ".join(clauses)


def _short(area: shapely.Geometry) -> shapely.Geometry:
    """An area of at most ``_MAX_VERTICES`` that holds the given one, for an address."""
    if shapely.get_num_coordinates(area) <= _MAX_VERTICES:
        return area
    return shapely.box(*area.bounds)


@dataclass(frozen=True)
class FoundProduct:
    """A product that the catalogue found."""

    name: ProductName
    """Its name."""
    cloud: float | None
    """Cloud cover in percent, where the catalogue states it."""
    size: int
    """Bytes of its zip, 0 where the catalogue does not know."""
    online: bool
    """Whether it can be downloaded now."""
    footprint: shapely.Geometry | None
    """Its outline in EPSG:4326, where stated."""


def found_products(
    search: Search, ask: Callable[[dict[str, str]], list[dict[str, Any]]]
) -> Iterator[FoundProduct]:
    """All products of a search, page by page, oldest first.

    Args:
        search: the question.
        ask: takes the options of an OData query; gives the rows of one page.
    """
    for skip in range(0, MAX_PRODUCTS, PAGE_SIZE):
        rows = ask(
            {
                "$filter": search.condition(),
                "$orderby": "ContentDate/Start asc",
                "$expand": "Attributes",
                "$top": str(PAGE_SIZE),
                "$skip": str(skip),
            }
        )
        found = filter(None, map(_parsed, rows))
        yield from (product for product in found if _meets(product, search.area))
        if len(rows) < PAGE_SIZE:
            return


def least_cloudy(
    found: Iterable[FoundProduct], *, by_season: bool = False
) -> list[FoundProduct]:
    """One product of each MGRS tile, or of each tile and season: the least cloudy.

    Of equally cloudy ones the oldest; one without a stated cloud cover comes last.
    """
    best: dict[tuple[str, str], FoundProduct] = {}
    for product in found:
        season = season_of(product.name.sensing_time) if by_season else ""
        key = (product.name.acquisition.mgrs, season)
        if key not in best or _cloudiness(product) < _cloudiness(best[key]):
            best[key] = product
    return [best[key] for key in sorted(best)]


def _meets(product: FoundProduct, area: shapely.Geometry | None) -> bool:
    """Whether it meets the area itself, where a larger one was asked for."""
    outline = product.footprint
    return area is None or outline is None or bool(outline.intersects(area))


def _cloudiness(product: FoundProduct) -> tuple[float, str]:
    cloud = math.inf if product.cloud is None else product.cloud
    return cloud, product.name.acquisition.sensing


def _parsed(row: dict[str, Any]) -> FoundProduct | None:
    """One row; None for a name that is no product of today's format."""
    try:
        name = ProductName.parse(str(row.get("Name", "")))
    except InvalidProductName:
        return None
    attributes = {
        one.get("Name"): one.get("Value")
        for one in row.get("Attributes") or []
        if isinstance(one, dict)
    }
    cloud, size = attributes.get("cloudCover"), row.get("ContentLength")
    outline = row.get("GeoFootprint")
    return FoundProduct(
        name=name,
        cloud=float(cloud) if isinstance(cloud, (int, float)) else None,
        size=int(size) if isinstance(size, int) else 0,
        online=row.get("Online") is not False,
        footprint=shapely.geometry.shape(outline) if outline else None,
    )
