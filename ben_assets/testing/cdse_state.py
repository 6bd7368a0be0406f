"""What the loopback CDSE has and has seen; its hosts answer from this.

Replies have the shape of those seen in 2024 to 2026.
"""

from __future__ import annotations

import hashlib
import re
import threading
import uuid
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import shapely
import shapely.geometry
from blake3 import blake3

from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.safe.zips import product_of_zip
from ben_assets.testing.cdse_faults import Script

USERNAME: Final = "demo@example.org"
PASSWORD: Final = "demo-password-of-no-account"
S3_ACCESS_KEY: Final = "DEMOACCESSKEY"
S3_SECRET_KEY: Final = "demo-secret-key-of-no-account"
ROLES: Final = ("catalogue", "download", "s3", "unrelated")
_CLAUSES: Final = re.compile(
    r"(?P<field>Name|Id) eq '?(?P<value>[^' ]+)'?"
    r"|(?P<function>startswith|contains)\(Name,'(?P<text>[^']*)'\)"
    r"|Collection/Name eq '(?P<collection>[^']*)'"
    r"|ContentDate/Start (?P<order>ge|lt) (?P<time>\S+)"
    r"|Attributes/OData\.CSC\.(?P<kind>\w+)Attribute/any\(a:a/Name eq '(?P<name>\w+)'"
    r" and a/OData\.CSC\.\w+Attribute/Value (?P<test>eq|le) '?(?P<limit>[^')]*)'?\)"
    r"|OData\.CSC\.Intersects\(area=geography'SRID=4326;(?P<area>[^']*)'\)"
)
_CORNERS: Final = re.compile(rb"<EXT_POS_LIST>([^<]*)</EXT_POS_LIST>")


@dataclass
class Product:
    """One product as the catalogue shows it; tests change it at will."""

    id: str
    name: str
    """With ``.SAFE``."""
    path: Path
    """The zip that is served."""
    size: int
    """ContentLength."""
    checksums: list[dict[str, str]]
    """Checksum."""
    online: bool = True
    etag: str = '"1"'
    """Sent with the zip, empty for none."""
    cloud: float = 0.0
    """Cloud cover in percent."""
    footprint: dict[str, Any] | None = None
    """GeoJSON of its outline."""

    @classmethod
    def of_zip(cls, path: Path) -> Product:
        """The product in a zip, under an id made from its name."""
        name = f"{product_of_zip(path)}.SAFE"
        content = path.read_bytes()
        digests = {
            "MD5": hashlib.md5(content).hexdigest(),
            "BLAKE3": blake3(content).hexdigest(),
        }
        date = "2024-07-09T08:45:31.631883Z"
        checksums = [
            {"Value": digest, "Algorithm": algorithm, "ChecksumDate": date}
            for algorithm, digest in digests.items()
        ]
        product_id = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
        product = cls(product_id, name, path, len(content), checksums)
        product.footprint = _footprint(path)
        return product

    @property
    def s3_prefix(self) -> str:
        """Where its files lie in the bucket."""
        day = ProductName.parse(self.name).sensing_time
        return f"Sentinel-2/MSI/L1C/{day:%Y/%m/%d}/{self.name}"

    def row(self) -> dict[str, Any]:
        """The product as OData."""
        return {
            "@odata.mediaContentType": "application/octet-stream",
            "Id": self.id,
            "Name": self.name,
            "ContentType": "application/octet-stream",
            "ContentLength": self.size,
            "OriginDate": "2024-07-09T08:35:54.000Z",
            "PublicationDate": "2024-07-09T08:44:52.873Z",
            "ModificationDate": "2024-07-09T08:45:31.989123Z",
            "Online": self.online,
            "EvictionDate": "9999-12-31T23:59:59.999Z",
            "S3Path": f"/eodata/{self.s3_prefix}",
            "Checksum": self.checksums,
            "Footprint": None,
            "GeoFootprint": self.footprint,
            "ContentDate": {"Start": self.start, "End": self.start},
        }

    @property
    def start(self) -> str:
        """Sensing time as the catalogue writes it."""
        return f"{ProductName.parse(self.name).sensing_time:%Y-%m-%dT%H:%M:%S.024000Z}"

    def attributes(self) -> dict[str, str | float]:
        """What ``$expand=Attributes`` adds, by name."""
        name = ProductName.parse(self.name)
        return {
            "productType": "S2MSI1C" if name.level == "L1C" else "S2MSI2A",
            "tileId": name.acquisition.mgrs,
            "cloudCover": self.cloud,
        }


