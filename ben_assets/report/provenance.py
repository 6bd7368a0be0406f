"""Where a release comes from: versions, inputs, and the published digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ben_assets.report.facts import OTHER_FILE, FileFacts, InputFacts
from resources.data_root.facts import ReleaseArchivesFacts
from resources.data_root.store import StoredRecord
from resources.data_root.stored_tiles import StoredTiles
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
    storage: StoredTiles,
    record: StoredRecord,
    published: Mapping[str, Mapping[str, Any]],
) -> list[FileFacts]:
    """The archives, the tars inside and the tables, beside their published digests.

    Args:
        storage: the data root.
        record: of the release archives.
        published: file name to its published ``md5`` or ``sha256``.

    Raises:
        InvalidInput: a file of the release is gone, cut or changed.
    """

    def sums(name: str) -> dict[str, str]:
        text = (storage.read_file(record, name + of) for of in ("", ".tar"))
        lines = b"".join(text).decode().splitlines()
        return {name: digest for digest, _, name in (x.partition("  ") for x in lines)}

    md5, sha256 = sums("MD5SUMS"), sums("SHA256SUMS")
    archives = record.facts_as(ReleaseArchivesFacts).archives
    files = []
    for name in sorted(md5):
        archive = archives.get(name) or archives.get(f"{name}.zst")
        if archive is not None and name.endswith(".tar"):
            n_bytes = archive.tar_bytes
        else:
            n_bytes = storage.file_of(record, name).stat().st_size
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
