"""Download of a 1 GB product over loopback, beside curl in the same run.

``python -m benchmarks.cdse_download [--megabytes 1000] [--repeats 5]``. The server is a
process of its own; both clients write to the same disk; ours hashes while it streams
and verifies every file of the product afterwards. Counts how often the zip is read
after it arrived. Peak memory is that of the process that downloads and verifies.
"""

from __future__ import annotations

import argparse
import hashlib
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
from typing import Final

from ben_assets.environment import settings_of_process
from ben_assets.safe.zips import extract_product
from ben_assets_tests.support.zip_products import BANDS, NAME, band_path
from resources.cdse import Cdse
from resources.cdse.access import Access
from resources.cdse.catalogue import Catalogue
from resources.cdse.session import Session
from resources.settings import Settings
from resources.transfers.transport import Transport

GOAL_READS: Final = 2.05
"""The checks read the zip once, unpacking once; the rest is what a process reads."""
GOAL_PEAK_MIB: Final = 200


def write_large_product(folder: Path, megabytes: int) -> Path:
    """A product of 13 band files that cannot be compressed, with a true manifest."""
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
    """One download, its checks, and the unpacking that ``l2a_tiles`` begins with.

    Bytes read are those of the process by its system calls: no socket is among them.
    """
    client = Cdse.from_settings(settings_of_process())
    entry = client.find(NAME)
    started, before = time.perf_counter(), bytes_read()
    verified = client.fetch(entry.name, target, entry)
    fetched, after = time.perf_counter(), bytes_read()
    members = {name: one.sha256 for name, one in verified.product.members.items()}
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        extract_product(target, Path(folder), expected=members)
    return {
        "bytes_per_second": verified.size / (fetched - started),
        "read_by_checks": (after - before) / verified.size,
        "read_by_unpacking": (bytes_read() - after) / verified.size,
        "cpu_seconds": time.process_time(),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def bytes_read() -> int:
    """Bytes that this process has read from files."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


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


def run(megabytes: int, repeats: int) -> tuple[list[str], bool]:
    """The rows of the table, and whether the goals were reached.

    The best of ``repeats`` of each, taking turns: whatever else the machine does can
    only slow a transfer down.
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
    cpu = min(one["cpu_seconds"] for one in ours[1:])
    peak = max(one["peak_mib"] for one in ours)
    checks, unpacking = ours[-1]["read_by_checks"], ours[-1]["read_by_unpacking"]
    lines = [
        f"download, {megabytes} MB, curl: {reference / 1e6:.0f} MB/s",
        f"download, {megabytes} MB, ours, to the verified zip: {speed / 1e6:.0f} MB/s",
        f"CPU of download, checks and unpacking: {cpu:.1f} s",
        f"zip read after it arrived: {checks:.2f} times by its checks, "
        f"{unpacking:.2f} times by unpacking (goal: at most {GOAL_READS} in all)",
        f"peak memory: {peak:.0f} MiB (goal: at most {GOAL_PEAK_MIB})",
    ]
    return lines, checks + unpacking <= GOAL_READS and peak <= GOAL_PEAK_MIB


def main() -> int:
    """Print the table; 1 if a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--measure", type=Path)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return 0
    lines, is_reached = run(given.megabytes, given.repeats)
    print("\n".join(lines))
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
