"""Answers that no service should give: each route ends with a named error."""

from __future__ import annotations

import gzip
import itertools
import re
import threading
from collections.abc import Iterator

import pytest

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    BenError,
    CorruptProduct,
    ServiceUnavailable,
)
from ben_assets_tests.support.raw_server import RawServer, reply
from ben_assets_tests.support.service_routes import ROUTES, TOKEN
from resources.transfers.bucket import (
    Bucket,
    RangeReader,
    StoredObject,
    parse_listing,
)
from resources.transfers.public_access import PublicAccess
from resources.transfers.retrier import OwnPause, Retrier
from resources.transfers.timeouts import Timeouts
from resources.transfers.transport import Request, Transport
from resources.uploads.huggingface import HubAccess, HuggingFace

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


_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1"
WITHOUT_END = {
    "100 Continue for ever": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 64),
    "a header that drips": (b"HTTP/1.1 200 OK\r\na: ", b"b"),
    "a body that drips": (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"b"),
    "words of a refusal": (b"HTTP/1.1 503 No\r\nContent-Length: 9999\r\n\r\n", b"b"),
    "the size of a chunk": (_CHUNKED + b";", b"b"),
    "trailers": (_CHUNKED + b"\r\n{\r\n0\r\n", b"a: b\r\n"),
}


@pytest.mark.parametrize("answer", WITHOUT_END)
def test_what_does_not_end_is_given_up(answer):
    first, again = WITHOUT_END[answer]
    never = threading.Event()

    def send(_: bytes) -> Iterator[bytes]:
        yield first
        while not never.wait(0.01):
            yield again

    with RawServer(send) as server:
        access = PublicAccess(server.url, Timeouts(stall_seconds=0.05))
        with pytest.raises(
            ServiceUnavailable, match=r"did not come in 0\.2 s|bytes of an answer|503"
        ):
            Transport(access).read(Request(server.url))


def test_the_token_of_the_hub_goes_to_no_other_host(tmp_path):
    """An answer may name its next page, which the library asks with the token."""
    asked = []

    def lead_away(head: bytes) -> list[bytes]:
        if b"/tree/" not in head:
            return [reply("200 OK", b'{"id": "me/x", "private": true}', JSON)]
        return [reply("200 OK", b"[]", JSON, f'Link: <{other.url}/x>; rel="next"')]

    with RawServer(lead_away) as server, RawServer(lambda head: asked) as other:
        other.answer = lambda head: asked.append(head) or [reply()]
        with pytest.raises(AccessRefused, match="not to see the token"):
            ROUTES["Hub"][0](server.url, tmp_path, lambda line: None)
    assert asked == []


_REPOSITORY = reply("200 OK", b'{"id": "me/x", "private": true}', JSON)
HUB_WITHOUT_END = {
    "100 Continue": lambda head: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "pages": lambda head: (
        [reply("200 OK", b"[]", JSON, f'Link: <{address_of(head)}/tree/>; rel="next"')]
        if b"/tree/" in head
        else [_REPOSITORY]
    ),
    "a body": lambda head: itertools.chain(
        [b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(bytes(1 << 20))
    ),
    "silence": lambda head: iter(threading.Event().wait, True),
}


def address_of(head: bytes) -> str:
    """Of the server that was asked."""
    (host,) = re.findall(rb"(?i)host: (\S+)", head)
    return f"http://{host.decode()}"


@pytest.mark.parametrize("answer", HUB_WITHOUT_END)
def test_a_hub_that_does_not_end_is_given_up(answer, tmp_path):
    """The library by itself waits for ever, and reads all that comes."""
    with RawServer(HUB_WITHOUT_END[answer]) as server:
        timeouts = Timeouts(stall_seconds=0.2, give_up_seconds=0, total_seconds=0.5)
        hub = HuggingFace(HubAccess(TOKEN, server.url, timeouts), tmp_path, print)
        with pytest.raises(
            ServiceUnavailable,
            match=r"in the time allowed|more than 16777216|timed out",
        ):
            hub.upload("me/x", [], publishes=False, message="m")


def test_a_list_of_drafts_that_does_not_end_is_given_up(tmp_path):
    rows = b"[" + b",".join([b'{"id": 1}'] * 100) + b"]"
    with (
        RawServer(lambda head: [reply("200 OK", rows, JSON)]) as server,
        pytest.raises(ServiceUnavailable, match="does not end after 100 pages"),
    ):
        ROUTES["Zenodo"][0](server.url, tmp_path, lambda line: None)


def test_no_more_of_a_bucket_is_read_than_a_product_has():
    bucket = Bucket("http://127.0.0.1:1", Transport(PublicAccess("http://127.0.0.1:1")))
    attempts = Retrier(Timeouts(), OwnPause(Timeouts()), print)
    reader = RangeReader(bucket, StoredObject("a", 1 << 60, ""), attempts)
    with pytest.raises(CorruptProduct, match="at most 268435456 bytes at once"):
        reader(0, reader.size)
    with pytest.raises(ValueError, match="longer than a page"):
        parse_listing(bytes(5 << 20), "")
