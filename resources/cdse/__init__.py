"""The Copernicus Data Space Ecosystem (CDSE): find products and get them whole.

One import for all others: ``from resources.cdse import Cdse``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self

from ben_assets.bigearthnet.errors import ProductGone
from resources.cdse.access import Access
from resources.cdse.catalogue import Catalogue, CatalogueAnswer
from resources.cdse.download import HttpDownload, S3Download
from resources.cdse.session import Session
from resources.data_root.facts import CatalogueEntry
from resources.settings import Settings
from resources.transfers.delivery import ProvenZip, deliver
from resources.transfers.download import Progress
from resources.transfers.retrier import BackOff, Limiter, Retrier
from resources.transfers.transport import Transport

__all__ = ["CatalogueAnswer", "Cdse", "ProvenZip"]


class Cdse:
    """A client of CDSE; as many as you like share one account and its limits."""

    def __init__(self, access: Access, log: Callable[[str], None] = print) -> None:
        """Touches neither disk nor network; ``log`` gets failures and progress."""
        self._access = access
        self._log = log
        self._transport = Transport(access)
        self.catalogue = Catalogue(access, self._transport, log)

    @classmethod
    def from_settings(
        cls, settings: Settings, log: Callable[[str], None] = print
    ) -> Self:
        """As the ``CDSE_*`` settings say.

        Raises:
            InvalidInput: a setting is malformed.
        """
        return cls(Access.from_settings(settings), log)

    def briefly(self, seconds: float) -> Self:
        """The same client for questions that are given up after so many seconds."""
        return type(self)(
            replace(self._access, timeouts=self._access.timeouts.at_most(seconds)),
            self._log,
        )

    def find(self, key: str) -> CatalogueEntry:
        """The one product of that name; see :meth:`Catalogue.find` for failures."""
        return self.catalogue.find(key)

    def fetch(
        self, product: str, path: Path, entry: CatalogueEntry | None = None
    ) -> ProvenZip:
        """The product's zip at ``path``, verified; see :func:`deliver` for failures.

        Goes by the id of ``entry``, without which the catalogue is asked for one; by S3
        if its keys are set, else by HTTP.
        """
        entry = entry or self.find(product)
        timeouts, shared = self._access.timeouts, self._access.shared
        pause = BackOff(shared / "pause-download", timeouts)
        attempts = Retrier(timeouts, pause, self._log)
        progress = Progress(entry.name, entry.size, self._log)
        route = self._route(path, attempts, progress)
        try:
            return deliver(
                partial(route.fetch, entry),
                product.removesuffix(".SAFE"),
                entry,
                path,
                attempts,
                self._log,
            )
        except ProductGone as error:
            raise self._gone(entry, error) from None

    def _route(
        self, path: Path, attempts: Retrier, progress: Progress
    ) -> HttpDownload | S3Download:
        limiter = Limiter(
            self._access.shared_locks,
            f"cdse/{self._access.account_key}",
            int(self._access.timeouts.connections),
        )
        shared = self._access, self._transport, limiter, path, attempts, progress
        if self._access.s3_keys is not None:
            return S3Download(*shared)
        return HttpDownload(*shared, Session(self._access, self._transport))

    def _gone(self, entry: CatalogueEntry, error: ProductGone) -> ProductGone:
        deleted = self.catalogue.deletion("Id", entry.id)
        if deleted is None:
            why = "the catalogue does not list it as deleted either"
        else:
            why = f"it was deleted on {deleted.date} ({deleted.cause})"
        return ProductGone(
            f"{error}: the service has no product {entry.id} ({entry.name}) any more; "
            f"{why}. Materialize tile_ids again: the product may have a new id"
        )
