"""The CDSE catalogue (OData): products by their exact name.

Belongs here: what the catalogue knows of a name. Not here: downloads.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

from ben_assets.bigearthnet.errors import (
    BenError,
    ChangedUpstream,
    InvalidInput,
    InvalidProductName,
    ProductGone,
    ProductOffline,
    ServiceUnavailable,
)
from ben_assets.bigearthnet.product_names import ProductName
from resources.cdse.access import Access
from resources.cdse.retrier import BackOff, Retrier
from resources.cdse.transport import Request, RequestRefused, Transport

_BRIEFLY: Final = 10.0
"""Seconds of timeouts with a question whose answer only explains a failure."""
_NO_ANSWER: Final = (InvalidInput, RequestRefused, ServiceUnavailable)


@dataclass(frozen=True)
class CatalogueEntry:
    """What the catalogue says about one product."""

    id: str
    """The id that downloads ask for."""
    name: str
    """Product name with ``.SAFE``."""
    size: int
    """Bytes of its zip, 0 where the catalogue does not know."""
    checksums: dict[str, str]
    """Algorithm (``MD5``, ``BLAKE3``) to lower-case hex of the zip; may be empty."""
    online: bool
    """Whether it can be downloaded now."""
    published: str
    """Publication time, ISO 8601."""
    modified: str
    """Time of the last change, ISO 8601."""
    s3_path: str
    """Where its files lie in the S3 interface; empty if not stated."""

    def as_facts(self) -> dict[str, Any]:
        """As stored in a record."""
        return asdict(self)


@dataclass(frozen=True)
class Deletion:
    """What the catalogue says about a product that it has no more."""

    id: str
    date: str
    cause: str


class Catalogue:
    """Asks for products by name, patiently."""

    def __init__(
        self, access: Access, transport: Transport, log: Callable[[str], None]
    ) -> None:
        """``log`` gets a line for every try that failed."""
        self._access = access
        self._transport = transport
        self._log = log

    def find(self, key: str) -> CatalogueEntry:
        """The one product named ``key`` (with or without ``.SAFE``) that is online.

        Raises:
            ProductGone: no such product; says if it was deleted, and which other
                baselines of the acquisition there are.
            ChangedUpstream: several products have the name.
            ProductOffline: it is not online.
            ServiceUnavailable: the catalogue does not answer as it should.
        """
        name = key.removesuffix(".SAFE") + ".SAFE"
        hits = self.hits(name)
        if not hits:
            raise self._gone(name)
        if len(hits) > 1:
            raise ChangedUpstream(
                f"the catalogue has {len(hits)} products named {name} "
                f"({', '.join(hit.id for hit in hits)}); expected one. Compare them on "
                "the catalogue's page; put the right zip into BEN_L1C_DIR"
            )
        if not hits[0].online:
            raise ProductOffline(
                f"{name} ({hits[0].id}) is offline; these interfaces cannot order it. "
                "Order it in the CDSE browser, then run the step again"
            )
        return hits[0]

    def hits(self, name: str) -> list[CatalogueEntry]:
        """All products of that very name, online or not."""
        rows = self._rows("Products", f"Name eq '{name}'")
        return [_parsed(row) for row in rows if row.get("Name") == name]

    def deletion(self, field: str, value: str) -> Deletion | None:
        """What is known of a deleted product with this ``Name`` or ``Id``."""
        quoted = f"'{value}'" if field == "Name" else value
        try:
            rows = self._rows("DeletedProducts", f"{field} eq {quoted}", _BRIEFLY)
        except _NO_ANSWER:
            return None
        row = next((row for row in rows if row.get(field) == value), None)
        if row is None:
            return None
        date = row.get("DeletionDate") or "an unknown day"
        cause = row.get("DeletionCause") or "no cause given"
        return Deletion(str(row.get("Id", "")), str(date), str(cause))

    def other_baselines(self, key: str) -> list[str]:
        """Names of the same acquisition and level under other baselines, sorted."""
        product = ProductName.parse(key)
        at = product.acquisition
        start = f"{at.mission}_MSI{product.level}_{at.sensing}_"
        rows = self._rows(
            "Products",
            f"startswith(Name,'{start}') and contains(Name,'_R{at.orbit}_T{at.mgrs}_')",
            _BRIEFLY,
        )
        names = {str(row.get("Name", "")) for row in rows}
        return sorted(name for name in names if _is_other_baseline(name, product))

    def _gone(self, name: str) -> ProductGone:
        deleted = self.deletion("Name", name)
        if deleted is not None:
            reason = f"it was deleted on {deleted.date} ({deleted.cause})"
        else:
            reason = "it is not among the deleted ones either; check the spelling"
        others: list[str] = []
        try:
            others = self.other_baselines(name)
        except (InvalidProductName, *_NO_ANSWER):
            reason += "; other baselines could not be asked for"
        if others:
            reason += (
                f"; the acquisition exists only under another baseline, "
                f"{', '.join(others)}, which is never taken in its place"
            )
        return ProductGone(
            f"the catalogue has no product named {name}: {reason}. To go on, put the "
            "zip of the original into BEN_L1C_DIR"
        )

    def _rows(
        self, what: str, condition: str, give_up_seconds: float = math.inf
    ) -> list[dict[str, Any]]:
        query = urlencode({"$filter": condition}, quote_via=quote, safe="$'(),")
        request = Request(f"{self._access.catalogue_url}/{what}?{query}")
        timeouts = self._access.timeouts
        seconds = min(timeouts.give_up_seconds, give_up_seconds)
        timeouts = replace(timeouts, give_up_seconds=seconds)
        pause = BackOff(self._access.shared / "pause-catalogue", timeouts)
        return Retrier(timeouts, pause, self._log).run(lambda: self._ask(request))

    def _ask(self, request: Request) -> list[dict[str, Any]]:
        try:
            rows = self._transport.json(request).get("value")
        except ProductGone as error:
            raise InvalidInput(f"{error}; check CDSE_CATALOGUE_URL") from None
        if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
            raise ServiceUnavailable(
                "the catalogue answered without the list 'value' of products"
            )
        return rows


def _is_other_baseline(name: str, product: ProductName) -> bool:
    try:
        other = ProductName.parse(name)
    except BenError:
        return False
    same = (product.level, product.acquisition) == (other.level, other.acquisition)
    return same and other.baseline != product.baseline


def _parsed(row: dict[str, Any]) -> CatalogueEntry:
    """One row; a missing size, checksum or date is no error, a missing id is."""
    product_id = str(row.get("Id", ""))
    if not re.fullmatch(r"[0-9A-Za-z-]+", product_id):
        raise ServiceUnavailable(f"the catalogue gives {product_id!r} as an id")
    size = row.get("ContentLength")
    return CatalogueEntry(
        id=product_id,
        name=str(row["Name"]),
        size=int(str(size)) if str(size).isdigit() else 0,
        checksums={
            str(one["Algorithm"]).upper(): str(one["Value"]).lower()
            for one in row.get("Checksum") or []
            if isinstance(one, dict) and one.get("Algorithm") and one.get("Value")
        },
        online=row.get("Online") is not False,
        published=str(row.get("PublicationDate") or ""),
        modified=str(row.get("ModificationDate") or ""),
        s3_path=str(row.get("S3Path") or ""),
    )
