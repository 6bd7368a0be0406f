"""Catalogue, token, S3 and unrelated host of the loopback CDSE; see ``cdse_server``."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import zipfile
from typing import Any, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from ben_assets.testing.cdse_download_host import DownloadHandler
from ben_assets.testing.cdse_handler import PRODUCT, Handler
from ben_assets.testing.cdse_state import S3_ACCESS_KEY, Product, matching

_PAGE: Final = 20  # the service's own default


def _attributes(product: Product) -> list[dict[str, Any]]:
    return [
        {"Name": name, "Value": value, "ValueType": "String"}
        for name, value in product.attributes().items()
    ]


class CatalogueHandler(Handler):
    """Catalogue and token host."""

    role = "catalogue"

    def answer(self, path: str, query: dict[str, str]) -> None:
        """Products, DeletedProducts, one product, or the redirect of a download."""
        match = PRODUCT.fullmatch(path)
        if match and match[2]:
            with self.cdse.lock:
                self.cdse.seen.requests["redirect"] += 1
            self.send(301, b"", Location=self.cdse.redirect(self.path))
            return
        route = "deleted" if path.endswith("DeletedProducts") else "catalogue"
        if self.is_corrupt(self.fault(route)):
            return
        rows = [
            {**product.row(), "Attributes": _attributes(product)}
            for product in self.cdse.products
        ]
        if match:
            found = next((row for row in rows if row["Id"] == match[1]), None)
            context = {"@odata.context": "$metadata#Products/$entity"}
            self.send_json(
                context | found if found else {"detail": "Not Found"},
                200 if found else 404,
            )
            return
        self._send_list(self.cdse.deleted if route == "deleted" else rows, query)

    def _send_list(self, rows: list[dict[str, Any]], query: dict[str, str]) -> None:
        found = matching(rows, query.get("$filter", ""))
        if found is None:
            self.send_json({"detail": "Invalid filter"}, 400)
            return
        if query.get("$orderby") == "ContentDate/Start asc":
            found.sort(key=lambda row: (row["ContentDate"]["Start"], row["Name"]))
        first = int(query.get("$skip", 0))
        found = found[first : first + int(query.get("$top", _PAGE))]
        if query.get("$expand") != "Attributes":
            found = [{k: v for k, v in r.items() if k != "Attributes"} for r in found]
        self.send_json({"@odata.context": "$metadata#Products", "value": found})

    def do_POST(self) -> None:  # noqa: N802
        """The token endpoint, as Keycloak answers."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        with contextlib.suppress(ConnectionError):
            if not self.is_corrupt(self.fault("token")):
                self._give_token(form)

    def _give_token(self, form: dict[str, str]) -> None:
        cdse = self.cdse
        with cdse.lock:
            if form.get("grant_type") == "refresh_token":
                cdse.seen.refreshes += 1
                is_good = form.get("refresh_token") in cdse.refresh_tokens
                refusal = 400, "Token is not active"
            else:
                cdse.seen.logins += 1
                code = cdse.expected_code() if cdse.expected_code else None
                is_good = (form.get("password"), form.get("totp")) == (
                    cdse.password,
                    code,
                )
                refusal = 401, "Invalid user credentials"
            if is_good:
                access, refresh = secrets.token_hex(20), secrets.token_hex(20)
                cdse.tokens.add(access)
                cdse.refresh_tokens.add(refresh)
        if not is_good:
            text = {"error": "invalid_grant", "error_description": refusal[1]}
            self.send_json(text, refusal[0])
            return
        self.send_json(
            {
                "access_token": access,
                "expires_in": cdse.token_seconds,
                "refresh_expires_in": 3600,
                "refresh_token": refresh,
                "token_type": "Bearer",
                "not-before-policy": 0,
                "session_state": "00000000-0000-4000-8000-000000000000",
                "scope": "AUDIENCE_PUBLIC openid email profile user-context",
            }
        )


class S3Handler(Handler):
    """GetObject and ListObjectsV2 of the bucket ``eodata``, path style."""

    role = "s3"

    def answer(self, path: str, query: dict[str, str]) -> None:
        """A list of keys, or one file."""
        fault = self.fault("s3")
        if fault.status is not None:
            self._refuse(fault.status, "SlowDown")
        elif self.is_corrupt(fault):
            return
        elif f"Credential={S3_ACCESS_KEY}/" not in self.headers["Authorization"]:
            self._refuse(403, "InvalidAccessKeyId")
        elif query.get("list-type") == "2":
            self._list(query.get("prefix", ""))
        else:
            self._get(path.removeprefix("/eodata/"))

    def _refuse(self, status: int, code: str) -> None:
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>"
        self.send(status, text.encode(), **{"Content-Type": "application/xml"})

    def _list(self, prefix: str) -> None:
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{info.file_size}</Size></Contents>"
            for key, (_, info) in self._files().items()
            if key.startswith(prefix)
        )
        text = (
            "<?xml version='1.0'?><ListBucketResult><Name>eodata</Name>"
            f"<IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
        )
        self.send(200, text.encode(), **{"Content-Type": "application/xml"})

    def _get(self, key: str) -> None:
        if key not in self._files():
            self._refuse(404, "NoSuchKey")
            return
        path, info = self._files()[key]
        with zipfile.ZipFile(path) as archive:
            body = archive.read(info)
        etag = hashlib.md5(body).hexdigest()
        self.send(200, body, ETag=f'"{etag}"')

    def _files(self) -> dict[str, tuple[Any, zipfile.ZipInfo]]:
        """Key to zip and member, over all products."""
        files = {}
        for product in self.cdse.products:
            folder = product.s3_prefix.removesuffix(product.name)
            with zipfile.ZipFile(product.path) as archive:
                for info in archive.infolist():
                    if not info.is_dir():
                        files[folder + info.filename] = (product.path, info)
        return files


class UnrelatedHandler(Handler):
    """A host that nobody should send a token to; it has a zip for everyone."""

    role = "unrelated"

    def answer(self, path: str, query: dict[str, str]) -> None:
        """The first product, without asking for a token."""
        self.fault("unrelated")
        self.send(200, self.cdse.products[0].path.read_bytes())


HANDLERS: Final = {
    "catalogue": CatalogueHandler,
    "download": DownloadHandler,
    "s3": S3Handler,
    "unrelated": UnrelatedHandler,
}
