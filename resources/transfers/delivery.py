"""From a catalogue entry to a product zip whose every byte is accounted for.

Belongs here: which deliveries are accepted, refused, or asked for again. Not here: the
transfer, the checks inside a zip (``ben_assets.safe.zips``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from blake3 import blake3

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.bigearthnet.errors import (
    ChangedUpstream,
    CorruptProduct,
    ServiceUnavailable,
    TruncatedZip,
)
from ben_assets.safe.file_digests import ALGORITHMS, plain_name
from ben_assets.safe.manifest import ManifestReport, prove_product
from resources.data_root.facts import CatalogueEntry, ServiceCheck, State
from resources.data_root.files import require_space
from resources.transfers.retrier import Retrier

MOST_DELIVERIES: Final = 4
"""Complete bodies that may fail a check before the product is given up."""
_KNOWN: Final[dict[str, Callable[[], Any]]] = {**ALGORITHMS, "BLAKE3": blake3}
"""Checksums of catalogues, by plain name."""


class Digests:
    """Digests of a body, computed while its bytes come: it is not read again."""

    def __init__(self, algorithms: Iterable[str] = ()) -> None:
        """SHA-256, and those of ``algorithms`` that are known here; of no bytes yet."""
        names = {"SHA256", *map(plain_name, algorithms)} & _KNOWN.keys()
        self._running = {name: _KNOWN[name]() for name in names}

    def update(self, content: bytes, /) -> None:
        """Take the next bytes."""
        for digest in self._running.values():
            digest.update(content)

    def hexdigests(self) -> dict[str, str]:
        """Plain name of the algorithm to lower-case hex."""
        return {name: digest.hexdigest() for name, digest in self._running.items()}


@dataclass(frozen=True)
class Delivered:
    """A product that arrived in full, as far as its service can tell."""

    size: int
    """Bytes of the zip."""
    digests: dict[str, str]
    """Those computed on the way, by algorithm (``SHA256``); lower-case hex."""
    is_as_served: bool = True
    """Whether the catalogue's length and checksums concern these very bytes."""
    listed: str = ""
    """What a bucket states of the files and was found to hold; for people."""
    left_out: tuple[str, ...] = ()
    """Objects of a bucket that do not belong to the product."""
    added: tuple[str, ...] = ()
    """Empty directories that a bucket cannot hold."""


@dataclass(frozen=True)
class ProvenZip:
    """A product zip that was accepted, and why."""

    size: int
    """Bytes of the zip."""
    sha256: str
    """Digest of the zip."""
    product: ManifestReport
    """What is inside."""
    checks: dict[str, ServiceCheck] = field(default_factory=dict)
    """By expectation: ``length``, ``MD5``, ``zip``, ``manifest`` ..."""
    is_packed_here: bool = False
    """Whether files of a bucket were packed here: the zip is of nobody else."""
    left_out: tuple[str, ...] = ()
    """Objects of the bucket that do not belong to the product."""
    added: tuple[str, ...] = ()
    """Empty directories that the bucket cannot hold."""

    @property
    def stale(self) -> dict[str, str]:
        """What the service states that does not hold, with what differs."""
        return {
            name: check.detail
            for name, check in self.checks.items()
            if check.state is State.CHANGED_UPSTREAM
        }


