"""Tokens: one log-in for all processes, then refreshes, then a clear end."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    InvalidInput,
    ServiceUnavailable,
)
from ben_assets.testing.cdse_faults import Fault
from ben_assets_tests.resources.conftest import NOTICES_SILENCE, times_of
from ben_assets_tests.support.zip_products import NAME
from resources.cdse.session import one_time_code
from resources.data_root.file_locks import FileLocks
from resources.transfers.retrier import Limiter

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""Of the test vectors of RFC 6238: the bytes 12345678901234567890."""


def token_file(desk) -> Path:
    (path,) = (desk.folder / "data" / ".cdse").glob("token-*.json")
    return path


def test_the_token_is_shared_and_secret(desk, server) -> None:
    desk().fetch()
    one = desk()
    one.fetch()
    assert (server.seen.logins, server.seen.refreshes) == (1, 0)
    assert stat.S_IMODE(token_file(one).stat().st_mode) == 0o600
    content = token_file(one).read_text()
    assert one.environment["CDSE_PASSWORD"] not in content
    assert one.environment["CDSE_USERNAME"] not in str(token_file(one))


def test_an_old_token_is_refreshed_before_it_expires(desk, server) -> None:
    desk().fetch()
    one = desk()
    content = json.loads(token_file(one).read_text())
    token_file(one).write_text(json.dumps(content | {"expires": time.time() - 1}))
    one.fetch()
    assert (server.seen.logins, server.seen.refreshes) == (1, 1)


@pytest.mark.parametrize("how", ["refused", "too old"])
def test_a_log_in_follows_only_a_refused_refresh(desk, server, how) -> None:
    desk().fetch()
    one = desk()
    content = json.loads(token_file(one).read_text()) | {"expires": 0}
    if how == "refused":
        server.refresh_tokens.clear()
    else:
        content["refresh_expires"] = time.time() - 1
    token_file(one).write_text(json.dumps(content))
    one.fetch()
    assert server.seen.logins == 2
    assert server.seen.refreshes == (1 if how == "refused" else 0)


@pytest.mark.parametrize(
    "fault", ["503", "reset", "html", "stall", "429", Fault(body=b"{}")]
)
def test_a_passing_fault_of_the_token_service_is_no_refusal(
    desk, server, fault
) -> None:
    server.script.add("token", fault, times=times_of(fault, 2))
    desk(**NOTICES_SILENCE).fetch()
    assert server.seen.logins == 1


def test_a_wrong_password_is_not_tried_again(desk, server) -> None:
    with pytest.raises(
        AccessRefused, match=r"log-in refused.*Invalid user credentials"
    ):
        desk(CDSE_PASSWORD="wrong").fetch()
    assert (server.seen.logins, server.seen.requests["download"]) == (1, 0)


@pytest.mark.parametrize("content", ["", "{}", '{"access": 1}', "\0"])
def test_a_damaged_token_file_leads_to_a_log_in(desk, server, content) -> None:
    desk().fetch()
    one = desk()
    token_file(one).write_text(content)
    one.fetch()
    assert server.seen.logins == 2


def test_a_token_service_that_redirects_gets_no_password(desk, server) -> None:
    target = {"Location": server.url("unrelated")}
    server.script.add("token", Fault(status=302, headers=target, body=b""))
    with pytest.raises(AccessRefused, match="what was sent is never sent on"):
        desk().fetch()
    assert server.seen.requests["unrelated"] == 0


def test_without_an_account_the_error_says_what_to_set(desk) -> None:
    with pytest.raises(AccessRefused, match=r"CDSE_USERNAME.*S3 keys.*BEN_L1C_DIR"):
        desk(CDSE_USERNAME="", CDSE_PASSWORD="").fetch()


def test_half_an_account_is_named(desk) -> None:
    with pytest.raises(InvalidInput, match="CDSE_PASSWORD is not set"):
        desk(CDSE_PASSWORD="").fetch()


