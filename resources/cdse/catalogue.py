"""The CDSE catalogue (OData): products by their exact name.

Belongs here: what the catalogue knows of a name. Not here: downloads.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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
from resources.cdse.search import FoundProduct, Search, found_products
from resources.data_root.facts import CatalogueEntry
from resources.transfers.retrier import BackOff, Retrier
from resources.transfers.transport import Request, RequestRefused, Transport

_BRIEFLY: Final = 10.0
"""Seconds to keep trying a question whose answer only explains a failure."""
_SIZE: Final = re.compile(r"[0-9]{1,15}")
_MAX_CHECKSUMS: Final = 20
_NO_ANSWER: Final = (InvalidInput, RequestRefused, ServiceUnavailable)


@dataclass(frozen=True)
class Deletion:
    """What the catalogue says about a product that it has no more."""

    id: str
    date: str
    cause: str


@dataclass(frozen=True)
class CatalogueAnswer:
    """What the catalogue says of a name."""

    name: str
    """Product name with ``.SAFE``."""
    hits: tuple[CatalogueEntry, ...]
    """All products of that very name, online or not."""
    deletion: Deletion | None = None
    """What is known of its deletion, where there is no product."""
    other_baselines: tuple[str, ...] | None = ()
    """Products of the same acquisition, where there is none of the name; None where
    they could not be asked for."""

    def refusal(self) -> BenError | None:
        """Why the product cannot be had; None where it can."""
        if not self.hits:
            return self._gone()
        if len(self.hits) > 1:
            return ChangedUpstream(
                f"the catalogue has {len(self.hits)} products named {self.name} "
                f"({', '.join(hit.id for hit in self.hits)}); expected one. Compare "
                "them on the catalogue's page; put the right zip into BEN_L1C_DIR"
            )
        if not self.hits[0].online:
            return ProductOffline(
                f"{self.name} ({self.hits[0].id}) is offline; these interfaces cannot "
                "order it. Order it in the CDSE browser, then run the step again"
            )
        return None

    def _gone(self) -> ProductGone:
        if self.deletion is not None:
            deleted = self.deletion
            reason = f"it was deleted on {deleted.date} ({deleted.cause})"
        else:
            reason = "it is not among the deleted ones either; check the spelling"
        if self.other_baselines is None:
            reason += "; other baselines could not be asked for"
        elif self.other_baselines:
            reason += (
                f"; the acquisition exists only under another baseline, "
                f"{', '.join(self.other_baselines)}, which is never taken in its place"
            )
        return ProductGone(
            f"the catalogue has no product named {self.name}: {reason}. To go on, put "
            "the zip of the original into BEN_L1C_DIR"
        )


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
        answer = self.ask(key)
        if (refusal := answer.refusal()) is not None:
            raise refusal
        return answer.hits[0]

    def ask(self, key: str) -> CatalogueAnswer:
        """What the catalogue says of the name ``key`` (with or without ``.SAFE``).

        Raises:
            ServiceUnavailable: the catalogue does not answer as it should.
        """
        name = key.removesuffix(".SAFE") + ".SAFE"
        hits = tuple(self.hits(name))
        if hits:
            return CatalogueAnswer(name, hits)
        deleted = self.deletion("Name", name)
        try:
            others: tuple[str, ...] | None = tuple(self.other_baselines(name))
        except (InvalidProductName, *_NO_ANSWER):
            others = None
        return CatalogueAnswer(name, (), deleted, others)

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

    def search(self, search: Search) -> Iterator[FoundProduct]:
        """All products of a search, page by page, oldest first.

        Raises:
            ServiceUnavailable: the catalogue does not answer as it should.
        """
        return found_products(search, lambda options: self._query("Products", options))

    def _rows(
        self, what: str, condition: str, give_up_seconds: float = math.inf
    ) -> list[dict[str, Any]]:
        return self._query(what, {"$filter": condition}, give_up_seconds)

    def _query(
        self, what: str, options: dict[str, str], give_up_seconds: float = math.inf
    ) -> list[dict[str, Any]]:
        query = urlencode(options, quote_via=quote, safe="$'(),")
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


def _checksum_rows(row: dict[str, Any]) -> list[Any]:
    """The checksums of a row; what is no list of a few counts as none."""
    rows = row.get("Checksum")
    return rows if isinstance(rows, list) and len(rows) <= _MAX_CHECKSUMS else []


def _parsed(row: dict[str, Any]) -> CatalogueEntry:
    """One row; a missing size, checksum or date is no error, a missing id is."""
    product_id = str(row.get("Id", ""))
    if not re.fullmatch(r"[0-9A-Za-z-]+", product_id):
        raise ServiceUnavailable(f"the catalogue gives {product_id!r} as an id")
    size = row.get("ContentLength")
    return CatalogueEntry(
        id=product_id,
        name=str(row["Name"]),
        size=int(str(size)) if _SIZE.fullmatch(str(size)) else 0,
        checksums={
            str(one["Algorithm"]).upper(): str(one["Value"]).lower()
            for one in _checksum_rows(row)
            if isinstance(one, dict) and one.get("Algorithm") and one.get("Value")
        },
        online=row.get("Online") is not False,
        published=str(row.get("PublicationDate") or ""),
        modified=str(row.get("ModificationDate") or ""),
        s3_path=str(row.get("S3Path") or ""),
    )
