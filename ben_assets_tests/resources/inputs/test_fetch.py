from __future__ import annotations

import contextlib
import hashlib
import http.server
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import (
    BenError,
    ChangedUpstream,
    LocalResourceError,
    ProductGone,
    ServiceUnavailable,
)
from ben_assets_tests.resources.conftest import require_flushed
from resources.inputs.fetch import fetch
from resources.inputs.pinned import PinnedInputs
from resources.inputs.pins import SNOW, Pin
from resources.settings import Settings
from resources.transfers.timeouts import Timeouts

CONTENT = bytes(range(256)) * 4000


class Server(http.server.ThreadingHTTPServer):
    """Serves ``CONTENT``; plays one fault for each request, then none."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults: list[str] = []
        self.ranges: list[str | None] = []
        self.goes_on = threading.Event()
        self.goes_on.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.csv"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if len(self.server.ranges) > 1:
            self.server.goes_on.set()
        self.server.goes_on.wait(60)
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if re.fullmatch(r"\d+", fault):
            self.send_error(int(fault))
            return
        if fault == "html":
            self.send_reply(200, b"<html>please log in</html>")
            return
        match = re.fullmatch(r"bytes=(\d+)-", asked or "")
        offset = int(match[1]) if match and fault != "no ranges" else 0
        if match and offset >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[offset:]
        headers = {}
        if match and fault != "no ranges":
            first = offset + 7 if fault == "other range" else offset
            total = len(CONTENT)
            headers["Content-Range"] = f"bytes {first}-{total - 1}/{total}"
        if fault == "cut":
            self.send_reply(206 if headers else 200, body, headers, upto=len(body) // 3)
            return
        if fault == "corrupt":
            body = b"x" + body[1:]
        self.send_reply(206 if headers else 200, body, headers)

    def send_reply(
        self, status: int, body: bytes, headers=None, upto: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:upto])


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(
            target=running.serve_forever, args=(0.01,), daemon=True
        )
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def pin_of(url: str, content: bytes = CONTENT, **more) -> Pin:
    digest = hashlib.sha256(content).hexdigest()
    return Pin("file.csv", url, is_fetchable=True, sha256=digest, **more)


def get(pin: Pin, target: Path, **patience: float) -> list[str]:
    lines: list[str] = []
    fetch(pin, target, lines.append, pause_seconds=0.01, **patience)
    return lines


def assert_whole(folder: Path) -> None:
    assert [path.name for path in folder.iterdir()] == ["file.csv"]
    assert (folder / "file.csv").read_bytes() == CONTENT


@pytest.mark.parametrize("size", [None, len(CONTENT)], ids=["unknown size", "size"])
@pytest.mark.parametrize(
    "faults",
    [
        [],
        ["cut"],
        ["cut", "cut", "cut"],
        ["503", "500"],
        ["cut", "no ranges"],
        ["cut", "other range"],
        ["cut", "corrupt"],
        ["cut", "429", "cut"],
    ],
    ids=lambda faults: " then ".join(faults) or "none",
)
def test_the_file_arrives_whole_whatever_happens_on_the_way(
    server, tmp_path, faults, size
):
    server.faults = list(faults)
    get(pin_of(server.url, bytes=size), tmp_path / "file.csv")
    assert_whole(tmp_path)


def test_a_part_is_continued_where_it_ended(server, tmp_path):
    server.faults = ["cut"]
    lines = get(pin_of(server.url), tmp_path / "file.csv")
    assert server.ranges == [None, f"bytes={len(CONTENT) // 3}-"]
    assert lines[-1] == "file.csv: continued"


def test_it_is_on_the_disk_before_it_has_its_name(server, tmp_path, calls):
    get(pin_of(server.url), tmp_path / "file.csv")
    require_flushed(calls, tmp_path / "file.csv")


def test_who_comes_second_waits_and_takes_what_the_first_fetched(server, tmp_path):
    """The first is answered when the second waits, or when it asks, too."""
    server.goes_on.clear()
    inputs = PinnedInputs(Settings({"BEN_DATA_DIR": str(tmp_path)}))
    inputs.pins = {SNOW: pin_of(server.url)}

    def log(line: str) -> None:
        if line.startswith(f"{SNOW} is being fetched by process "):
            server.goes_on.set()

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(inputs.require, SNOW, log) for _ in range(2)]
        assert [one.result().is_pinned for one in both] == [True, True]
    assert server.ranges == [None]


def test_a_part_of_an_ended_process_is_continued(server, tmp_path):
    (tmp_path / ".file.csv.part").write_bytes(CONTENT[:1000])
    get(pin_of(server.url), tmp_path / "file.csv")
    assert server.ranges == ["bytes=1000-"]
    assert_whole(tmp_path)


@pytest.mark.parametrize("part", [b"other", CONTENT + b"more"], ids=["other", "longer"])
def test_a_part_of_something_else_does_no_harm(server, tmp_path, part):
    (tmp_path / ".file.csv.part").write_bytes(part)
    get(pin_of(server.url), tmp_path / "file.csv")
    assert_whole(tmp_path)


def test_another_file_than_pinned_never_takes_its_place(server, tmp_path):
    (tmp_path / "file.csv").write_bytes(b"as it was")
    with pytest.raises(ChangedUpstream, match="expected the pinned file"):
        get(pin_of(server.url, b"something else"), tmp_path / "file.csv")
    assert (tmp_path / "file.csv").read_bytes() == b"as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["file.csv"]


def test_a_page_in_place_of_the_file_is_not_taken_for_it(server, tmp_path):
    server.faults = ["html"] * 9
    with pytest.raises(ChangedUpstream, match=r"expected \d+ bytes, found 26;"):
        get(pin_of(server.url, bytes=len(CONTENT)), tmp_path / "file.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_gone_is_not_asked_for_again(server, tmp_path):
    server.faults = ["404"] * 9
    with pytest.raises(ProductGone, match="HTTP 404"):
        get(pin_of(server.url), tmp_path / "file.csv")
    assert len(server.ranges) == 1


def test_a_server_that_stays_away_is_named_after_some_tries(server, tmp_path):
    server.faults = ["503"] * 99
    with pytest.raises(ServiceUnavailable, match="HTTP 503"):
        get(pin_of(server.url), tmp_path / "file.csv")
    assert 2 <= len(server.ranges) <= 20


def test_without_patience_a_server_is_asked_once(server, tmp_path):
    server.faults = ["503"] * 99
    with pytest.raises(ServiceUnavailable, match=r"failed 1 time in"):
        get(pin_of(server.url), tmp_path / "file.csv", give_up_seconds=0)
    assert len(server.ranges) == 1


def test_each_try_says_when_the_next_one_is_and_when_it_ends(server, tmp_path):
    server.faults = ["503"]
    lines = get(pin_of(server.url), tmp_path / "file.csv", give_up_seconds=50)
    assert any(line.endswith("in 0.0 s, giving up in 50 s") for line in lines)


def test_a_git_blob_id_is_a_pin_too(server, tmp_path):
    header = f"blob {len(CONTENT)}\0".encode()
    blob = hashlib.sha1(header + CONTENT).hexdigest()
    get(
        Pin("file.csv", server.url, is_fetchable=True, git_blob=blob),
        tmp_path / "file.csv",
    )
    assert_whole(tmp_path)
    with pytest.raises(ChangedUpstream, match="git blob 0"):
        get(Pin("file.csv", server.url, True, git_blob="0" * 40), tmp_path / "file.csv")


HOSTILE = {
    "/endless": "more than the expected 1000 bytes",
    "/hugelen": "expected 1000 bytes, found 10000000000000",
    "/drip": "only .* bytes in|timed out",
    "/to-self": "more than 5 redirects",
    "/to-file": "is refused|not an address",
    "/to-ftp": "is refused",
    "/to-badport": "is not an address",
    "/to-v6": "not an address",
    "/to-meta": "is refused",
    "/status": "BadStatusLine",
}
LOCATIONS = {
    "/to-file": "file:///etc/hostname",
    "/to-ftp": "ftp://127.0.0.1:1/x",
    "/to-self": "/to-self",
    "/to-badport": "http://127.0.0.1:99999/x",
    "/to-v6": "http://[::1/x",
    "/to-meta": "http://169.254.169.254/latest/meta-data/",
}


class HostileHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            if self.path in LOCATIONS:
                self.send_response(302)
                self.send_header("Location", LOCATIONS[self.path])
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif self.path == "/status":
                self.wfile.write(b"HTTP/1.1 99999 EVIL\n\r\n")
            else:
                self.send_body()

    def send_body(self) -> None:
        self.send_response(200)
        if self.path == "/hugelen":
            self.send_header("Content-Length", str(10**13))
        self.end_headers()
        while True:
            if self.path == "/drip":
                self.wfile.write(b"x")
                time.sleep(0.1)
            else:
                self.wfile.write(b"\0" * (1 << 20))


@pytest.fixture
def hostile() -> Iterator[str]:
    host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), HostileHandler)
    host.daemon_threads = True
    with host:
        thread = threading.Thread(target=host.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{host.server_port}"
        host.shutdown()
        thread.join()


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_mirror_is_named_and_leaves_no_large_part(
    hostile, tmp_path, monkeypatch, path
) -> None:
    """Endless, huge, slow, and sent elsewhere: the pin says 1000 bytes."""
    haste = Timeouts(stall_seconds=0.5, give_up_seconds=0.5, first_wait_seconds=0.01)
    monkeypatch.setattr("resources.inputs.fetch.Timeouts", lambda **_: haste)
    pin = pin_of(f"{hostile}{path}", b"x" * 1000, bytes=1000)
    with pytest.raises(BenError, match=HOSTILE[path]):
        get(pin, tmp_path / "file.csv")
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 1000


def test_a_file_of_unknown_size_is_bounded_too(hostile, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("resources.inputs.fetch._MOST_BYTES", 5_000_000)
    with pytest.raises(ChangedUpstream, match="more than the expected 5000000 bytes"):
        get(pin_of(f"{hostile}/endless"), tmp_path / "file.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_does_not_stay_full(hostile, tmp_path, small_disk) -> None:
    disk = small_disk("size=1m")
    with pytest.raises(LocalResourceError, match="free space"):
        get(pin_of(f"{hostile}/endless"), disk / "file.csv")
    assert list(disk.iterdir()) == []