class TestOneTimeCodes:
    """Accounts with two-factor log-in."""

    @pytest.mark.parametrize(
        ("at", "code"),
        [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")],
    )
    def test_codes_are_those_of_rfc_6238(self, at, code) -> None:
        assert one_time_code(SECRET, at) == code
        assert one_time_code(f"{SECRET[:4].lower()} {SECRET[4:]}", at) == code

    def test_a_log_in_brings_the_code(self, desk, server) -> None:
        server.expected_code = lambda: one_time_code(SECRET, time.time())
        desk(CDSE_TOTP_SECRET=SECRET).fetch()

    def test_a_missing_secret_is_named(self, desk, server) -> None:
        server.expected_code = lambda: one_time_code(SECRET, time.time())
        with pytest.raises(AccessRefused, match=r"CDSE_TOTP_SECRET \(not set\)"):
            desk().fetch()

    def test_a_wrong_clock_here_is_made_good_by_the_services(
        self, desk, server, monkeypatch
    ) -> None:
        now = time.time
        server.expected_code = lambda: one_time_code(SECRET, now())
        monkeypatch.setattr(
            "resources.cdse.session.time",
            type("Off", (), {"time": lambda: now() + 300}),
        )
        desk(CDSE_TOTP_SECRET=SECRET).fetch()
        assert server.seen.logins == 2

    def test_a_malformed_secret_is_not_repeated(self, desk) -> None:
        with pytest.raises(InvalidInput, match="not base32") as error:
            desk(CDSE_TOTP_SECRET="1!8-secret").fetch()
        assert "secret" not in str(error.value).replace("CDSE_TOTP_SECRET", "")


FETCH = """
import sys
from pathlib import Path
from ben_assets.environment import settings_of_process
from resources.cdse import Cdse
cdse = Cdse.from_settings(settings_of_process())
entry = cdse.find(sys.argv[1])
for number in range(int(sys.argv[3])):
    cdse.fetch(entry.name, Path(sys.argv[2] + str(number)), entry)
"""


def start(desk, number: int, times: int = 1) -> subprocess.Popen[str]:
    """A process of its own that downloads the product."""
    target = str(desk.folder / f"product-{number}-")
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, NAME, target, str(times)],
        env={**os.environ, **desk.environment, "CDSE_STALL_SECONDS": "5"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_three_processes_share_one_log_in_and_four_connections(desk, server) -> None:
    server.script.roll(0.2, seed=4, names=("reset", "short", "503", "expired token"))
    one = desk()
    running = [start(one, number, times=4) for number in range(3)]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], outputs
    assert server.seen.logins == 1
    assert server.seen.most_open_downloads <= 4
    right = server.product(NAME).path.read_bytes()
    found = sorted(one.folder.glob("product-*"))
    assert len(found) == 12
    assert all(path.read_bytes() == right for path in found)


def test_two_processes_that_need_a_refresh_refresh_once(desk, server) -> None:
    desk().fetch()
    server.tokens.clear()
    one = desk()
    running = [start(one, number) for number in range(2)]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    assert (server.seen.logins, server.seen.refreshes) == (1, 1)


def test_no_more_connections_than_the_account_has(desk, server) -> None:
    """Six processes, one connection: the others wait for it."""
    server.max_sessions = 1
    one = desk(CDSE_CONNECTIONS="1")
    running = [start(one, number) for number in range(6)]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * 6, outputs
    assert server.seen.most_open_downloads == 1
    assert server.seen.requests["download"] == 6


class Waits(Exception):
    """Of who would have to wait."""


def test_there_are_as_many_slots_as_connections(tmp_path) -> None:
    def refuse(line: str) -> None:
        raise Waits(line)

    def slot():
        return Limiter(FileLocks(tmp_path), "downloads", 2).slot(refuse)

    waits = pytest.raises(Waits, match="all 2 connections of the account")
    with slot(), slot(), waits, slot():
        pass
    with slot():
        pass


def test_patience_with_the_token_service_ends(desk, server) -> None:
    server.script.add("token", "503", times=100)
    with pytest.raises(ServiceUnavailable, match="openid-connect/token: HTTP 503"):
        desk().fetch()
