"""Answers that no service should give: each route ends with a named error."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator

import pytest

from ben_assets.bigearthnet.errors import BenError, ServiceUnavailable
from ben_assets_tests.support.raw_server import RawServer, reply
from ben_assets_tests.support.service_routes import ROUTES
from resources.transfers.public_access import PublicAccess
from resources.transfers.timeouts import Timeouts
from resources.transfers.transport import Request, Transport

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>'")
JSON = "Content-Type: application/json"
DEEP = b"[" * 100_000
"""Nested too deeply for the parser."""
BOMB = gzip.compress(bytes(1 << 22))

ANSWERS = {
    "no content": reply("204 No Content"),
    "not modified": reply("304 Not Modified"),
    "no such part": reply("416 Range Not Satisfiable", b"", "Content-Range: bytes */x"),
    "a part not asked for": reply("206 Partial", b"{}", "Content-Range: bytes 5-1/3"),
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "too long": reply("200 OK", b"{}", "Content-Length: 99"),
    "negative length": reply("200 OK", b"{}", "Content-Length: -5"),
    "length in other digits": reply("200 OK", b"{}", "Content-Length: \u0663"),
    "two lengths": reply("200 OK", b"{}", "Content-Length: 1", "Content-Length: 2"),
    "broken chunks": reply("200 OK", b"zz\r\n{}", "Transfer-Encoding: chunked"),
    "packed": reply("200 OK", BOMB, JSON, "Content-Encoding: gzip"),
    "packed wrongly": reply("200 OK", b"{}", JSON, "Content-Encoding: gzip"),
    "many headers": reply("200 OK", b"{}", *["a: b"] * 300),
    "a long header": reply("200 OK", b"{}", f"a: {'b' * 70_000}"),
    "deep JSON": reply("200 OK", DEEP, JSON),
    "no number": reply("200 OK", b'{"id": NaN, "links": Infinity, "items": 1}', JSON),
    "huge number": reply("200 OK", b'{"id": %s}' % (b"9" * 5000), JSON),
    "twice": reply("200 OK", b'{"id": 1, "id": [], "links": {}, "links": 7}', JSON),
    "a list": reply("200 OK", b"[1, [], null]", JSON),
    "other digits": reply(
        "200 OK",
        '{"access_token": "x", "expires_in": "\u0663", "id": "\u0663"}'.encode(),
        JSON,
    ),
    "a token of two lines": reply(
        "200 OK", b'{"access_token": "a\\nb: c", "expires_in": 600}', JSON
    ),
    "not UTF-8": reply("200 OK", b'{"id": "\xff\xfe"}', JSON),
    "busy for ever": reply("503 Busy", b"", f"Retry-After: {'9' * 9}"),
    "busy until a day that is none": reply("503 Busy", b"", "Retry-After: Fri, 99 Foo"),
    "busy until yesterday": reply("429 Busy", b"", "Retry-After: -1"),
    "moved nowhere": reply("302 Found"),
    "moved to itself": reply("302 Found", b"", "Location: "),
    "moved to other letters": reply("302 Found", b"", "Location: /\u00fc \u6771"),
    "moved to a long name": reply("302 Found", b"", f"Location: https://{'a' * 70}.b/"),
    "moved to an open bracket": reply("302 Found", b"", "Location: http://[::1"),
    "moved to a script": reply("302 Found", b"", "Location: javascript:alert(1)"),
}  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("route", ROUTES)
def test_an_odd_answer_has_a_named_end(route, answer, tmp_path):
    with (
        RawServer(lambda head: [ANSWERS[answer]]) as server,
        pytest.raises(BenError, match=r"\w{3}") as error,
    ):
        ROUTES[route][0](server.url, tmp_path, lambda line: None)
    assert str(error.value).isprintable()


HEADS_WITHOUT_END = {
    "100 Continue for ever": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 64),
    "a header that drips": (b"HTTP/1.1 200 OK\r\na: ", b"b"),
}


@pytest.mark.parametrize("head", HEADS_WITHOUT_END)
def test_a_head_without_end_is_given_up(head, tmp_path):
    first, again = HEADS_WITHOUT_END[head]
    never = threading.Event()

    def send(_: bytes) -> Iterator[bytes]:
        yield first
        while not never.wait(0.01):
            yield again

    with RawServer(send) as server:
        access = PublicAccess(server.url, Timeouts(stall_seconds=0.1))
        with (
            pytest.raises(ServiceUnavailable, match="head of the answer did not end"),
            Transport(access).open(Request(server.url)),
        ):
            pass
