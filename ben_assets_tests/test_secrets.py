"""What a failing run leaves behind holds no part of a secret, in no encoding."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import urllib.parse
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ben_assets.testing.cdse_faults import Fault
from ben_assets.testing.cdse_server import CdseServer
from ben_assets_tests.support.pipeline import Pipeline
from ben_assets_tests.support.programs import Ended
from ben_assets_tests.support.zip_products import KEY, write_product
from resources.redaction import redacted

PASSWORD = "Zq7&Kx9 w'J4\\vTp2/Hy6\"Uf8%Rb3"
"""Random: four letters of it stand for nothing else; with all that is quoted."""
ACCESS = "Bq3-Xv8.Tn5_Kz7-Wm4.Rd9_Lf2"
REFRESH = "Yh6-Pc3.Jg8_Vs5-Qt7.Nx4_Db9"


def encodings(secret: str) -> dict[str, str]:
    """A secret as a service, a library or a log may spell it."""
    content = secret.encode()
    return {
        "plain": secret,
        "URL": urllib.parse.quote_plus(secret),
        "repr": repr(secret)[1:-1],
        "JSON": json.dumps(secret)[1:-1],
        "hex": content.hex(),
        "base64": base64.b64encode(content).decode().rstrip("=")[:-1],
        "cut": secret[:5],
    }


def parts_of(secret: str) -> set[str]:
    """All four letters in a row, in all encodings; of hex and base64 twelve.

    Those stand for so few letters that less is found in the digests and ids of others.
    """
    found = set()
    for how, text in encodings(secret).items():
        size = 12 if how in ("hex", "base64") else 4
        found |= {text[i : i + size] for i in range(len(text) - size + 1)}
    return found


def everything_below(root: Path) -> Iterator[tuple[str, str]]:
    """Place and text of all that is below a directory, rows of databases included."""
    for path in sorted(root.rglob("*")):
        if path.suffix == ".db":
            for table, row in rows_of(path):
                yield f"{path} {table}", row
        elif path.is_file() and not path.name.startswith("token-"):
            # the token file is where a token belongs, for its owner alone
            yield str(path), path.read_bytes().decode("utf-8", "replace")


def rows_of(path: Path) -> Iterator[tuple[str, str]]:
    with sqlite3.connect(path) as database:
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        for (table,) in database.execute(query).fetchall():
            for row in database.execute(f"SELECT * FROM '{table}'"):
                yield table, " ".join(map(text_of, row))


def text_of(value: object) -> str:
    """A column; Dagster compresses its snapshots."""
    return str(zlib.decompress(value)) if isinstance(value, bytes) else str(value)


def shown(secret: str, places: Iterator[tuple[str, str]]) -> list[str]:
    """Where a part of a secret is to be read, and which."""
    pattern = re.compile("|".join(map(re.escape, sorted(parts_of(secret)))))
    return [
        f"{place}: {text[max(0, hit.start() - 60) : hit.end() + 20]!r}"
        for place, text in places
        if (hit := pattern.search(text))
    ]


def echo(secret: str) -> bytes:
    """An answer that repeats a secret in all encodings, also where words are cut."""
    spelt = encodings(secret)
    padding = "x" * 290  # the last one is cut by the limit of words
    words = {"error": " ".join(spelt.values()), "message": f"{secret}\n{padding}"}
    words |= {
        "error_description": " ".join(f"{padding}{one}" for one in spelt.values())
    }
    return json.dumps(words, ensure_ascii=False).encode()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_product(tmp_path / "archive").parent


def run_that_fails(pipeline: Pipeline, server: CdseServer, **more: str) -> Ended:
    for name in [one for one in pipeline.settings if one.startswith("BEN_L1C")]:
        del pipeline.settings[name]
    pipeline.settings.pop("BEN_TILES_CSV", None)
    pipeline.settings |= server.environment() | {
        "CDSE_PASSWORD": PASSWORD,
        "CDSE_FIRST_WAIT_SECONDS": "0.01",
        "CDSE_GIVE_UP_SECONDS": "1",
        "BEN_L1C_SOURCES": "cdse",
        **more,
    }
    return pipeline.run("tile_ids,l1c_zips", KEY)


def left_by(run: Ended, pipeline: Pipeline) -> list[tuple[str, str]]:
    return [
        ("terminal", run.output),
        *everything_below(pipeline.data),
        *everything_below(pipeline.root / "dagster_home"),
    ]


@pytest.mark.parametrize("status", [401, 400, 503, 200])
def test_a_refused_log_in_leaves_no_part_of_the_password(pipeline, archive, status):
    """However the token service refuses, it repeats what it was sent."""
    with CdseServer(archive) as server:
        fault = Fault(
            status=status,
            body=echo(PASSWORD),
            headers={"Content-Type": "application/json"},
        )
        server.script.add("token", fault, times=50)
        run = run_that_fails(pipeline, server)
    assert run.code != 0
    places = left_by(run, pipeline)
    assert any(place.endswith("event_logs") for place, _ in places)
    assert any("record" not in place and f"{KEY}.json" in place for place, _ in places)
    assert shown(PASSWORD, iter(places)) == []
    if status != 200:
        assert f"HTTP {status}" in run.output


def test_a_refused_download_leaves_no_part_of_the_tokens(pipeline, archive):
    """The download host repeats the token, and where it is renewed, the other one."""
    granted = {
        "access_token": ACCESS,
        "refresh_token": REFRESH,
        "expires_in": 600,
        "refresh_expires_in": 3600,
    }
    with CdseServer(archive) as server:
        server.script.add("token", Fault(body=json.dumps(granted).encode()))
        server.script.add("token", Fault(status=503, body=echo(REFRESH)), times=50)
        server.script.add("download", Fault(status=403, body=echo(ACCESS)), times=50)
        run = run_that_fails(pipeline, server)
        assert server.seen.requests["download"] >= 1
    assert run.code != 0
    assert re.search(r"/\$value: HTTP 403|/token: HTTP 503", run.output)
    (token_file,) = pipeline.data.rglob("token-*.json")
    assert token_file.stat().st_mode & 0o777 == 0o600
    places = left_by(run, pipeline)
    assert shown(ACCESS, iter(places)) == []
    assert shown(REFRESH, iter(places)) == []


def test_the_search_itself_finds_a_secret_however_it_is_spelt():
    for how, text in encodings(PASSWORD).items():
        assert shown(PASSWORD, iter([("here", f"so {text} ")])), how
        assert shown(PASSWORD, iter([("here", redacted(text, [PASSWORD]))])) == [], how
    assert shown(PASSWORD, iter([("cut", f"xx{PASSWORD[:5]}")]))
