"""A certificate nobody vouches for is a setting to mend, whoever asks; not a retry."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from ben_assets.bigearthnet.errors import InvalidInput
from resources.cdse.access import Access
from resources.cdse.session import Session
from resources.clms.client import Clms, ClmsOptions
from resources.clms.service_key import ServiceKey
from resources.gcs import Gcs, GcsOptions
from resources.inputs.fetch import fetch
from resources.inputs.pins import Pin
from resources.product_sources import Sources
from resources.settings import Settings
from resources.transfers.transport import Transport, _classified

PRODUCT = "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608"
ADVICE = r"CERTIFICATE_VERIFY_FAILED.* set SSL_CERT_FILE .*HTTPS_PROXY"


class _Silent(BaseHTTPRequestHandler):
    """Never gets to see a request."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of this machine with a certificate that it signed itself."""
    folder = tmp_path_factory.mktemp("certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-days", "2", "-nodes"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = ["openssl", "req", "-x509", *kind, *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Silent)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(address: str, tmp_path: Path) -> Settings:
    """Everything leads there, and an hour of patience."""
    return Settings(
        {
            "BEN_DATA_DIR": str(tmp_path / "data"),
            "CDSE_CATALOGUE_URL": f"{address}/odata/v1",
            "CDSE_TOKEN_URL": f"{address}/token",
            "CDSE_USERNAME": "me@example.org",
            "CDSE_PASSWORD": "hunter2hunter2",
            "BEN_GCS_URL": f"{address}/bucket",
            "CDSE_GIVE_UP_SECONDS": "3600",
        }
    )


def test_of_the_token_service(settings):
    access = Access.from_settings(settings)
    with pytest.raises(InvalidInput, match=ADVICE):
        Session(access, Transport(access)).token()


@pytest.mark.parametrize("sources", ["cdse,gcs", "gcs,cdse"])
def test_of_a_source_and_no_other_one_is_tried(settings, sources):
    chosen = settings.override({"BEN_L1C_SOURCES": sources})
    with pytest.raises(InvalidInput, match=ADVICE):
        Sources.from_settings(chosen, print).find(PRODUCT)


def test_of_the_bucket(address, tmp_path):
    gcs = Gcs(GcsOptions(tmp_path, f"{address}/bucket"))
    with pytest.raises(InvalidInput, match=ADVICE):
        gcs.fetch(PRODUCT, tmp_path / "product.zip")


def test_of_a_pinned_file(address, tmp_path):
    pin = Pin("f.csv", f"{address}/f.csv", True, "0" * 64)
    said: list[str] = []
    with pytest.raises(InvalidInput, match=ADVICE):
        fetch(pin, tmp_path / "f.csv", said.append)
    assert not (tmp_path / "f.csv").exists()
    assert said == []  # no try was counted as lost


def test_of_the_service_of_land_cover(address, tmp_path):
    made = tmp_path / "key.pem"
    command = ["openssl", "genpkey", "-algorithm", "RSA", "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    key = ServiceKey("id", "me", f"{address}/token", made.read_text())
    clms = Clms(ClmsOptions(key, f"{address}/api"), print)
    with pytest.raises(InvalidInput, match=ADVICE):
        clms.files("data set", "title")


def test_a_proxy_that_answers_407_is_a_setting_too():
    refusal = http.client.HTTPMessage()
    reply = SimpleNamespace(status=407, headers=refusal)
    assert isinstance(_classified("http://host/x: HTTP 407", reply), InvalidInput)