def _footprint(path: Path) -> dict[str, Any] | None:
    """Outline by the metadata in a zip, which list latitude and longitude in turn."""
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if re.search(r"/MTD_MSIL\w+\.xml$", n)]
        corners = _CORNERS.search(archive.read(names[0])) if names else None
    if corners is None:
        return None
    numbers = [float(text) for text in corners[1].split()]
    ring = [[x, y] for y, x in zip(numbers[::2], numbers[1::2], strict=True)]
    return {"type": "Polygon", "coordinates": [ring]}


@dataclass
class Seen:
    """What the server was asked; the tests read it."""

    requests: Counter[str] = field(default_factory=Counter)
    """By route."""
    logins: int = 0
    refreshes: int = 0
    most_open_downloads: int = 0
    authorizations: dict[str, set[str]] = field(
        default_factory=lambda: {role: set() for role in ROLES}
    )
    """Authorization headers by the host that got them."""
    paths: list[str] = field(default_factory=list)
    """Paths with their queries, of all hosts."""
    ranges: list[str] = field(default_factory=list)
    """Range headers of downloads."""
    bodies: list[bytes] = field(default_factory=list)
    """Bodies of all POSTs that did not go to the token endpoint."""

    def summary(self) -> dict[str, Any]:
        """The counts, for other processes."""
        return {
            "requests": dict(self.requests),
            "logins": self.logins,
            "refreshes": self.refreshes,
            "most_open_downloads": self.most_open_downloads,
        }


class CdseState:
    """Products, sessions and faults, shared by all hosts under ``lock``."""

    def __init__(self, products: list[Product], token_seconds: float) -> None:
        """Nobody has asked yet."""
        self.products = products
        self.deleted: list[dict[str, str]] = []
        self.script = Script()
        self.seen = Seen()
        self.lock = threading.Lock()
        self.open_downloads: set[Any] = set()
        self.token_seconds = token_seconds
        self.tokens: set[str] = set()
        self.refresh_tokens: set[str] = set()
        self.password = PASSWORD
        self.expected_code: Callable[[], str] | None = None
        """Gives the one-time code that a log-in must bring, where asked for."""
        self.max_sessions = 4
        self.redirect: Callable[[str], str] = str
        """Where the catalogue host sends a download."""


def matching(rows: list[dict[str, Any]], condition: str) -> list[dict[str, Any]] | None:
    """The rows that an OData filter lets through; None for one not understood.

    Args:
        rows: with ``Attributes``.
        condition: clauses joined by ``and``.
    """
    at = 0
    while at < len(condition):
        clause = _CLAUSES.match(condition, at)
        if clause is None:
            return None
        rows = [row for row in rows if _lets_through(clause, row)]
        at = clause.end()
        if condition[at : at + 5] == " and ":
            at += 5
        elif at < len(condition):
            return None
    return rows


def _lets_through(clause: re.Match[str], row: dict[str, Any]) -> bool:
    if clause["field"]:
        return bool(row.get(clause["field"]) == clause["value"])
    if clause["function"]:
        tests = {"startswith": str.startswith, "contains": str.__contains__}
        return tests[clause["function"]](row["Name"], clause["text"])
    if clause["collection"]:
        return clause["collection"] == "SENTINEL-2"
    if clause["order"]:
        start = row["ContentDate"]["Start"]
        is_before = bool(start < clause["time"])
        return is_before == (clause["order"] == "lt")
    if clause["kind"]:
        value = {a["Name"]: a["Value"] for a in row["Attributes"]}.get(clause["name"])
        if clause["test"] == "eq":
            return bool(value == clause["limit"])
        return value is not None and float(value) <= float(clause["limit"])
    outline = row["GeoFootprint"]
    if outline is None:
        return False
    area = shapely.from_wkt(clause["area"])
    return bool(shapely.geometry.shape(outline).intersects(area))
