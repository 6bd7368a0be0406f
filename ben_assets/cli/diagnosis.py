"""What a real run still lacks on this machine: looked at, not guessed."""

from __future__ import annotations

import difflib
import importlib.metadata
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import BenError
from ben_assets.bigearthnet.shipped_files import SHIPPED
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.cli.finding import Finding, State
from ben_assets.cli.recipe_findings import (
    land_cover_findings,
    recipe_findings,
    recipe_of,
)
from resources.data_root.store import Storage
from resources.inputs.pinned import PinnedInputs
from resources.inputs.pins import (
    CLOUD,
    CORINE,
    COUNTRIES,
    S1_MAPPING,
    SNOW,
    TILE_LINKS,
)
from resources.settings import FILES_URL, Settings

GIGABYTES_OF_ASSET: Final[dict[str, float]] = {
    "l1c_zips": 0.8,
    "l2a_tiles": 1.1,
    "patches": 1.0,
    "reference_maps": 0.02,
    "metadata_tables": 0.001,
    "aligned_dataset": 0.3,
    "archives": 0.9,
    "release_archives": 0.9,
}
"""Rough sizes of one full tile; the patches of the data set are hard links."""

_SETTING: Final = re.compile(r"^#?([A-Z0-9_]+)=", re.MULTILINE)
_EXACT: Final = re.compile(r"([a-z0-9-]+)==([0-9.]+)")


def diagnose(tiles: Sequence[Tile], settings: Settings) -> list[Finding]:
    """All findings for a run that makes these tiles."""
    looks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("versions", _versions),
        ("settings", lambda: _settings(settings)),
        ("data root", lambda: _data_root(settings)),
        ("disk space", lambda: _disk_space(tiles, settings)),
        ("L1C products", lambda: _l1c(tiles, settings)),
        ("L2A processor", lambda: _l2a(tiles, settings)),
        ("recipe", lambda: recipe_findings(tiles, settings)),
        ("land cover", lambda: land_cover_findings(tiles, settings)),
        ("CORINE service", lambda: _corine_service(settings)),
        ("pinned inputs", lambda: _inputs(tiles, settings)),
        ("Sentinel-1", lambda: _sentinel1(tiles, settings)),
        ("PostGIS", lambda: _postgis(settings)),
    )
    return [finding for subject, look in looks for finding in _caught(subject, look)]


