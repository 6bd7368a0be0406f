"""The demo's own Copernicus Data Space and bucket, on loopback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from ben_assets.demo.settings import OWN
from ben_assets.synthetic.dataset import SyntheticData
from ben_assets.synthetic.own_region import OwnRegion
from ben_assets.synthetic.tiles import GOLDEN_TILES
from ben_assets.testing.bucket_server import BucketServer
from ben_assets.testing.cdse_server import CdseServer
from ben_assets.testing.cdse_state import Product

DELETED: Final = GOLDEN_TILES[1].name
"""The product that went the way of old baselines; the bucket still has it."""


@contextlib.contextmanager
def demo_services(synthetic: SyntheticData) -> Iterator[dict[str, str]]:
    """Runs the services; gives the settings that lead to them."""
    with CdseServer(synthetic.l1c_dir) as cdse, BucketServer(synthetic.l1c_dir) as gcs:
        _delete(cdse, DELETED)
        cdse.products += map(Product.of_zip, OwnRegion(OWN).archive.glob("*.zip"))
        yield cdse.environment() | gcs.environment()


def _delete(cdse: CdseServer, name: str) -> None:
    gone = next(one for one in cdse.products if one.name == f"{name}.SAFE")
    cdse.products.remove(gone)
    cdse.deleted.append(
        {
            "Id": gone.id,
            "Name": gone.name,
            "DeletionDate": "2025-08-11T00:00:00.000Z",
            "DeletionCause": "Obsolete processing baseline",
        }
    )
