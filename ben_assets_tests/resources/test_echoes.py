"""Services that repeat the secret they were sent: in no place does it reach people."""

from __future__ import annotations

import html
import json
from urllib.parse import quote

import pytest

from ben_assets.bigearthnet.errors import BenError
from ben_assets_tests.support.raw_server import RawServer, reply
from ben_assets_tests.support.secrets_shown import encodings, shown
from ben_assets_tests.support.service_routes import PASSWORD, ROUTES, S3_KEY, TOKEN
from resources.transfers.transport import Transport

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>'")
JSON = "Content-Type: application/json"
XML = "Content-Type: application/xml"


def as_json(words: str) -> bytes:
    names = ("error", "message", "detail", "checksum", "state", "status")
    named = dict.fromkeys(names, words)
    draft = {"id": 1, "links": {"bucket": words, "html": words}, "files": []}
    task = {"TaskIds": [{"TaskID": words}], "items": [words], "private": True}
    return json.dumps({**named, **draft, **task}, ensure_ascii=False).encode()


def as_xml(words: str) -> bytes:
    text = html.escape(words)
    return f"<Error><Code>Denied</Code><Message>{text}</Message></Error>".encode()


def as_listing(words: str) -> bytes:
    text = f"<Key>{html.escape(words)}</Key><Size>{html.escape(words)}</Size>"
    return f"<ListBucketResult><Contents>{text}</Contents></ListBucketResult>".encode()


def moved(place: str) -> bytes:
    return reply("302 Found", b"", f"Location: {place}")


PLACES = {
    "JSON": lambda words: reply("200 OK", as_json(words), JSON),
    "listing": lambda words: reply("200 OK", as_listing(words), XML),
    "content": lambda words: reply("200 OK", words.encode(), "Content-Type: text/x"),
    "refused as JSON": lambda words: reply(f"403 {words}", as_json(words), JSON),
    "refused as XML": lambda words: reply(f"400 {words}", as_xml(words), XML),
    "too busy": lambda words: reply(f"503 {words}", as_json(f"{'x' * 590}{words}")),
    "status line": lambda words: f"HTTP/1.1 {words}\r\n\r\n".encode(),
    "no HTTP": lambda words: f"{words}\r\n\r\n".encode(),
    "headers": lambda words: reply(
        "206 Partial", b"PK", f"Content-Type: text/{words}", f"ETag: \"{words}\"",
        f"Content-Range: bytes {words}", f"X-HF-Warning: a;{words}"
    ),
    "length": lambda words: reply("200 OK", b"PK", f"Content-Length: {words}"),
    "host": lambda words: moved(f"https://{quote(words, safe='%')}.example/x"),
    "path": lambda words: moved(f"http://127.0.0.1:1/{quote(words, safe='%')}"),
    "port": lambda words: moved(f"https://h:{quote(words, safe='%')}/x"),
    "scheme": lambda words: moved(f"ftp://{words}/x"),
    "user": lambda words: moved(f"https://me:{quote(words, safe='%')}@h/"),
    "no address": lambda words: moved(f"http://[{words}"),
}  # fmt: skip
"""Where in an answer words are repeated."""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("route", [name for name, (_, sent) in ROUTES.items() if sent])
def test_no_part_of_a_repeated_secret_is_shown(route, place, tmp_path, capfd):
    ask, secret = ROUTES[route]
    lines = []
    answers = [PLACES[place](one) for one in encodings(secret).values()]
    with RawServer(lambda head: []) as server:
        for answer in answers:
            server.answer = lambda head, answer=answer: [answer]
            with pytest.raises(BenError, match=r"\w") as error:
                ask(server.url, tmp_path, lines.append)
            lines.append(str(error.value))
    lines += capfd.readouterr()
    found = shown(secret, [(place, line) for line in lines])
    assert found == []
    assert all(line.isprintable() for line in lines)


def test_a_token_that_was_renewed_is_still_not_shown(tmp_path):
    """An answer may repeat what an earlier request sent."""
    from resources.transfers.public_access import PublicAccess
    from resources.transfers.transport import Request

    with RawServer(lambda head: [reply("503 Busy", b"so " + TOKEN.encode())]) as server:
        transport = Transport(PublicAccess(server.url))
        for token in (TOKEN, "another"):
            with pytest.raises(BenError, match="HTTP 503") as error:
                transport.json(Request(server.url, token=token))
            assert shown(TOKEN, [("error", str(error.value))]) == []


def test_the_access_key_is_kept_as_the_secret_key_is(tmp_path):
    words = f"<Error><AWSAccessKeyId>{S3_KEY}</AWSAccessKeyId></Error>".encode()
    with (
        RawServer(lambda head: [reply("403 Forbidden", words, XML)]) as server,
        pytest.raises(BenError, match="CDSE_S3_ACCESS_KEY") as error,
    ):
        ROUTES["CDSE by S3"][0](server.url, tmp_path, print)
    assert shown(S3_KEY, [("error", str(error.value))]) == []


def test_the_search_finds_a_password_in_each_encoding():
    for how, text in encodings(PASSWORD).items():
        assert shown(PASSWORD, [("here", f"so {text} ")]), how
