"""Pins: what was published, where each pinned input lives, and its digest.

``tracked-artifacts/published.toml`` and ``tiles.csv`` are derived by ``ben pin`` from
the published artifacts; nothing in them is typed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ben_assets.bigearthnet.checksums import file_digest, parse_hash_list
from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.bigearthnet.shipped_files import SHIPPED
from resources.settings import Settings

PUBLISHED: Final = SHIPPED / "tracked-artifacts" / "published.toml"

_UPSTREAM: Final = (
    "https://raw.githubusercontent.com/kai-tub/bigearthnet-pipeline/"
    "78551a68525fc26b15257b676f46c3c254be70cc/tracked-artifacts/"
)
"""Tracked artifacts of the original pipeline at the published commit."""

_TU_BERLIN: Final = (
    "https://git.tu-berlin.de/rsim/BigEarthNet-MM_tools/-/raw/master/files/"
)
_NATURAL_EARTH: Final = (
    "https://github.com/nvkelso/natural-earth-vector/raw/v5.1.2/geojson/"
)
CORINE: Final = "U2018_CLC2018_V2020_20u1.gpkg"
COUNTRIES: Final = "ne_110m_admin_0_countries.geojson"
TILE_LINKS: Final = "tile_names_and_links.csv.bz2"
S1_MAPPING: Final = "s1s2_mapping.csv"
CLOUD: Final = "patches_with_cloud_and_shadow.csv"
SNOW: Final = "patches_with_seasonal_snow.csv"
V1_ZONES: Final = (32629, 32631, 32632, 32633, 32634, 32635, 32636)
"""EPSG codes of the UTM zones that hold patches of BigEarthNet v1."""


def footprints_name(epsg: int) -> str:
    """File name of the v1 footprints of a UTM zone."""
    return f"bigearthnet_v1_spatial_{epsg}.parquet"


FILES_OF_INPUT: Final[Mapping[str, tuple[str, ...]]] = {
    "tile_names_and_links": (TILE_LINKS,),
    "v1_footprints": tuple(footprints_name(epsg) for epsg in V1_ZONES),
    "s1s2_mapping": (S1_MAPPING,),
    "snow_and_cloud_lists": (SNOW, CLOUD),
    "countries": (COUNTRIES,),
    "corine_land_cover": (CORINE,),
}
"""Asset key of a pinned input to the names of its files."""


_HOMES: Final[dict[str, str]] = {
    TILE_LINKS: _UPSTREAM + TILE_LINKS,
    **{
        footprints_name(epsg): f"{_UPSTREAM}ben-v1-metadata/{footprints_name(epsg)}"
        for epsg in V1_ZONES
    },
    S1_MAPPING: _TU_BERLIN + S1_MAPPING,
    CLOUD: _UPSTREAM + CLOUD,
    SNOW: _UPSTREAM + SNOW,
    COUNTRIES: _NATURAL_EARTH + COUNTRIES,
    CORINE: "https://land.copernicus.eu/en/products/corine-land-cover/clc2018",
}

_ONLY_BY_HAND: Final = frozenset({CORINE})

# Recorded by the original pipeline for files whose original bytes are not at hand:
# digests in its tracked artifacts, and git blob ids in its repository.
_RECORDED_UPSTREAM: Final[dict[str, dict[str, str]]] = {
    footprints_name(32634): {"git_blob": "27fb52e4400a1ac35d9520f973b8b2c4499cedf8"},
    footprints_name(32635): {"git_blob": "d606856151ee2c54d01cabb2d9564aca095a77d5"},
    S1_MAPPING: {
        "sha256": "c59ebca3e2b8d9af5b01a6524331f091d54905bd2322fee056176ddd4c963e30"
    },
    CORINE: {
        "sha256": "ad3bee3e6ccbbdb87eba0b2254cf4177f69a55b5aa6bc19899993c904b77a0e6"
    },
}


@dataclass(frozen=True)
class Pin:
    """What a pinned input must be, and where it comes from."""

    name: str
    """File name."""
    home: str
    """URL of the file, or of the page to get it from by hand."""
    is_fetchable: bool
    """Whether it can be fetched without an account or a form."""
    sha256: str | None = None
    """SHA-256, hex, where known."""
    git_blob: str | None = None
    """Git blob id (SHA-1 of ``blob <size>\\0`` and the content), where only that is."""
    bytes: int | None = None
    """Size, where known."""

    @property
    def expected(self) -> str:
        """The pinned digest with its kind."""
        return f"sha256 {self.sha256}" if self.sha256 else f"git blob {self.git_blob}"

    def matches(self, path: Path) -> bool:
        """Whether a file has the pinned digest."""
        if self.sha256 is not None:
            return file_digest(path) == self.sha256
        return git_blob_id(path) == self.git_blob


def git_blob_id(path: Path) -> str:
    """Git's id of a file's content."""
    content = path.read_bytes()
    header = f"blob {len(content)}\0".encode()
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


def load_published(path: Path = PUBLISHED) -> dict[str, Any]:
    """The content of ``published.toml``."""
    return tomllib.loads(path.read_text())


def load_pins(path: Path = PUBLISHED) -> dict[str, Pin]:
    """File name to pin, for all pinned inputs."""
    inputs = load_published(path)["inputs"]
    return {name: Pin(name=name, **values) for name, values in inputs.items()}


def derive_tiles_csv(published: Path) -> str:
    """``tiles.csv`` from the published tile ids and L1C hashes.

    Raises:
        MissingInput: a published file is not in the folder.
        InvalidInput: an id has no hash.
    """
    ids = csv.DictReader(io.StringIO(_read(published / "bigearthnet_s2_tile_ids.csv")))
    source = published / "ben_s2_l1c_hashes.csv"
    hashes = parse_hash_list(_read(source), str(source))
    lines = ["tile,product,id,sha256"]
    for row in sorted(ids, key=lambda row: row["tile"]):
        name = f"{row['id']}.out"
        if name not in hashes:
            raise InvalidInput(f"{source}: no hash of {name}, the zip of {row['tile']}")
        product = ProductName.parse(row["tile"])
        lines.append(f"{product.tile_key},{product.name},{row['id']},{hashes[name]}")
    return "\n".join(lines) + "\n"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError as error:
        raise MissingInput(
            f"published artifact {path} is missing; expected the tracked artifacts of "
            f"the original pipeline ({_UPSTREAM})"
        ) from error


def derive_published_toml(published: Path) -> str:
    """``published.toml`` from a folder with the published artifacts."""
    tables: dict[str, dict[str, Any]] = {}
    for line in _read(published / "hashes.txt").splitlines():
        digest, _, name = line.partition("  ")
        if name:
            tables[f"release.{json.dumps(name)}"] = {"md5": digest}
    for name in (
        "metadata.parquet",
        "metadata_for_patches_with_snow_cloud_or_shadow.parquet",
        "bigearthnet_s2_tile_ids.csv",
        "ben_s2_l1c_hashes.csv",
    ):
        table = tables.setdefault(f"release.{json.dumps(name)}", {})
        table |= _measured(published / name)
    for asset in ("patch", "reference_maps"):
        name = f"{asset}_hashes.csv"
        digest = _read(published / f"{name}.sha256").strip()
        tables[f"release.{json.dumps(name)}"] = {"sha256": digest}
    for name, home in _HOMES.items():
        fetchable = name not in _ONLY_BY_HAND
        table = {"home": home, "is_fetchable": fetchable}
        tables[f"inputs.{json.dumps(name)}"] = table | _pin_of(published, name)
    return "\n".join(_toml_table(name, values) for name, values in tables.items())


def _measured(path: Path) -> dict[str, Any]:
    if not path.is_file():
        _read(path)
    return {"sha256": file_digest(path), "bytes": path.stat().st_size}


def _pin_of(published: Path, name: str) -> dict[str, Any]:
    if name in _RECORDED_UPSTREAM:
        return dict(_RECORDED_UPSTREAM[name])
    nested = published / "ben-v1-metadata" / name
    return _measured(nested if nested.is_file() else published / name)


def _toml_table(name: str, values: dict[str, Any]) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join((f"[{name}]", *lines)) + "\n"


@dataclass(frozen=True)
class InputPlaces:
    """Where the pinned inputs lie."""

    folder: Path
    """``BEN_REFERENCE_DIR``."""
    clc_path: Path | None = None
    """The CORINE GeoPackage, where it has a place of its own."""

    @classmethod
    def from_settings(cls, settings: Settings) -> InputPlaces:
        """As the settings say."""
        return cls(settings.reference_dir, settings.clc_path)

    def expected(self, name: str) -> Path:
        """Where an input is to be put."""
        if name == CORINE and self.clc_path is not None:
            return self.clc_path
        return self.folder / name

    def find(self, name: str) -> Path | None:
        """The file of an input, plain or compressed; None where there is none."""
        if name == CORINE and self.clc_path is not None:
            return self.clc_path if self.clc_path.is_file() else None
        return find_reference(self.folder, name)


def find_reference(folder: Path, name: str) -> Path | None:
    """The file of a pinned input in ``BEN_REFERENCE_DIR``, plain or compressed."""
    plain = name.removesuffix(".bz2")
    for candidate in (plain, f"{plain}.bz2", f"ben-v1-metadata/{name}"):
        if (folder / candidate).is_file():
            return folder / candidate
    return None
