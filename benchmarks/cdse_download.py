"""Download of a 1 GB product over loopback, beside curl in the same run.

``python -m benchmarks.cdse_download [--megabytes 1000] [--repeats 3]``. The server is a
process of its own; both clients write to the same disk; ours hashes while it streams.
The checks of the content come after and are timed apart. Peak memory is that of the
process that downloads and verifies.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ben_assets.environment import settings_of_process
from ben_assets.safe.manifest import prove_product
from ben_assets_tests.support.zip_products import BANDS, NAME, band_path
from resources.cdse.access import Access
from resources.cdse.catalogue import Catalogue
from resources.cdse.download import HttpDownload
from resources.cdse.session import Session
from resources.settings import Settings
from resources.transfers.limiter import Limiter
from resources.transfers.retrier import BackOff, Retrier
from resources.transfers.transport import Transport


def write_large_product(folder: Path, megabytes: int) -> Path:
    """A product of 13 band files that cannot be compressed, with a true manifest."""
    import hashlib

    path = folder / f"{NAME}.zip"
    rows = []
    with zipfile.ZipFile(path, "w") as archive:
        for band in BANDS:
            name = band_path(NAME, band)
            digest, size = hashlib.md5(), 0
            with archive.open(f"{NAME}.SAFE/{name}", "w", force_zip64=False) as member:
                while size < megabytes * 1_000_000 // 13:
                    piece = os.urandom(1 << 20)
                    member.write(piece)
                    digest.update(piece)
                    size += len(piece)
            rows.append(
                f'<byteStream size="{size}"><fileLocation href="./{name}"/>'
                f'<checksum checksumName="MD5">{digest.hexdigest()}</checksum>'
                "</byteStream>"
            )
        text = f"<XFDU>{''.join(rows)}</XFDU>"
        archive.writestr(f"{NAME}.SAFE/manifest.safe", text)
    return path


@contextmanager
def running_server(folder: Path) -> Iterator[dict[str, str]]:
    """The loopback CDSE in a process of its own; gives the settings to reach it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ben_assets.testing.cdse_server", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate()


def measure(target: Path) -> dict[str, float]:
    """One download and its checks; seconds, bytes a second, and peak memory."""
    access = Access.from_settings(settings_of_process())
    transport = Transport(access)
    session = Session(access, transport)
    entry = Catalogue(access, transport, print).find(NAME)
    session.token()
    limiter = Limiter(access.shared_locks, "ctx", 4)
    pause = BackOff(access.shared / "pause", access.timeouts)
    route = HttpDownload(access, transport, session, limiter)
    attempts = Retrier(access.timeouts, pause, print)
    started = time.perf_counter()
    delivered = route.fetch(entry, target, attempts, lambda size: None)
    streamed = time.perf_counter()
    prove_product(target, NAME)
    verified = time.perf_counter()
    return {
        "bytes_per_second": delivered.size / (streamed - started),
        "proof_seconds": verified - streamed,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure_apart(target: Path, settings: dict[str, str]) -> dict[str, float]:
    """The same in a process of its own, so that its memory is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cdse_download", "--measure", str(target)],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def curl(target: Path, settings: dict[str, str]) -> float:
    """Bytes a second of curl to the same disk, token and address as ours."""
    access = Access.from_settings(Settings(settings))
    transport = Transport(access)
    entry = Catalogue(access, transport, print).find(NAME)
    token = Session(access, transport).token()
    url = f"{access.download_url}/Products({entry.id})/$value"
    # The token goes in by standard input: arguments can be read by every process.
    done = subprocess.run(
        ["curl", "-sS", "-K-", "-o", target, "-w", "%{speed_download}", url],
        input=f'header = "Authorization: Bearer {token}"',
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def run(megabytes: int = 1000, repeats: int = 5) -> list[str]:
    """The rows of the table: the best of ``repeats``, both clients taking turns.

    The best, since whatever else the machine does can only slow a transfer down.
    """
    ours: list[dict[str, float]] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        (folder / "archive").mkdir()
        write_large_product(folder / "archive", megabytes)
        with running_server(folder / "archive") as found:
            settings = {**found, "BEN_DATA_DIR": str(folder / "data")}
            target = folder / "target.zip"
            for _ in range(repeats + 1):  # the first warms up
                theirs.append(curl(target, settings))
                target.unlink()
                ours.append(measure_apart(target, settings))
                target.unlink()
    speed = max(one["bytes_per_second"] for one in ours[1:])
    reference = max(theirs[1:])
    check = min(one["proof_seconds"] for one in ours[1:])
    peak = max(one["peak_mib"] for one in ours)
    return [
        f"download, {megabytes} MB, curl: {reference / 1e6:.0f} MB/s",
        f"download, {megabytes} MB, ours with hashing: {speed / 1e6:.0f} MB/s "
        f"({100 * speed / reference:.0f} % of curl, at least 80 % wanted)",
        f"checks of the {megabytes} MB afterwards: {check:.2f} s",
        f"peak memory of download and checks: {peak:.0f} MiB (below 200 wanted)",
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--measure", type=Path)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure)))
    else:
        print("\n".join(run(given.megabytes, given.repeats)))


if __name__ == "__main__":
    main()
