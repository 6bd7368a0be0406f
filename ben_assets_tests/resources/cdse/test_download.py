"""Cut, slow, redirected, refused: a download ends with the right bytes or an error."""

import email.utils
import os
import resource
import subprocess
import sys
import time

import pytest

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    CorruptProduct,
    LocalResourceError,
    ProductGone,
    QuotaExceeded,
    ServiceUnavailable,
)
from ben_assets.testing.cdse_faults import NAMED, Fault
from ben_assets_tests.resources.conftest import (
    GIVES_UP_AT_ONCE,
    NOTICES_SILENCE,
    times_of,
)
from ben_assets_tests.support.zip_products import NAME

HALF = Fault(reset_after=9000)


def status(code: int, **headers: str) -> Fault:
    return Fault(
        status=code, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


@pytest.mark.parametrize(
    "fault",
    [
        "reset",
        "stall",
        "drip",
        "short",
        "short without length",
        "html",
        "json",
        "empty",
        "500",
        "503",
        "429",
        "expired token",
        Fault(reset_after=0),
        Fault(close_after=0),
        Fault(headers={"Content-Encoding": "gzip"}, body=b"\x1f\x8b\x08 gzipped"),
        Fault(status=413),
    ],
    ids=str,
)
def test_a_passing_fault_costs_another_try_and_nothing_else(
    desk, server, fault
) -> None:
    times = times_of(fault, 2)
    server.script.add("download", fault, times=times)
    one = desk(**NOTICES_SILENCE)
    verified = one.fetch()
    one.require_right_bytes()
    assert {check.state for check in verified.checks.values()} == {"verified"}
    assert server.seen.requests["download"] == times + 1
    assert server.seen.logins == 1


@pytest.mark.parametrize(
    ("fault", "error", "reason"),
    [
        ("reset", ServiceUnavailable, "Connection reset"),
        ("stall", ServiceUnavailable, "timed out"),
        (Fault(bytes_per_second=20), ServiceUnavailable, r"only \d+ bytes|timed out"),
        ("short", ServiceUnavailable, r"ended after 2500 of \d+ bytes"),
        ("short without length", ServiceUnavailable, "cut short"),
        ("html", ServiceUnavailable, "expected a zip, found text/html"),
        ("empty", ServiceUnavailable, "an empty body"),
        ("503", ServiceUnavailable, "HTTP 503"),
        ("429", QuotaExceeded, "HTTP 429 .DAT-ZIP-100 Max session number"),
    ],
    ids=str,
)
def test_a_lasting_fault_ends_in_its_class(desk, server, fault, error, reason) -> None:
    server.product(NAME).etag = ""
    server.script.add("download", fault, times=100)
    with pytest.raises(error, match=rf"(?s)({reason}).*failed \d+ times?.*again later"):
        desk(**GIVES_UP_AT_ONCE).fetch()


def test_a_broken_transfer_goes_on_where_it_stopped(desk, server) -> None:
    server.script.add("download", HALF)
    one = desk()
    one.fetch()
    one.require_right_bytes()
    assert server.seen.ranges == ["bytes=9000-"]


@pytest.mark.parametrize(
    "second",
    [
        Fault(range_shift=1),
        Fault(range_shift=-5),
        Fault(total_shift=7),
        Fault(headers={"ETag": '"2"'}),
        Fault(headers={"Content-Range": "nonsense"}),
        Fault(ignore_range=True),
        Fault(status=416),
    ],
    ids=["ahead", "behind", "total", "other version", "nonsense", "200", "416"],
)
def test_a_part_is_kept_only_on_proof(desk, server, second) -> None:
    server.script.add("download", HALF, second)
    one = desk()
    verified = one.fetch()
    one.require_right_bytes()
    assert not verified.stale
    assert server.seen.ranges == ["bytes=9000-"]


def test_without_a_validator_a_transfer_starts_over(desk, server) -> None:
    server.product(NAME).etag = ""
    server.script.add("download", HALF)
    one = desk()
    one.fetch()
    one.require_right_bytes()
    assert server.seen.ranges == []


def test_a_weak_validator_is_none(desk, server) -> None:
    server.product(NAME).etag = 'W/"1"'
    server.script.add("download", HALF)
    desk().fetch()
    assert server.seen.ranges == []


@pytest.mark.parametrize("code", ["404", "422"])
def test_an_unknown_product_is_not_retried(desk, server, code) -> None:
    product = server.product(NAME)
    server.deleted.append(
        {"Id": product.id, "DeletionDate": "2024-01-02", "DeletionCause": "Corrupted"}
    )
    server.script.add("download", code)
    with pytest.raises(
        ProductGone, match=r"deleted on 2024-01-02 \(Corrupted\).*tile_ids"
    ):
        desk().fetch()
    assert server.seen.requests["download"] == 1
    assert server.seen.requests["deleted"] == 1


def test_the_service_says_how_long_to_wait_by_its_own_clock(desk, server) -> None:
    now = time.time() + 300
    date, later = (email.utils.formatdate(now + n, usegmt=True) for n in (0, 2))
    server.script.add("download", status(429, Date=date, Retry_After=later))
    one = desk()
    one.fetch()
    (line,) = [line for line in one.log if "trying again in" in line]
    # The server's own Date header may be a second behind: dates are whole seconds.
    assert 0.9 <= float(line.rpartition(" in ")[2].removesuffix(" s")) <= 3.1


def test_a_wait_that_nobody_has_time_for_ends_at_once(desk, server) -> None:
    server.script.add("download", status(429, Retry_After="86400"))
    with pytest.raises(QuotaExceeded, match="asks to wait 86400 s"):
        desk().fetch()
    assert server.seen.requests["download"] == 1


def test_a_pause_that_one_client_was_asked_for_is_told_to_all(desk, server) -> None:
    server.script.add("download", status(503, Retry_After="1"))
    one, started = desk(), time.time()
    one.fetch()
    until = float((one.folder / "data" / ".cdse" / "pause-download").read_text())
    assert until >= started + 1


class TestRedirects:
    """The token goes to allowed hosts only."""

    def via_catalogue(self, desk, server, **settings):
        url = server.environment()["CDSE_CATALOGUE_URL"]
        return desk(CDSE_DOWNLOAD_URL=url, **settings)

    def test_the_catalogue_host_leads_to_the_download_host(self, desk, server) -> None:
        hosts = server.url("download").removeprefix("http://")
        one = self.via_catalogue(desk, server, CDSE_ALLOWED_HOSTS=hosts)
        one.fetch()
        one.require_right_bytes()
        assert len(server.seen.authorizations["download"]) == 1

    def test_a_relative_redirect_is_followed(self, desk, server) -> None:
        where = server.url("download")
        server.redirect = lambda path: (
            f"{where}{path.partition('?')[0]}"
            if "?" in path
            else f"../{path.rpartition('/v1/')[2]}?again=1"
        )
        one = self.via_catalogue(
            desk, server, CDSE_ALLOWED_HOSTS=where.removeprefix("http://")
        )
        one.fetch()
        one.require_right_bytes()
        assert server.seen.requests["redirect"] == 2

    @pytest.mark.parametrize(
        "place",
        [
            "http://127.0.0.1:{port}/x",
            "http://example.org/x",
            "https://evil.example.org/x",
            "https://dataspace.copernicus.eu.evil.org/x",
            "ftp://127.0.0.1/x",
            "//127.0.0.1:{port}/x",
        ],
    )
    def test_an_unrelated_host_sees_no_token(self, desk, server, place) -> None:
        port = server.url("unrelated").rpartition(":")[2]
        server.redirect = lambda path: place.format(port=port)
        with pytest.raises(AccessRefused, match="is refused"):
            self.via_catalogue(desk, server).fetch()
        assert server.seen.requests["unrelated"] == 0
        assert server.seen.authorizations["unrelated"] == set()

    def test_a_loop_of_redirects_ends(self, desk, server) -> None:
        server.redirect = lambda path: path
        with pytest.raises(ServiceUnavailable, match="more than 5 redirects"):
            self.via_catalogue(desk, server).fetch()


def test_a_lasting_flip_at_the_source_is_corrupt_at_source(desk, server) -> None:
    server.script.add("download", Fault(flip_at=5000), times=2)
    with pytest.raises(CorruptProduct, match=r"Bad CRC.*the same bytes came twice"):
        desk().fetch()


def test_a_flip_on_the_way_is_no_flip_at_the_source(desk, server) -> None:
    server.script.add("download", Fault(flip_at=5000), Fault(flip_at=9000))
    one = desk()
    one.fetch()
    one.require_right_bytes()
    assert server.seen.requests["download"] == 3


def test_a_refused_token_is_renewed_then_replaced_then_given_up(desk, server) -> None:
    refused = Fault(status=401, body=NAMED["422"].body)
    server.script.add("download", refused, times=9)
    with pytest.raises(AccessRefused, match="fresh token is refused as well"):
        desk().fetch()
    assert (server.seen.refreshes, server.seen.logins) == (1, 2)
    assert server.seen.requests["download"] == 3


def test_a_full_disk_is_found_before_the_download(desk, server, monkeypatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(LocalResourceError, match="free space and run again"):
        desk().fetch()
    assert server.seen.requests["download"] == 0


OUT_OF_FILES = """
import os, sys
from pathlib import Path
from ben_assets.environment import settings_of_process
from resources.cdse import Cdse
cdse = Cdse.from_settings(settings_of_process())
entry = cdse.find(sys.argv[1])
try:
    while True:
        os.dup(0)
except OSError:
    pass
cdse.fetch(entry.name, Path(sys.argv[2]), entry)
"""


def test_running_out_of_files_is_a_local_failure(desk, server) -> None:
    one = desk()
    result = subprocess.run(
        [sys.executable, "-c", OUT_OF_FILES, NAME, str(one.target)],
        env={**os.environ, **one.environment},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60)),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "LocalResourceError" in result.stderr.splitlines()[-1]
    assert "too many open files; raise the limit (ulimit -n)" in result.stderr


def test_total_time_ends_a_transfer_that_still_moves(desk, server) -> None:
    server.script.add("download", Fault(bytes_per_second=3000))
    with pytest.raises(ServiceUnavailable, match="not complete in the time allowed"):
        desk(CDSE_TOTAL_SECONDS="0.5", CDSE_MIN_BYTES_PER_SECOND="1").fetch()
