"""``ben tiles find`` asks the catalogue on loopback, which filters and pages."""

from __future__ import annotations

import json
import re
from datetime import date
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
import shapely
import shapely.geometry
from typer.testing import CliRunner

from ben_assets.bigearthnet.tile_list import add_own_tiles
from ben_assets.cli import app
from ben_assets.synthetic.land import COUNTRIES_FILE, write_countries
from ben_assets.testing.cdse_server import CdseServer
from ben_assets.testing.cdse_state import Product
from ben_assets_tests.support.zip_products import write_product
from resources.cdse import Cdse
from resources.cdse.search import Search, least_cloudy
from resources.settings import Settings

SUMMER = ("--from", "2025-06-01", "--to", "2025-08-31")


def name(mgrs: str, day: str, level: str = "L1C") -> str:
    return f"S2C_MSI{level}_{day}T101031_N0511_R022_T{mgrs}_{day}T140000"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Two tiles side by side over three months, and one product of L2A."""
    write_product(tmp_path / "archive")
    with CdseServer(tmp_path / "archive") as running:
        template = running.products[0]
        running.products.clear()
        for west, mgrs in ((13, "33UUU"), (14, "33UVU")):
            for day, cloud in (
                ("20250601", 80.0),
                ("20250715", 3.0),
                ("20250801", 9.0),
            ):
                running.products.append(product(template, name(mgrs, day), cloud, west))
        running.products.append(
            product(template, name("33UUU", "20250715", "L2A"), 3.0, 13)
        )
        for setting, value in running.environment().items():
            monkeypatch.setenv(setting, value)
        monkeypatch.setenv("BEN_DATA_DIR", str(tmp_path / "data"))
        yield running


def product(template: Product, key: str, cloud: float, west: float) -> Product:
    box = shapely.box(west, 52, west + 0.9, 53)
    outline = shapely.geometry.mapping(box)
    return Product(
        key, f"{key}.SAFE", template.path, 7, [], cloud=cloud, footprint=outline
    )


def find(*options: str) -> list[str]:
    result = CliRunner().invoke(app, ["tiles", "find", *options])
    assert result.exit_code == 0, result.output
    return re.findall(r"^S2\S+", result.output, re.M)


def test_place_time_cloud_and_level_are_filtered_by_the_catalogue(server):
    both = [name(m, "20250715") for m in ("33UUU", "33UVU")]
    wide = ("--bbox", "12,52,15,53")
    assert find(*SUMMER, *wide, "--max-cloud", "5") == both
    assert find(*SUMMER, "--bbox", "12,52,13.5,53", "--max-cloud", "5") == both[:1]
    assert find(*SUMMER, "--mgrs", "33UVU", "--max-cloud", "5") == both[1:]
    assert find("--from", "2025-07-15", "--to", "2025-07-15", *wide) == both
    l2a = name("33UUU", "20250715", "L2A")
    assert find(*SUMMER, *wide, "--level", "L2A") == [l2a]
    asked = [parse_qs(urlsplit(path).query) for path in server.seen.paths]
    assert all(
        "Intersects" in a["$filter"][0] or "tileId" in a["$filter"][0] for a in asked
    )


def test_the_least_cloudy_of_a_tile_or_of_a_season_is_taken(server):
    wide = (*SUMMER, "--bbox", "12,52,15,53")
    july = [name(m, "20250715") for m in ("33UUU", "33UVU")]
    assert find(*wide, "--one-per-tile") == july
    spring = ("--from", "2025-05-01", "--to", "2025-12-31", "--bbox", "12,52,15,53")
    assert len(find(*spring)) == 6
    assert find(*spring, "--one-per-season") == july


def test_pages_are_asked_for_until_the_last(server):
    template = server.products[0]
    server.products[:] = [
        product(template, name(f"33U{a}{b}", "20250715"), 0.0, 13)
        for a in "UVWXY"
        for b in "ABCDEFGHJKLMNPQRSTUV"
        for _ in range(2)
    ]
    # each name twice: 200 rows fill two pages, and a third one says that it is over
    assert len(list(_catalogue(server).search(_all_of_july()))) == 200
    assert sum("$skip" in path for path in server.seen.paths) == 3


def _catalogue(server):
    return Cdse.from_settings(Settings(server.environment())).catalogue


def _all_of_july() -> Search:
    return Search(date(2025, 7, 1), date(2025, 7, 31), area=shapely.box(12, 52, 15, 53))


def test_the_rows_that_are_written_load(server, tmp_path):
    path = tmp_path / "tiles.csv"
    find(*SUMMER, "--bbox", "12,52,15,53", "--one-per-tile", "-o", str(path))
    tiles, reports = add_own_tiles([], path.read_text(), "tiles.csv")
    assert reports == []
    assert [tile.key for tile in tiles] == [
        "T33UUU_20250715T101031",
        "T33UVU_20250715T101031",
    ]
    assert {tile.alignment for tile in tiles} == {"none"}


def test_a_map_of_area_and_tiles_lies_beside_the_rows(server, tmp_path):
    options = (*SUMMER, "--bbox", "12,52,15,53", "--max-cloud", "5")
    find(*options, "-o", str(tmp_path / "tiles.csv"))
    drawn = ElementTree.fromstring((tmp_path / "tiles.svg").read_text())
    titles = [one.text for one in drawn.findall(".//{*}title")]
    assert titles[1:] == ["T33UUU: 1 product", "T33UVU: 1 product"]
    assert len(drawn.findall("{*}path[@class='area']")) == 1


def test_a_dry_run_draws_only_what_is_asked_for(server, tmp_path):
    options = (*SUMMER, "--bbox", "12,52,15,53", "--dry-run")
    find(*options, "-o", str(tmp_path / "tiles.csv"))
    assert not list(tmp_path.glob("*.svg"))
    find(*options, "--map", str(tmp_path / "area.svg"))
    assert 'class="area"' in (tmp_path / "area.svg").read_text()
    assert server.seen.paths == []


def test_json_has_all_that_was_found(server):
    wide = ("--bbox", "12,52,15,53", "--max-cloud", "5", "--json")
    result = CliRunner().invoke(app, ["tiles", "find", *SUMMER, *wide])
    found = json.loads(result.output)
    assert [one["product"] for one in found] == [
        name(m, "20250715") for m in ("33UUU", "33UVU")
    ]
    assert set(found[0]) == {"product", "cloud", "bytes", "online"}


def test_a_dry_run_asks_nobody(server):
    result = CliRunner().invoke(
        app, ["tiles", "find", *SUMMER, "--mgrs", "33UUU", "--dry-run"]
    )
    assert "tileId" in result.output
    assert server.seen.paths == []


def test_a_country_is_known_in_any_case_and_near_ones_are_offered(
    server, tmp_path, monkeypatch
):
    write_countries(tmp_path / COUNTRIES_FILE)
    monkeypatch.setenv("BEN_REFERENCE_DIR", str(tmp_path))
    assert find(*SUMMER, "--country", "germany", "--max-cloud", "5")
    command = ["tiles", "find", *SUMMER, "--country", "Germny"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "did you mean Germany?" in " ".join(result.stderr.replace("│", " ").split())


def test_an_area_is_met_as_it_is_drawn(server, tmp_path):
    """An area of two parts does not have what lies between them."""
    parts = [shapely.box(10, 52, 11, 53), shapely.box(14.95, 52, 16, 53)]
    path = tmp_path / "area.geojson"
    path.write_text(shapely.to_geojson(shapely.union_all(parts)))
    options = (*SUMMER, "--geojson", str(path), "--max-cloud", "5")
    assert find(*options) == []


@pytest.mark.parametrize("places", [[], ["--mgrs", "33UUU", "--bbox", "1,2,3,4"]])
def test_one_place_must_be_given(places):
    result = CliRunner().invoke(app, ["tiles", "find", *SUMMER, *places])
    assert result.exit_code == 2
    said = " ".join(result.stderr.replace("│", " ").split())
    assert "give one of --bbox, --geojson, --country and --mgrs" in said


def test_a_product_without_cloud_cover_comes_last(server):
    found = list(_catalogue(server).search(_all_of_july()))
    unknown = type(found[0])(found[0].name, None, 7, True, None)
    assert least_cloudy([unknown, found[0]]) == [found[0]]


def test_a_season_is_filtered_by_the_catalogue(server):
    year = ("--from", "2024-12-01", "--to", "2025-12-31", "--mgrs", "33UUU")
    template = server.products[0]
    for day in ("20250102", "20250831"):  # the last day of summer counts as winter
        server.products.append(product(template, name("33UUU", day), 1.0, 13))
    winter = [name("33UUU", "20250102"), name("33UUU", "20250831")]
    assert find(*year, "--season", "winter") == winter
    asked = " ".join(server.seen.paths)
    assert "2025-08-31T" in asked
    assert "2025-07" not in asked
    assert len(find(*year, "--season", "summer")) == 3


def test_a_large_outline_is_asked_for_by_its_box_and_met_exactly(server, tmp_path):
    """The box round a wheel and a far corner has both tiles, the area only one."""
    wheel = shapely.Point(13.0, 52.5).buffer(0.95, quad_segs=200)
    cut = wheel - shapely.box(13.95, 40, 14.2, 60)
    search = Search(
        date(2025, 7, 15),
        date(2025, 7, 15),
        area=cut | shapely.box(14.5, 53.5, 14.6, 53.6),
    )
    found = list(_catalogue(server).search(search))
    assert [one.name.name for one in found] == [name("33UUU", "20250715")]
    assert all(len(path) < 4000 for path in server.seen.paths)
