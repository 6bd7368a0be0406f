"""Google's public bucket of Sentinel-2 products: the old baselines, without an account.

One import for all others: ``from resources.gcs import Gcs``. Layout of the bucket:
https://cloud.google.com/storage/docs/public-datasets/sentinel-2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from ben_assets.bigearthnet.product_names import ProductName
from resources.data_root.facts import CatalogueEntry
from resources.settings import Settings
from resources.transfers.bucket import Bucket, RangeReader, StoredObject
from resources.transfers.delivery import ProvenZip, deliver
from resources.transfers.download import Progress
from resources.transfers.product_tree import ProductTree, TreeDownload, list_tree
from resources.transfers.public_access import PublicAccess
from resources.transfers.retrier import BackOff, Retrier
from resources.transfers.timeouts import Timeouts
from resources.transfers.transport import Transport

URL: Final = "https://storage.googleapis.com/gcp-public-data-sentinel-2"
_TREES: Final = {"L1C": "tiles", "L2A": "L2/tiles"}


@dataclass(frozen=True)
class GcsOptions:
    """Where the bucket is, and how patiently it is asked."""

    shared: Path
    """Directory for the pauses that all processes keep to."""
    url: str = URL
    """The bucket (``BEN_GCS_URL``)."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    """How long to wait for what."""


class Gcs:
    """A client of the bucket; it sends no token and no key to anybody."""

    def __init__(self, options: GcsOptions, log: Callable[[str], None] = print) -> None:
        """Touches neither disk nor network; ``log`` gets failures and progress."""
        self._options = options
        self._log = log
        rules = PublicAccess(options.url, options.timeouts)
        self._bucket = Bucket(options.url, Transport(rules))

    @classmethod
    def from_settings(
        cls, settings: Settings, log: Callable[[str], None] = print
    ) -> Self:
        """As ``BEN_GCS_URL`` and the time limits of ``CDSE_*`` say.

        Raises:
            InvalidInput: a malformed setting, or an address with user and password.
        """
        url = settings.address("BEN_GCS_URL", URL)
        shared = settings.data_dir / ".gcs"
        return cls(GcsOptions(shared, url, Timeouts.from_settings(settings)), log)

    @property
    def url(self) -> str:
        """The bucket that is asked."""
        return self._bucket.url

    def briefly(self, seconds: float) -> Self:
        """The same client for questions that are given up after so many seconds."""
        timeouts = self._options.timeouts.at_most(seconds)
        return type(self)(replace(self._options, timeouts=timeouts), self._log)

    def find(self, product: str) -> ProductTree:
        """The files of the product of that very name.

        Raises:
            ProductGone: the bucket has none.
            BenError: see :func:`list_tree`.
        """
        attempts = self._retrier()
        name = product.removesuffix(".SAFE") + ".SAFE"
        return list_tree(self._bucket, name, bucket_prefix(name), attempts)

    def fetch(
        self, product: str, path: Path, entry: CatalogueEntry | None = None
    ) -> ProvenZip:
        """The product packed into a zip at ``path``, verified.

        Goes by the product's name; what a catalogue says of it is not asked.

        Raises:
            BenError: see :func:`deliver` and :meth:`TreeDownload.fetch`.
        """
        attempts = self._retrier()
        name = product.removesuffix(".SAFE") + ".SAFE"
        progress = Progress(name, 0, self._log)
        download = TreeDownload(self._bucket, path, attempts, progress)
        return deliver(
            lambda: download.fetch(name, bucket_prefix(name)),
            name.removesuffix(".SAFE"),
            None,
            path,
            attempts,
            self._log,
        )

    def reader(self, stored: StoredObject) -> RangeReader:
        """Reads parts of one object of a listing."""
        return RangeReader(self._bucket, stored, self._retrier())

    def _retrier(self) -> Retrier:
        timeouts = self._options.timeouts
        pause = BackOff(self._options.shared / "pause-bucket", timeouts)
        return Retrier(timeouts, pause, self._log)


def bucket_prefix(product: str) -> str:
    """Where the files of a product lie, by its name.

    >>> bucket_prefix("S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608")
    'tiles/33/U/UP/S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608.SAFE/'
    """
    name = ProductName.parse(product)
    mgrs = name.acquisition.mgrs
    tree = _TREES[name.level]
    return f"{tree}/{mgrs[:2]}/{mgrs[2]}/{mgrs[3:]}/{name.name}.SAFE/"