def deliver(
    fetch: Callable[[], Delivered],
    product: str,
    entry: CatalogueEntry | None,
    path: Path,
    attempts: Retrier,
    log: Callable[[str], None],
) -> ProvenZip:
    """Fetch the product to ``path`` and verify it, more than once if checks disagree.

    A zip whose members all keep the expectations of its manifest, but that is not what
    the catalogue says, is accepted if the same bytes come twice: the catalogue is
    stale.

    Args:
        fetch: writes the product's zip to ``path``, by whatever route.
        product: product name without ``.SAFE``.
        entry: what the catalogue says of it, where it was asked.
        path: the zip.
        attempts: decides when to try again.
        log: takes progress lines.

    Raises:
        CorruptProduct: the same broken bytes came twice.
        ChangedUpstream: each delivery was another one, none as the catalogue says.
        LocalResourceError: not enough free space.
        BenError: the transfer failed, see the routes.
    """
    require_space(path.parent, entry.size if entry else 0)
    seen: set[str] = set()
    deliveries = 0
    while deliveries < MOST_DELIVERIES:
        delivered = fetch()
        sha256 = delivered.digests.get("SHA256") or file_digest(path)
        repeated = sha256 in seen
        seen.add(sha256)
        found = service_checks(
            entry if delivered.is_as_served else None, delivered, path
        )
        kept = [n for n, check in found.items() if check.state is State.VERIFIED]
        try:
            report = prove_product(path, product)
        except TruncatedZip as error:
            if repeated and kept:
                raise
            attempts.failed(ServiceUnavailable(str(error)))
            continue
        except CorruptProduct as error:
            deliveries += 1
            if repeated:
                raise type(error)(f"{error}; the same bytes came twice") from None
            log(f"{error}; fetching it again")
            continue
        verified = verify(delivered, sha256, report, found)
        if not verified.stale or repeated:
            return verified
        deliveries += 1
        log(f"not as the catalogue says ({_listed(verified.stale)}); fetching it again")
    raise ChangedUpstream(
        f"{product} came {MOST_DELIVERIES} times, never twice the same "
        "and never as the catalogue says; run tile_ids again, then this step"
    )


def verify(
    delivered: Delivered,
    sha256: str,
    product: ManifestReport,
    service: dict[str, ServiceCheck],
) -> ProvenZip:
    """What holds of a zip whose content was verified."""
    members = len(product.members)
    expected = len(product.verified) + len(product.unverifiable)
    manifest = ServiceCheck(
        State.VERIFIED, f"{len(product.verified)} of {expected} files"
    )
    if product.unverifiable:
        reasons = sorted(set(product.unverifiable.values()))
        manifest = ServiceCheck(
            State.UNVERIFIABLE, f"{len(product.unverifiable)} files: {reasons}"
        )
    inside = {
        "zip": ServiceCheck(State.VERIFIED, f"structure and CRC of {members} members"),
        "manifest": manifest,
    }
    if delivered.listed:
        inside["bucket"] = ServiceCheck(State.VERIFIED, delivered.listed)
    return ProvenZip(
        delivered.size,
        sha256,
        product,
        {**service, **inside},
        is_packed_here=not delivered.is_as_served,
        left_out=delivered.left_out,
        added=delivered.added,
    )


def service_checks(
    entry: CatalogueEntry | None, delivered: Delivered, path: Path
) -> dict[str, ServiceCheck]:
    """Compare with what the catalogue says: length and every checksum that we know.

    Args:
        entry: what it says; None where its expectations do not concern this zip.
        delivered: what is known of the zip already.
        path: the zip, read again for other checksums.
    """
    if entry is None:
        none = ServiceCheck(
            State.UNVERIFIABLE, "the catalogue says nothing of this very zip"
        )
        return {"length": none, "checksum": none}
    checks = {"length": _compared(entry.size or None, delivered.size)}
    if not entry.checksums:
        checks["checksum"] = ServiceCheck(
            State.UNVERIFIABLE, "the catalogue gives none"
        )
    for algorithm, value in entry.checksums.items():
        found = _digest(algorithm, delivered, path)
        checks[algorithm] = (
            ServiceCheck(State.UNVERIFIABLE, "this algorithm is not known here")
            if found is None
            else _compared(value, found)
        )
    return checks


def _digest(algorithm: str, delivered: Delivered, path: Path) -> str | None:
    name = plain_name(algorithm)
    if name in delivered.digests:
        return delivered.digests[name]
    if name not in _KNOWN:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, _KNOWN[name]).hexdigest()


def _compared(expected: str | int | None, found: str | int) -> ServiceCheck:
    if expected is None:
        return ServiceCheck(State.UNVERIFIABLE, "the catalogue gives none")
    if expected == found:
        return ServiceCheck(State.VERIFIED)
    return ServiceCheck(
        State.CHANGED_UPSTREAM,
        f"the catalogue says {expected}, the product has {found}",
    )


def _listed(items: dict[str, str]) -> str:
    return "; ".join(f"{name}: {detail}" for name, detail in items.items())
