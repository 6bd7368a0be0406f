"""CORINE by the Land Monitoring Service on loopback: its states, and bad files."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    BenError,
    ChangedUpstream,
    CorruptProduct,
    InvalidInput,
    MissingInput,
    ProductGone,
    ServiceUnavailable,
)
from ben_assets.testing.clms_server import DATASET, FILE_ID, GEOPACKAGE, ClmsServer
from ben_assets_tests.resources.conftest import require_flushed
from resources.clms.client import Clms, ClmsOptions
from resources.clms.corine import CorineDownload
from resources.clms.service_key import ServiceKey
from resources.inputs.pinned import PinnedInputs
from resources.inputs.pins import CORINE, Pin
from resources.settings import Settings
from resources.transfers.timeouts import Timeouts

CONTENT = bytes(range(256)) * 2000
HASTE = Timeouts(first_wait_seconds=0.01, longest_wait_seconds=0.01)


@dataclass
class User:
    """A user with a service key."""

    server: ClmsServer
    folder: Path
    wait_seconds: float = 5
    log: list[str] = field(default_factory=list)

    @property
    def key_file(self) -> Path:
        path = self.folder / "key.json"
        path.write_text(json.dumps(self.server.service_key()))
        return path

    @property
    def target(self) -> Path:
        return self.folder / "reference" / CORINE

    def fetch(self, content: bytes = CONTENT) -> None:
        options = ClmsOptions(
            ServiceKey.read(self.key_file),
            f"{self.server.address}/api",
            HASTE,
            poll_seconds=0.01,
            wait_seconds=self.wait_seconds,
        )
        pin = Pin(CORINE, "its page", False, hashlib.sha256(content).hexdigest())
        clms = Clms(options, self.log.append)
        CorineDownload(clms, pin, HASTE, self.log.append).fetch(self.target)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.target.parent.iterdir())


@pytest.fixture
def server() -> Iterator[ClmsServer]:
    with ClmsServer(CONTENT) as running:
        yield running


@pytest.fixture
def user(server: ClmsServer, tmp_path: Path) -> User:
    return User(server, tmp_path)


def test_it_is_requested_waited_for_and_unpacked(server, user, calls) -> None:
    user.fetch()
    require_flushed(calls, user.target)
    assert user.target.read_bytes() == CONTENT
    assert user.left() == [CORINE]
    wanted = {"DatasetID": DATASET, "FileID": FILE_ID}
    assert server.requests == [{"Datasets": [wanted]}]
    assert sum("Queued" in line for line in user.log) == 2


def test_a_task_is_taken_up_again_by_the_next_process(server, user) -> None:
    server.polls_left, user.wait_seconds = 10**6, 0.05
    with pytest.raises(ServiceUnavailable, match="run the same command again later"):
        user.fetch()
    assert user.left() == [f".{CORINE}.task"]
    server.polls_left, user.wait_seconds = 0, 5
    user.fetch()
    assert len(server.tasks) == 1
    assert user.target.read_bytes() == CONTENT


@pytest.mark.parametrize("state", ["Rejected", "Finished_nok", "Cancelled"])
def test_a_task_that_ended_is_named_and_not_asked_again(server, user, state) -> None:
    server.final_state = state
    with pytest.raises(InvalidInput, match=state):
        user.fetch()
    assert user.left() == []


def test_a_task_that_the_service_forgot_is_asked_for_anew(server, user) -> None:
    user.target.parent.mkdir()
    (user.target.parent / f".{CORINE}.task").write_text("7")
    with pytest.raises(ProductGone, match="does not know the task 7"):
        user.fetch()
    user.fetch()
    assert server.tasks == ["1000"]


def test_a_download_goes_on_where_it_was_cut(server, user) -> None:
    server.cut_after = 200_000
    user.fetch()
    assert server.ranges == ["bytes=200000-"]
    assert user.target.read_bytes() == CONTENT


def test_another_file_than_pinned_never_takes_its_place(server, user) -> None:
    user.target.parent.mkdir()
    user.target.write_bytes(b"as it was")
    with pytest.raises(ChangedUpstream, match="expected the pinned file"):
        user.fetch(b"another")
    assert user.target.read_bytes() == b"as it was"
    assert f".{CORINE}.part" not in user.left()


def zip_of(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_a_zip_in_a_zip_is_unpacked_once(server, user) -> None:
    inner = zip_of({f"DATA/{GEOPACKAGE}": CONTENT})
    server.body = zip_of({"Results/clc.zip": inner})
    user.fetch()
    assert user.left() == [CORINE]
    user.target.unlink()
    server.body = zip_of({"a.zip": zip_of({"b.zip": inner})})
    with pytest.raises(CorruptProduct, match="expected one GeoPackage"):
        user.fetch()


@pytest.mark.parametrize(
    ("method", "at"),
    [
        (zipfile.ZIP_STORED, 1000),
        (zipfile.ZIP_DEFLATED, 30 + len(GEOPACKAGE)),
        (zipfile.ZIP_STORED, -5),
    ],
    ids=["content", "packed block", "place of the directory"],
)
def test_a_damaged_zip_is_named_and_fetched_anew(server, user, method, at) -> None:
    whole = bytearray(zip_of({GEOPACKAGE: CONTENT}, method))
    whole[at] |= 7
    server.body = bytes(whole)
    with pytest.raises(CorruptProduct, match="is damaged"):
        user.fetch()
    assert user.left() == []
    server.body = None
    user.fetch()
    assert user.target.read_bytes() == CONTENT


def test_a_page_instead_of_the_file_is_not_taken_for_it(server, user) -> None:
    server.body = b"<html>please log in</html>"
    with pytest.raises(BenError, match="expected the pinned file"):
        user.fetch()


def test_a_refused_key_is_named(server, user) -> None:
    key_file = user.key_file
    content = json.loads(key_file.read_text())
    other = ClmsServer(b"").service_key()["private_key"]
    with pytest.raises(AccessRefused, match="service key is refused"):
        _ask(user, {**content, "private_key": other})


def _ask(user: User, content: dict[str, str]) -> None:
    path = user.folder / "other.json"
    path.write_text(json.dumps(content))
    options = ClmsOptions(ServiceKey.read(path), f"{user.server.address}/api", HASTE)
    Clms(options, user.log.append).files(DATASET, "x")


@pytest.mark.parametrize("text", ["", "[]", '{"client_id": 1}', "{"])
def test_what_is_no_key_is_named(tmp_path, text) -> None:
    (tmp_path / "key.json").write_text(text)
    with pytest.raises(InvalidInput, match="expected JSON with client_id"):
        ServiceKey.read(tmp_path / "key.json")


def test_a_token_that_expired_is_renewed(server, user) -> None:
    user.fetch()
    server.tokens.clear()
    user.target.unlink()
    server.polls_left = 1
    user.fetch()
    assert user.target.read_bytes() == CONTENT


def test_key_and_token_go_to_the_service_alone(server, user) -> None:
    user.fetch()
    assert server.authorizations["file"] == {""}
    secret = server.service_key()["private_key"]
    said = "\n".join(user.log)
    assert not any(token in said for token in server.tokens)
    assert secret[40:80] not in said
    assert secret[40:80] not in repr(ServiceKey.read(user.key_file))


def test_the_settings_lead_there(server, user) -> None:
    settings = {
        "BEN_DATA_DIR": str(user.folder / "data"),
        "BEN_REFERENCE_DIR": str(user.target.parent),
    }
    with pytest.raises(MissingInput, match="CLMS_SERVICE_KEY"):
        PinnedInputs(Settings(settings)).require(CORINE, user.log.append)
    server.polls_left = 0
    settings |= {
        "CLMS_SERVICE_KEY": str(user.key_file),
        "CLMS_URL": f"{server.address}/api",
    }
    with pytest.raises(ChangedUpstream, match="expected the pinned file"):
        PinnedInputs(Settings(settings)).require(CORINE, user.log.append)
