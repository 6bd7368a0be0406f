"""Secrets and text of others in what is shown."""

from __future__ import annotations

import base64
import html
import json
import ssl
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2
import pytest

from ben_assets.bigearthnet.errors import AccessRefused, BenError, InvalidInput
from ben_assets.bigearthnet.outside_text import MAX_LENGTH, escaped
from ben_assets_tests.support.secrets_shown import shown
from resources.cdse.access import Access
from resources.cdse.session import Session
from resources.data_root.postgres_locks import PostgresLocks
from resources.gcs import Gcs
from resources.postgis.database import Postgis
from resources.postgres_dsn import setting_error, without_password
from resources.redaction import proxy_secrets, redacted
from resources.settings import Settings
from resources.transfers.public_access import PublicAccess
from resources.transfers.transport import (
    Request,
    Transport,
    connection_errors,
    retry_after,
)

SECRET = "Tr0ub4dor&3 pä'ss\\wörd/"
SPELLINGS = {
    "as it is": SECRET,
    "cut": SECRET[3:12],
    "URL": urllib.parse.quote(SECRET, safe=""),
    "form": urllib.parse.quote_plus(SECRET),
    "small hex digits": urllib.parse.quote_plus(SECRET).lower(),
    "repr": repr(SECRET),
    "JSON": json.dumps(SECRET),
    "HTML": html.escape(SECRET),
    "hex": SECRET.encode().hex(),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 of a pair": base64.b64encode(f"user1:{SECRET}".encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(SECRET.encode()).decode(),
    "decimal HTML": "".join(f"&#{ord(letter)};" for letter in SECRET),
    "three times": urllib.parse.quote(repr(json.dumps(SECRET)[1:-1])[1:-1]),
}


@pytest.mark.parametrize("how", SPELLINGS)
def test_no_four_letters_of_a_secret_are_left_however_it_is_spelt(how):
    spelling = SPELLINGS[how]
    shown = redacted(f"log-in of me: {spelling} was refused", [SECRET, None, ""])
    assert "was refused" in shown
    left = shown.removeprefix("log-in of me: ").removesuffix(" was refused")
    pieces = [spelling[i : i + 4] for i in range(len(spelling) - 3)]
    assert sum(piece in left for piece in pieces) <= 5  # letters of its neighbours


@pytest.mark.parametrize("secret", ["1", "me", "ref", "hunter22"])
def test_other_words_stay_and_a_secret_of_three_letters_hides_none(secret):
    assert redacted("[Errno 111] me refused", [secret]) == "[Errno 111] me refused"
    assert redacted("code 42xy of all", ["42xy"]) == "code *** of all"


def test_a_password_of_common_words_leaves_the_names_of_settings(tmp_path):
    account = {"CDSE_USERNAME": "me", "CDSE_PASSWORD": "cdse_password1"}
    settings = Settings({"BEN_DATA_DIR": str(tmp_path), **account})
    transport = Transport(Access.from_settings(settings))
    said = transport.without_secrets("cdse_password1 refused; check CDSE_PASSWORD")
    assert said == "*** refused; check CDSE_PASSWORD"


def test_of_a_long_secret_eight_letters_in_a_row_are_hidden_and_four_are_not():
    token = "wordlike" + "0123456789" * 30
    assert redacted("a word, wordlike", [token]) == "a word, ***"
    pem = f"-----BEGIN PRIVATE KEY-----\n{token}\n-----END PRIVATE KEY-----"
    assert redacted("no BEGIN PRIVATE KEY", [pem]) == "no BEGIN PRIVATE KEY"


def test_letters_of_16_bits_and_more_are_hidden_and_numbers_of_none_are_shown():
    secret = "\U0001f511\U0001f512\U0001f513\U0001f514"
    for spelling in (json.dumps(secret), ascii(secret), repr(secret)):
        assert redacted(spelling[1:-1], [secret]) == "***"
    for none in ("&#9999999;", r"\U0011ffff"):
        assert redacted(f"{none} hunter22", ["hunter22"]) == f"{none} ***"


def test_what_may_be_a_password_in_the_place_of_a_name_is_not_shown():
    for dsn in ("postgresql://ben@h:1/ter2secret", "postgresql://ter2secret@h:1/db"):
        assert Postgis(dsn).name == "h:1"
        assert "ter2" not in without_password(f'database "ter2secret" of {dsn}', dsn)
    assert Postgis("postgresql://ben:hunter22@h:1/data").name == "ben@h:1/data"


