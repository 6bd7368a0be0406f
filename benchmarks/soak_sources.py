"""A long campaign against both loopback sources: half of the products gone from CDSE.

``python -m benchmarks.soak_sources [--products 40] [--probability 0.3]``. Any request
to either service can meet a fault; every product must arrive whole, and no header that
CDSE gave may reach the bucket.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.safe.manifest import prove_product
from ben_assets.testing.bucket_server import BucketServer
from ben_assets.testing.cdse_server import CdseServer
from ben_assets_tests.support.zip_products import (
    other_product,
    product_files,
    write_product,
)
from benchmarks.soak_cdse import PROCESSES, prepare, run

BAND_BYTES = 20_000


def campaign(products: int, probability: float, seed: int) -> list[str]:
    """Fetch all products by Dagster runs, three at a time; what the servers saw.

    Raises:
        AssertionError: a product is not there whole, or a secret reached the bucket.
    """
    names = [other_product(number) for number in range(products)]
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        for name in names:
            write_product(folder / "archive", name, band_bytes=BAND_BYTES)
        archive = folder / "archive"
        with CdseServer(archive) as cdse, BucketServer(archive) as bucket:
            _delete(cdse, names[::2])
            cdse.script.roll(probability, seed)
            bucket.script.roll(probability, seed + 1)
            servers = cdse.environment() | bucket.environment()
            environment = prepare(folder, names, servers)
            started = time.monotonic()
            with ThreadPoolExecutor(PROCESSES) as pool:
                codes = list(pool.map(lambda name: run(name, environment), names))
            seconds = time.monotonic() - started
            assert codes == [0] * products, codes
            from_bucket = _require_whole(folder / "data", names)
            _require_no_secret(cdse, bucket)
    requests = sum(cdse.seen.requests.values()) + sum(bucket.seen.requests.values())
    return [
        f"soak, sources: {products} of {products} products whole, {len(names[::2])} of "
        f"them gone from CDSE, {from_bucket} from the bucket, {probability:.0%} of "
        f"{requests} requests faulty: {seconds:.0f} s; no secret reached the bucket"
    ]


def _delete(cdse: CdseServer, names: list[str]) -> None:
    gone = {f"{name}.SAFE" for name in names}
    cdse.products[:] = [one for one in cdse.products if one.name not in gone]
    cdse.deleted += [{"Name": name, "DeletionCause": "Obsolete"} for name in gone]


def _require_whole(data: Path, names: list[str]) -> int:
    """See that all zips have the right files; how many came from the bucket."""
    from_bucket = 0
    for name in names:
        key = ProductName.parse(name).tile_key
        record = json.loads((data / "l1c_zips" / f"{key}.json").read_text())
        from_bucket += record["source"] == "gcs"
        path = data / "l1c_zips" / f"{key}.zip"
        prove_product(path, name)
        with zipfile.ZipFile(path) as archive:
            found = {
                info.filename.partition("/")[2]: archive.read(info)
                for info in archive.infolist()
                if not info.is_dir()
            }
        assert found == product_files(name, band_bytes=BAND_BYTES), name
    left = [str(path) for path in data.rglob("*") if path.name.endswith(".part")]
    assert not left, left
    return from_bucket


def _require_no_secret(cdse: CdseServer, bucket: BucketServer) -> None:
    said = json.dumps(bucket.headers) + "".join(bucket.seen.paths)
    secrets = {cdse.password, *cdse.tokens, *cdse.refresh_tokens}
    assert not [one for one in secrets if one in said]
    assert bucket.seen.authorizations["bucket"] == set()


def main() -> None:
    """Run the campaign and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=40)
    parser.add_argument("--probability", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for line in campaign(given.products, given.probability, given.seed):
        print(line, flush=True)


if __name__ == "__main__":
    main()
