"""What a failing run leaves behind holds no part of a secret, in no encoding."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from ben_assets import cli
from ben_assets.testing.cdse_faults import Fault
from ben_assets.testing.cdse_server import CdseServer
from ben_assets_tests.support.pipeline import Pipeline
from ben_assets_tests.support.programs import Ended
from ben_assets_tests.support.secrets_shown import encodings, shown
from ben_assets_tests.support.zip_products import KEY, write_product
from resources.redaction import redacted

PASSWORD = "Zq7&Kx9 w'J4\\vTp2/Hy6\"Uf8%Rb3"
"""Random: four letters of it stand for nothing else; with all that is quoted."""
ACCESS = "Bq3-Xv8.Tn5_Kz7-Wm4.Rd9_Lf2"
REFRESH = "Yh6-Pc3.Jg8_Vs5-Qt7.Nx4_Db9"
SECRETS = {
    "CDSE_TOTP_SECRET": "MZXW6YTBOI5XQ4LZ",
    "CDSE_S3_ACCESS_KEY": "AKZX7QW5VB3NJ8",
    "CDSE_S3_SECRET_KEY": "Qw8+Er5/Ty2Zx=Vb6",
    "CDSE_CATALOGUE_URL": "Hw7-Kx9/Jq4@Tp2zR",
    "BEN_GCS_URL": "17/Fw3@Rk9zQm5",
    "CLMS_URL": "Cu7?Vy3/Bx9@Mw5t",
    "CLMS_SERVICE_KEY": "Uj5Xk8Qz3Wb7Nf2Lp",
    "HF_TOKEN": "hf_Jk6Lm8Np3Qr5",
    "HF_ENDPOINT": "Wd4#Zg8/Sn6@Ck2j",
    "ZENODO_TOKEN": "Zb4Nd7Mf2Kg9Hx",
    "ZENODO_URL": "Ez9:Yf3@Vt7/Ju5q",
    "BEN_LOCK_DSN": "Lk5@Dm9/Zs3vB7q",
    "BEN_POSTGIS_DSN": "Gx8#Wf4?Nb6/Yh2%q",
    "HTTPS_PROXY": "Pz3:Vn8@Xq5/Gt6w",
}
"""Setting to the secret in it."""
NOWHERE: dict[str, list[str]] = {name: [] for name in SECRETS}


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


def settings_with_secrets(folder: Path) -> dict[str, str]:
    """All settings that hold a secret; nobody answers at their addresses."""
    key = folder / "clms.json"
    key.write_text(
        json.dumps(
            {
                "client_id": "c",
                "user_id": "u",
                "token_uri": f"https://me:{SECRETS['CLMS_SERVICE_KEY']}@h/token",
                "private_key": SECRETS["CLMS_SERVICE_KEY"],
            }
        )
    )
    quoted = {name: quote(secret, safe="") for name, secret in SECRETS.items()}
    addresses = {
        name: f"https://me:{quoted[name]}@127.0.0.1:1/x"
        for name in SECRETS
        if name.endswith("_URL") or name == "HF_ENDPOINT"
    }
    dsns = {
        name: f"postgresql://me:{quoted[name]}@127.0.0.1:1/db"
        for name in SECRETS
        if name.endswith("_DSN")
    }
    proxy = {"HTTPS_PROXY": f"http://me:{quoted['HTTPS_PROXY']}@127.0.0.1:1"}
    return SECRETS | addresses | dsns | proxy | {"CLMS_SERVICE_KEY": str(key)}


def run_that_fails(pipeline: Pipeline, server: CdseServer, **more: str) -> Ended:
    for name in [one for one in pipeline.settings if one.startswith("BEN_L1C")]:
        del pipeline.settings[name]
    pipeline.settings.pop("BEN_TILES_CSV", None)
    pipeline.settings |= more | server.environment()
    pipeline.settings |= {
        "CDSE_PASSWORD": PASSWORD,
        "CDSE_FIRST_WAIT_SECONDS": "0.01",
        "CDSE_GIVE_UP_SECONDS": "1",
        "BEN_L1C_SOURCES": "cdse",
    }
    return pipeline.run("tile_ids,l1c_zips", KEY)


def left_by(run: Ended, pipeline: Pipeline) -> list[tuple[str, str]]:
    return [
        ("terminal", run.output),
        *everything_below(pipeline.data),
        *everything_below(pipeline.root / "dagster_home"),
    ]


def test_a_refused_log_in_leaves_no_part_of_any_secret(pipeline, archive, tmp_path):
    """The token service repeats what it was sent; all other secrets are set as well."""
    more = settings_with_secrets(tmp_path)
    del more["BEN_LOCK_DSN"]  # or nothing else is reached
    with CdseServer(archive) as server:
        fault = Fault(
            status=503,
            body=echo(PASSWORD),
            headers={"Content-Type": "application/json"},
        )
        server.script.add("token", fault, times=50)
        del more["CDSE_S3_ACCESS_KEY"], more["CDSE_S3_SECRET_KEY"]
        run = run_that_fails(pipeline, server, **more)
    assert run.code != 0
    places = left_by(run, pipeline)
    assert any(place.endswith("event_logs") for place, _ in places)
    assert any(place.endswith("snapshots") for place, _ in places)
    assert any("record" not in place and f"{KEY}.json" in place for place, _ in places)
    assert {name: shown(secret, places) for name, secret in SECRETS.items()} == NOWHERE
    assert shown(PASSWORD, places) == []
    assert "HTTP 503" in run.output


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
    assert shown(ACCESS, places) == []
    assert shown(REFRESH, places) == []


COMMANDS = {
    "doctor": ["doctor"],
    "doctor for programs": ["doctor", "--json"],
    "preflight": ["preflight", KEY],
    "schema": ["postgis", "migrate"],
    "hub": ["publish", "huggingface", "me/patches"],
    "Zenodo": ["publish", "zenodo", "--creator", "Doe, Jane"],
    "tiles": ["tiles"],
}


@pytest.mark.parametrize("is_quoted", [True, False], ids=["quoted", "raw"])
@pytest.mark.parametrize("without_locks", [True, False], ids=["alone", "with locks"])
def test_commands_show_no_part_of_any_secret(
    is_quoted, without_locks, tmp_path, monkeypatch, capfd
):
    """What refuses a setting names it, and does not repeat it."""
    settings = {"BEN_DATA_DIR": str(tmp_path / "data"), "CDSE_USERNAME": "me"}
    settings |= {"CDSE_PASSWORD": PASSWORD} | settings_with_secrets(tmp_path)
    if without_locks:
        del settings["BEN_LOCK_DSN"]
    for name, value in settings.items():
        monkeypatch.setenv(name, value if is_quoted else unquote(value))
    lines = []
    for words in COMMANDS.values():
        monkeypatch.setattr(sys, "argv", ["ben", *words])
        with contextlib.suppress(SystemExit):
            cli.main()
        lines.append((" ".join(words), "".join(capfd.readouterr())))
    said = "\n".join(text for _, text in lines)
    assert re.search(r"is not an address|is not a connection string|BEN_LOCK_DSN", said)
    lines += everything_below(tmp_path / "data")
    assert {name: shown(secret, lines) for name, secret in SECRETS.items()} == NOWHERE
    assert shown(PASSWORD, lines) == []


def test_the_search_itself_finds_a_secret_however_it_is_spelt():
    for how, text in encodings(PASSWORD).items():
        assert shown(PASSWORD, [("here", f"so {text} ")]), how
        assert shown(PASSWORD, [("here", redacted(text, [PASSWORD]))]) == [], how
    assert shown(PASSWORD, [("cut", f"xx{PASSWORD[:5]}")])