def test_tokens_on_file_are_redacted_wherever_they_come_back(tmp_path):
    access = Access.from_settings(Settings({"BEN_DATA_DIR": str(tmp_path)}))
    access.shared.mkdir(parents=True)
    tokens = {"access": "Bq3-Xv8.Tn5", "refresh": "Yh6-Pc3.Jg8"}
    access.token_file.write_text(json.dumps(tokens))
    said = access.without_secrets(f"unknown: {tokens['refresh']} {tokens['access']}")
    assert said == "unknown: *** ***"
    for damaged in ("[" * 100_000, "7", "{}"):
        access.token_file.write_text(damaged)
        assert access.without_secrets("words") == "words"


@pytest.mark.parametrize("name", ["BEN_GCS_URL", "CLMS_URL"])
def test_other_addresses_with_user_and_password_are_refused_unseen(name):
    settings = Settings({name: "https://me:s3cr3t@host/x"})
    with pytest.raises(InvalidInput, match=f"{name} is not an address") as error:
        settings.address(name, "https://host")
    assert "s3cr" not in str(error.value)


def test_the_bucket_refuses_such_an_address():
    settings = Settings({"BEN_GCS_URL": "https://me:s3cr3t@host/x"})
    with pytest.raises(InvalidInput, match="BEN_GCS_URL is not an address") as error:
        Gcs.from_settings(settings)
    assert "s3cr" not in str(error.value)


def test_text_of_others_is_shown_on_one_line_and_bounded():
    forged = "x\x1b[2K\rSUCCESS\n2026 - dagster - INFO \u202eelif\u200b\ud800"
    shown = escaped(forged)
    assert shown.isprintable()
    assert shown.startswith("x\\x1b[2K\\rSUCCESS\\n2026")
    assert len(escaped("a" * 10**6)) == MAX_LENGTH
    assert str(InvalidInput(forged)) == shown
    assert escaped("Zürich 東京") == "Zürich 東京"


class Echo(BaseHTTPRequestHandler):
    """A token service that repeats what it was sent."""

    def log_message(self, *words):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(urllib.parse.parse_qsl(body))
        said = form.get("refresh_token") or form.get("password") or ""
        words = {"error": f"{'x' * 190}{said} {body}\n{said!r}\x1b[2K"}
        content = json.dumps(words).encode()
        self.send_response(503 if "refresh_token" in form else 400)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def echo():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("kept", [False, True], ids=["password", "refresh token"])
def test_a_service_that_repeats_a_secret_does_not_make_it_known(echo, tmp_path, kept):
    account = {"CDSE_USERNAME": "u@x.org", "CDSE_PASSWORD": SECRET}
    settings = {"BEN_DATA_DIR": str(tmp_path), "CDSE_TOKEN_URL": echo, **account}
    access = Access.from_settings(Settings(settings))
    session = Session(access, Transport(access))
    token = "REFRESH/Token+of=Mine"
    if kept:
        access.shared.mkdir(parents=True)
        fields = {"access": "A", "expires": 1, "refresh": token}
        session._file.write_text(json.dumps({**fields, "refresh_expires": 9e9}))
    with pytest.raises(BenError, match=r"HTTP \d+") as error:
        session.token()
    secret = token if kept and "503" in str(error.value) else SECRET
    assert str(error.value).isprintable()
    parts = {secret[i : i + 4] for i in range(len(secret) - 3)}
    assert [part for part in parts if part in str(error.value)] == []


DSNS = {
    "unescaped @": "postgresql://ben:hun@ter2secret@127.0.0.1:1/db",
    "unescaped /": "postgresql://ben:hun/ter2secret@127.0.0.1:1/db",
    "unescaped #": "postgresql://ben:hun#ter2secret@127.0.0.1:1/db",
    "unescaped %": "postgresql://ben:hun%zzter2secret@127.0.0.1:1/db",
    "unescaped ?": "postgresql://ben:hun?ter2secret@127.0.0.1:1/db",
    "password for port": "postgresql://127.0.0.1:ter2secret/db",
    "words": "host=127.0.0.1 port=1 password=ter2 secret user=ben",
    "option": "postgresql://127.0.0.1:1/db?user=ben&pasword=ter2secret",
    "sslmode": "postgresql://ben:ter2secret@127.0.0.1:1/db?sslmode=bogus",
    "another database": "mysql://ben:ter2secret@127.0.0.1/db",
}


@pytest.mark.parametrize("dsn", DSNS.values(), ids=DSNS)
@pytest.mark.parametrize("use", ["locks", "postgis"])
def test_a_wrong_dsn_is_a_setting_error_that_does_not_repeat_it(dsn, use, tmp_path):
    def connect():
        if use == "locks":
            PostgresLocks(dsn, tmp_path).lock("patches/tile").acquire()
        else:
            with Postgis(dsn).transaction():
                pass

    if "#" in dsn or "?ter2" in dsn:  # libpq takes them as they are
        assert "ter2" not in without_password(f"could not reach {dsn}", dsn)
        return
    with pytest.raises(InvalidInput, match=r"BEN_(LOCK|POSTGIS)_DSN") as error:
        connect()
    assert "ter2" not in str(error.value)
    assert "secr" not in str(error.value)


