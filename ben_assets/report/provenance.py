"""Where a release comes from: versions, inputs, and the published digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ben_assets.bigearthnet.plain_files import read_plain
from ben_assets.report.facts import OTHER_FILE, FileFacts, InputFacts
from resources.data_root.facts import ReleaseArchivesFacts
from resources.data_root.store import StoredRecord
from resources.inputs.pins import Pin


def versions_by_asset(records: Iterable[StoredRecord]) -> dict[str, dict[str, str]]:
    """Asset to package to version; several versions of one package side by side."""
    found: dict[str, dict[str, set[str]]] = {}
    for record in records:
        packages = found.setdefault(record.asset, {})
        for package, version in record.made_with.items():
            packages.setdefault(package, set()).add(version)
    return {
        asset: {name: ", ".join(sorted(packages[name])) for name in sorted(packages)}
        for asset, packages in found.items()
        if packages
    }


def inputs_of(
    records: Iterable[StoredRecord], pins: Mapping[str, Pin]
) -> list[InputFacts]:
    """The files that tiles were made from, other than files of our own assets."""
    tiles: dict[tuple[str, str], set[str]] = {}
    own: set[str] = set()
    for record in records:
        own |= {record.asset, f"{record.asset}.parquet", record.tile}
        for name, digest in record.made_from.items():
            tiles.setdefault((name, digest), set()).add(record.tile)
    return [
        InputFacts(name, digest, len(of), _outcome(digest, pins.get(name)))
        for (name, digest), of in sorted(tiles.items())
        if name not in own
    ]


def _outcome(digest: str, pin: Pin | None) -> str:
    if pin is None:
        return "not a pinned file"
    if pin.sha256 is None:
        return "pinned, but its published SHA-256 is not known"
    return "the pinned file" if digest == pin.sha256 else OTHER_FILE


def release_files(
    folder: Path, record: StoredRecord, published: Mapping[str, Mapping[str, Any]]
) -> list[FileFacts]:
    """The archives, the tars inside and the tables, beside their published digests.

    Args:
        folder: where the release archives are.
        record: their record.
        published: file name to its published ``md5`` or ``sha256``.
    """
    md5, sha256 = (
        _read_sums(folder / name) | _read_sums(folder / f"{name}.tar")
        for name in ("MD5SUMS", "SHA256SUMS")
    )
    archives = record.facts_as(ReleaseArchivesFacts).archives
    files = []
    for name in sorted(md5):
        archive = archives.get(name) or archives.get(f"{name}.zst")
        if archive is not None and name.endswith(".tar"):
            n_bytes = archive.tar_bytes
        else:
            n_bytes = (folder / name).stat().st_size
        expectation = published.get(name, {})
        files.append(
            FileFacts(
                name=name,
                bytes=n_bytes,
                members=archive.members if archive else None,
                md5=md5[name],
                sha256=sha256[name],
                published=expectation.get("sha256") or expectation.get("md5"),
            )
        )
    return files


def _read_sums(path: Path) -> dict[str, str]:
    lines = (line.partition("  ") for line in read_plain(path).decode().splitlines())
    return {name: digest for digest, _, name in lines}
