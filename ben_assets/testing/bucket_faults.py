"""What can be wrong with a bucket: thirteen faults of the loopback server, by name.

Belongs here: lasting faults of its content and answers. Not here: passing ones of one
answer (``cdse_faults``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ben_assets.testing.bucket_server import BucketObject, BucketServer, prefix_of
from ben_assets.testing.cdse_faults import NAMED, Fault

_FOR_EVER: Final = 10_000
_ENDLESS: Final = Fault(without_length=True, extra=b"\0" * (1 << 20))


def _lasting(route: str, fault: Fault) -> Callable[[BucketServer, str, str], None]:
    def play(server: BucketServer, name: str, path: str) -> None:
        server.script.add(route, fault, times=_FOR_EVER)

    return play


def _missing(server: BucketServer, name: str, path: str) -> None:
    server.remove(name, path)


def _wrong_size(server: BucketServer, name: str, path: str) -> None:
    server.change(name, path, size=7)


def _wrong_md5(server: BucketServer, name: str, path: str) -> None:
    server.change(name, path, md5="0" * 32)


def _cut_listing(server: BucketServer, name: str, path: str) -> None:
    server.page_size, server.cuts_listings = 5, True


def _paging_loop(server: BucketServer, name: str, path: str) -> None:
    server.page_size, server.repeats_pages = 5, True


def _changed_object(server: BucketServer, name: str, path: str) -> None:
    server.change(name, path, version="1" * 32)


def _no_manifest(server: BucketServer, name: str, path: str) -> None:
    server.remove(name, "manifest.safe")


def _other_manifest(server: BucketServer, name: str, path: str) -> None:
    other = next(
        one
        for key, one in server.objects.items()
        if key.endswith("/manifest.safe") and not key.startswith(prefix_of(name))
    )
    key = f"{prefix_of(name)}/manifest.safe"
    server.objects[key] = BucketObject.of(other.content)


LASTING: Final[dict[str, Callable[[BucketServer, str, str], None]]] = {
    "missing object": _missing,
    "wrong size": _wrong_size,
    "wrong MD5": _wrong_md5,
    "truncated listing": _cut_listing,
    "paging loop": _paging_loop,
    "429": _lasting("object", NAMED["429"]),
    "503": _lasting("object", NAMED["503"]),
    "slow drip": _lasting("object", NAMED["drip"]),
    "endless body": _lasting("object", _ENDLESS),
    "changed object": _changed_object,
    "HTML with 200": _lasting("object", NAMED["html"]),
    "manifest missing": _no_manifest,
    "manifest of another product": _other_manifest,
}
"""Each takes the server, the product's name and the path of one of its files."""