def test_a_refused_log_in_is_not_waited_for():
    refusal = psycopg2.OperationalError('FATAL: password authentication failed for "b"')
    found = setting_error(refusal, "postgresql://b:hunter22@h/d", "BEN_LOCK_DSN")
    assert isinstance(found, AccessRefused)
    starting = psycopg2.OperationalError("FATAL: the database system is starting up")
    assert setting_error(starting, "postgresql://h/d", "BEN_LOCK_DSN") is None


@pytest.mark.parametrize(
    "name", ["CDSE_CATALOGUE_URL", "CDSE_TOKEN_URL", "CDSE_DOWNLOAD_URL", "CDSE_S3_URL"]
)
def test_an_address_with_user_and_password_is_refused_unseen(name, tmp_path):
    settings = {"BEN_DATA_DIR": str(tmp_path), name: "https://me:s3cr3t@host/x"}
    with pytest.raises(InvalidInput, match=f"{name} is not an address") as error:
        Access.from_settings(Settings(settings))
    assert "s3cr" not in str(error.value)


@pytest.mark.parametrize(
    "reason",
    [
        ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"),
        OSError("Tunnel connection failed: 407 Proxy Authentication Required"),
    ],
    ids=["certificate", "proxy"],
)
def test_certificates_and_proxies_are_settings_not_accidents(reason, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://me:s3cr3t@127.0.0.1:1")
    reason.args = (*reason.args, "me:s3cr3t")
    with (
        pytest.raises(InvalidInput, match=r"SSL_CERT_FILE .*HTTPS_PROXY") as error,
        Transport(PublicAccess("https://host")).hiding(),
        connection_errors("https://host/x"),
    ):
        raise reason
    assert "s3cr" not in str(error.value)


PROXIES = {
    "no user": "http://me:Pz3Vn8Xq5Gt6w",
    "for a port": "http://127.0.0.1:Pz3Vn8Xq5Gt6w",
    "one slash": "http:/me:Pz3Vn8Xq5Gt6w@127.0.0.1:x1",
    "no scheme": "me:Pz3Vn8Xq5Gt6w@127.0.0.1:x1",
    "unescaped": "http://me:Pz3Vn8/Xq5@Gt6w@127.0.0.1:x1",
}


@pytest.mark.parametrize("proxy", PROXIES.values(), ids=PROXIES)
def test_a_mistyped_proxy_is_a_setting_error_that_does_not_repeat_it(
    proxy, monkeypatch
):
    monkeypatch.setenv("https_proxy", proxy)
    access = PublicAccess("https://host.example")
    with pytest.raises(InvalidInput, match="HTTPS_PROXY") as error:
        Transport(access).json(Request("https://host.example/x"))
    assert shown("Pz3Vn8Xq5Gt6w", [("error", str(error.value))]) == []
    assert "Pz3V" not in redacted("nonnumeric port: 'Pz3Vn8Xq5Gt6w'", proxy_secrets())


@pytest.mark.parametrize("name", ["password", "sslpassword"])
def test_each_secret_of_a_dsn_is_redacted(name):
    dsn = f"postgresql://ben@127.0.0.1/db?{name}=ter2secret"
    assert "ter2" not in without_password("could not use ter2secret", dsn)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("17", 17),
        ("Fri, 01 Jan 2027 00:01:00 GMT", 60),
        ("Fri, 01 Jan 2027 00:00:00 GMT", 0),
        ("Thu, 31 Dec 2026 00:00:00 GMT", 0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("9" * 400, None),
        ("-5", None),
        ("\u00b2", None),
        ("\u0663", None),
        ("", None),
    ],
)
def test_a_pause_is_as_long_as_asked_or_none(text, seconds):
    """A date counts from the reply's own, if it has one."""
    reply = {"Retry-After": text, "Date": "Fri, 01 Jan 2027 00:00:00 GMT"}
    assert retry_after(reply) == seconds
    past = {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "x"}
    assert retry_after(past) == 0


@pytest.mark.parametrize("port", ["abc", "99999"])
def test_a_redirect_to_a_port_that_is_none_is_refused(port, tmp_path):
    access = Access.from_settings(Settings({"BEN_DATA_DIR": str(tmp_path)}))
    with pytest.raises(AccessRefused, match="is not an address"):
        access.require_allowed(f"https://download.dataspace.copernicus.eu:{port}/x")