def _caught(subject: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except BenError as error:
        return [Finding(subject, State.LACKS, f"[{error.failure_class}] {error}")]
    except OSError as error:
        return [Finding(subject, State.LACKS, f"{error}; see docs/troubleshooting.md")]


def _versions() -> Iterator[Finding]:
    """Versions that decide bytes are pinned exactly."""
    import pyproj
    import rasterio

    wanted = importlib.metadata.requires("ben-assets") or ()
    pins = {m[1]: m[2] for line in wanted if (m := _EXACT.fullmatch(line))}
    found = {name: importlib.metadata.version(name) for name in pins}
    others = [
        f"{n} {found[n]} in place of {pins[n]}" for n in pins if found[n] != pins[n]
    ]
    stated = (
        f"Python {platform.python_version()}, GDAL {rasterio.__gdal_version__}, PROJ "
        f"{pyproj.proj_version_str}"
    )
    if others:
        advice = f"{', '.join(others)}: bytes may differ; run make setup"
        yield Finding("versions", State.LACKS, f"{stated}; {advice}")
    else:
        yield Finding("versions", State.OK, f"{stated}; {len(pins)} pins hold")


def _settings(settings: Settings) -> Iterator[Finding]:
    """Values that a step would refuse later, and names that nothing reads."""
    from resources.sen2cor.processors import cores

    settings.address(FILES_URL, "http://127.0.0.1")
    detail = f"{cores(settings)} cores for L2A"
    if settings.force:
        detail += "; BEN_FORCE redoes what would be kept"
    yield Finding("settings", State.OK, detail)
    known = _SETTING.findall((SHIPPED / ".env.example").read_text())
    for name in sorted(settings.as_environment().keys() - set(known)):
        for meant in difflib.get_close_matches(name, known, n=1, cutoff=0.85):
            detail = f"nothing reads {name}; is {meant} meant?"
            yield Finding("settings", State.WARNS, detail)


def _data_root(settings: Settings) -> Iterator[Finding]:
    root = _existing(settings.data_dir)
    try:
        with tempfile.NamedTemporaryFile(dir=root) as file:
            os.link(file.name, f"{file.name}.link")
            Path(f"{file.name}.link").unlink()
    except PermissionError:
        advice = f"{root} cannot be written to; choose another BEN_DATA_DIR"
        yield Finding("data root", State.LACKS, advice)
    except OSError as error:
        detail = f"{root} has no hard links ({error.strerror}): patches are copied"
        yield Finding("data root", State.WARNS, detail)
    else:
        yield Finding("data root", State.OK, f"{settings.data_dir}, writable")
    yield Finding("tracked artifacts, recipes and docs", State.OK, f"in {SHIPPED}")


def _disk_space(tiles: Sequence[Tile], settings: Settings) -> Iterator[Finding]:
    storage = Storage(settings.data_dir)
    done = {asset: set(storage.tiles(asset)) for asset in GIGABYTES_OF_ASSET}
    needed = sum(
        size
        for asset, size in GIGABYTES_OF_ASSET.items()
        for tile in tiles
        if tile.key not in done[asset]
    )
    free = shutil.disk_usage(_existing(settings.data_dir)).free / 1e9
    detail = f"about {needed:.0f} GB for what is still to be made, {free:.0f} GB free"
    state = State.OK if free > needed else State.LACKS
    yield Finding("disk space", state, detail)


def _l1c(tiles: Sequence[Tile], settings: Settings) -> Iterator[Finding]:
    storage = Storage(settings.data_dir)
    there = {*storage.tiles("l1c_zips"), *storage.tiles("l2a_tiles")}
    if all(tile.key in there for tile in tiles):
        yield Finding("L1C products", State.OK, "not needed: all tiles have theirs")
        return
    for name in ("BEN_L2A_DIR", "BEN_L1C_DIR"):
        folder = settings.path(name)
        if folder is not None:
            yield from _folder("L1C products", name, folder)
            return
    from resources.product_sources import Sources

    for source in Sources.from_settings(settings, print).sources:
        state, detail = _SOURCES[source.name](settings)
        yield Finding(f"L1C from {source.name}", state, detail)


def _cdse(settings: Settings) -> tuple[State, str]:
    """Whether the account opens the Copernicus Data Space."""
    from resources.cdse.access import Access
    from resources.cdse.session import Session
    from resources.transfers.transport import Transport

    try:
        access = Access.from_settings(settings)
        if access.s3_keys is not None:
            return State.OK, f"by S3 from {access.s3_url}"
        Session(access, Transport(access)).token()
    except BenError as error:  # a silent source is passed over, a refused log-in not
        state = State.WARNS if error.is_retryable else State.LACKS
        return state, f"[{error.failure_class}] {error}"
    return State.OK, f"logged in at {access.token_url}"


def _gcs(settings: Settings) -> tuple[State, str]:
    """The bucket needs no account; it is not asked."""
    from resources.gcs import Gcs

    url = Gcs.from_settings(settings).url
    return State.OK, f"without an account, not asked: {url}"


_SOURCES: Final = {"cdse": _cdse, "gcs": _gcs}
"""Name in ``BEN_L1C_SOURCES`` to the look at that source."""


def _corine_service(settings: Settings) -> Iterator[Finding]:
    """Whether the service key, where there is one, can sign."""
    path = settings.path("CLMS_SERVICE_KEY")
    if path is None:
        return
    from resources.clms.service_key import ServiceKey

    ServiceKey.read(path).assertion(0)
    yield Finding("CORINE service", State.OK, f"key {path} can sign")


def _l2a(tiles: Sequence[Tile], settings: Settings) -> Iterator[Finding]:
    if all(tile.starts_at_l2a for tile in tiles):
        detail = "not needed: every row names an L2A product"
        yield Finding("L2A processor", State.OK, detail)
        return
    if settings.path("BEN_L2A_DIR") is not None:
        yield Finding("L2A processor", State.OK, "not needed: BEN_L2A_DIR is set")
        return
    from resources.sen2cor.installation import find_installation
    from resources.sen2cor.processors import PROCESSORS, SEN2COR

    name = settings.choice("BEN_L2A_PROCESSOR", PROCESSORS)
    if name == SEN2COR:
        found = find_installation(settings)
        yield Finding("L2A processor", State.OK, str(found.program))
    else:
        detail = f"{name}: for development only, its bytes are not BigEarthNet's"
        yield Finding("L2A processor", State.WARNS, detail)


def _not_needed(tiles: Sequence[Tile], settings: Settings) -> set[str]:
    """Pinned inputs that none of these tiles is made from, zones apart."""
    names = {TILE_LINKS}
    if settings.takes_clc_from_postgis:
        names.add(CORINE)
    if any(tile.alignment == "v1" for tile in tiles):
        return names
    names |= {S1_MAPPING, CLOUD, SNOW}
    try:
        recipe = recipe_of(settings)
    except BenError:  # said of the recipe; without it nobody knows
        return names | {CORINE, COUNTRIES}
    names |= {CORINE} if recipe.land_cover.path else set()
    return names | ({COUNTRIES} if recipe.countries.path else set())


def _inputs(tiles: Sequence[Tile], settings: Settings) -> Iterator[Finding]:
    inputs, not_needed = PinnedInputs(settings), _not_needed(tiles, settings)
    zones = {str(tile.product.epsg) for tile in tiles if tile.alignment == "v1"}
    for name in inputs.pins:
        zone = re.search(r"_(\d{5})\.parquet", name)
        if name in not_needed or (zone and zone[1] not in zones):
            continue
        status = inputs.find(name)
        if status is None:
            pin = inputs.pins[name]
            how = "ben reference fetch"
            how += "" if pin.is_fetchable else " with CLMS_SERVICE_KEY"
            place = inputs.places.expected(name)
            advice = f"missing: expected {place}; {how}, or by hand from {pin.home}"
            yield Finding(name, State.LACKS, advice)
        else:
            state = State.OK if status.is_pinned else State.WARNS
            yield Finding(name, state, status.outcome)


def _sentinel1(tiles: Sequence[Tile], settings: Settings) -> Iterator[Finding]:
    folder = settings.path("BEN_S1_DIR")
    if all(tile.alignment == "none" for tile in tiles):
        yield Finding("Sentinel-1", State.OK, "not needed: no tile is aligned with v1")
    elif folder is None:
        advice = "BEN_S1_DIR is not set; extract BigEarthNet-S1-v1.0.tar.gz (from "
        yield Finding("Sentinel-1", State.LACKS, advice + "https://bigearth.net)")
    else:
        yield from _folder("Sentinel-1", "BEN_S1_DIR", folder)


def _postgis(settings: Settings) -> Iterator[Finding]:
    if settings.text("BEN_POSTGIS_DSN") is None:
        detail = "BEN_POSTGIS_DSN is not set: no cross-checks in SQL"
        yield Finding("PostGIS", State.WARNS, detail)
        return
    from resources.postgis.database import Postgis

    database = Postgis.from_settings(settings)
    with database.transaction() as cursor:
        cursor.execute("SELECT postgis_version()")
    yield Finding("PostGIS", State.OK, database.name)


def _folder(subject: str, setting: str, folder: Path) -> Iterator[Finding]:
    is_there = folder.is_dir() and any(folder.iterdir())
    state = State.OK if is_there else State.LACKS
    found = "" if is_there else ", which is no folder or an empty one"
    yield Finding(subject, state, f"{setting} is {folder}{found}")


def _existing(path: Path) -> Path:
    """The path, or the next folder above it that exists."""
    return path if path.is_dir() else _existing(path.parent)
