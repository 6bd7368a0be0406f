"""The reverse proxy of ``deploy/nginx`` before a server on loopback."""

from __future__ import annotations

import base64
import http.client
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ben_assets.testing.processes import answers, free_ports, wait_until
from resources.settings import REPOSITORY

HOST = "dagster.example.org"
LOG_IN = {"Authorization": "Basic " + base64.b64encode(b"ben:right").decode()}
OTHER_SITE = {"Origin": "https://evil.example"}


class Webserver(BaseHTTPRequestHandler):
    """Says what reached it."""

    def log_message(self, *words):
        pass

    def do_GET(self):
        content = f"{self.command} {self.path} {self.headers['Authorization']}".encode()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815  a name of the base class


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """Port of a running nginx with the configuration of the repository."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not on this machine")
    folder = tmp_path_factory.mktemp("nginx")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Webserver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    key, crt = folder / "ben.key", folder / "ben.crt"
    new = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x"]
    files = ["-keyout", key, "-out", crt]
    subprocess.run(["openssl", "req", *new, *files], check=True, capture_output=True)
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "right"], check=True, capture_output=True, text=True
    )
    (folder / "ben.htpasswd").write_text(f"ben:{hashed.stdout}")
    folder.chmod(0o755)
    (port,) = free_ports(1)
    text = (REPOSITORY / "deploy/nginx/ben.conf").read_text()
    text = text.replace("listen 443 ", f"listen 127.0.0.1:{port} ")
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}")
    text = text.replace("127.0.0.1:3000", f"127.0.0.1:{server.server_port}")
    text = text.replace("/etc/nginx/", f"{folder}/")
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = folder / "nginx.conf"
    conf.write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; user root;\n"
        f"events {{}}\nhttp {{ access_log off; {temporary}\n{text}\n}}\n"
    )
    process = subprocess.Popen(["nginx", "-c", str(conf), "-e", "stderr"])
    try:
        wait_until(lambda: answers(port), "nginx")
        yield port
    finally:
        process.terminate()
        process.wait()
        server.shutdown()
        server.server_close()


def ask(port, method, path, headers=None, host=HOST):
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusting)
    sent = {"Host": host, **LOG_IN, **(headers or {})}
    connection.request(method, path, b"{}" if method == "POST" else None, sent)
    reply = connection.getresponse()
    found = reply.status, reply.read().decode()
    connection.close()
    return found


OWN = {"Origin": f"https://{HOST}"}
WEBSOCKET = {"Upgrade": "websocket", "Connection": "Upgrade"}
CROSS = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/assets", {}, 200),
        ("GET", "/assets", LINK, 200),
        ("POST", "/graphql", {}, 200),
        ("POST", "/graphql", OWN, 200),
        ("GET", "/graphql", OWN | WEBSOCKET, 200),
        ("GET", "/graphql?query=mutation", {}, 405),
        ("GET", "/graphql?query=mutation", OTHER_SITE, 403),
        ("GET", "/graphql?query=mutation", CROSS, 403),
        ("GET", "/graphql?query=mutation", LINK, 405),
        ("GET", "/%67raphql?query=mutation", {}, 405),
        ("GET", "//graphql?query=mutation", {}, 405),
        ("GET", "/graphql/?query=mutation", {}, 404),
        ("POST", "/graphql", OTHER_SITE, 403),
        ("POST", "/graphql", {"Origin": "null"}, 403),
        ("POST", "/graphql", {"Origin": f"http://{HOST}"}, 403),
        ("POST", "/graphql", {"Origin": f"https://{HOST}.evil.example"}, 403),
        ("GET", "/graphql", OTHER_SITE | WEBSOCKET, 403),
        ("GET", "/assets", {"Authorization": "Basic eDp5"}, 401),
    ],
)
def test_who_gets_through(proxy, method, path, headers, status):
    assert ask(proxy, method, path, headers)[0] == status


def test_the_log_in_does_not_reach_the_webserver(proxy):
    assert ask(proxy, "GET", "/assets")[1] == "GET /assets None"


def test_another_host_name_is_refused(proxy):
    assert ask(proxy, "GET", "/assets", host="evil.example")[0] == 421
