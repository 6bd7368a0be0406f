"""The S3 route: a product is a tree of files there; it is packed here into a zip.

The files are fetched one after the other over one connection; the zip is stored, with
sorted names and a fixed time, so that the same files give the same zip.
"""

from __future__ import annotations

import contextlib
import errno
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    BenError,
    LocalResourceError,
    ProductGone,
    QuotaExceeded,
    ServiceUnavailable,
)
from resources.cdse.access import Access
from resources.cdse.catalogue import CatalogueEntry
from resources.cdse.limiter import Limiter
from resources.cdse.retrier import Retrier
from resources.cdse.transfer import Delivered
from resources.data_root.store import local_errors

S3Client: TypeAlias = Any
"""boto3 makes its clients at run time and has no type for them."""
BUCKET: Final = "eodata"
REGION: Final = "default"
_CHUNK: Final = 1 << 20
_TIME: Final = (1980, 1, 1, 0, 0, 0)
_GONE: Final = frozenset(("NoSuchKey", "NoSuchBucket", "404"))
_REFUSED: Final = frozenset(
    ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "401", "403")
)
_QUOTA: Final = frozenset(("SlowDown", "TooManyRequests", "429"))


class S3Download:
    """Fetches products by their path in the ``eodata`` bucket."""

    def __init__(self, access: Access, limiter: Limiter) -> None:
        """The keys must be set."""
        self._access = access
        self._limiter = limiter

    def fetch(
        self,
        entry: CatalogueEntry,
        path: Path,
        attempts: Retrier,
        on_bytes: Callable[[int], None],
    ) -> Delivered:
        """Write the zip of all the product's files to ``path``.

        Raises:
            ProductGone: there are no files at the product's path.
            AccessRefused: the keys are refused.
            QuotaExceeded, ServiceUnavailable: after ``attempts`` gave up.
            LocalResourceError: the disk refuses.
        """
        prefix = entry.s3_path.removeprefix(f"/{BUCKET}/").strip("/") + "/"
        client = self._client()
        sizes = attempts.run(lambda: self._sizes(client, prefix))
        if not sizes:
            raise ProductGone(
                f"no files at {entry.s3_path!r} by S3; materialize tile_ids again"
            )
        part = path.with_name(f"{path.name}.part")
        done = 0
        with local_errors(path), zipfile.ZipFile(path, "w") as archive:
            for key in sorted(sizes):
                attempts.run(
                    lambda key=key: self._get(client, key, sizes[key], part, attempts)  # type: ignore[misc]
                )
                _store(archive, f"{entry.name}/{key.removeprefix(prefix)}", part)
                attempts.progressed()
                done += sizes[key]
                on_bytes(done)
            part.unlink()
        return Delivered(path.stat().st_size, {}, is_as_served=False)

    def _client(self) -> S3Client:
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]

        keys, timeouts = self._access.s3_keys, self._access.timeouts
        if keys is None:
            raise AccessRefused("set CDSE_S3_ACCESS_KEY and CDSE_S3_SECRET_KEY")
        self._access.require_allowed(self._access.s3_url)
        return boto3.client(
            "s3",
            endpoint_url=self._access.s3_url,
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            region_name=REGION,
            config=Config(
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                connect_timeout=timeouts.stall_seconds,
                read_timeout=timeouts.stall_seconds,
                response_checksum_validation="when_required",
            ),
        )

    def _sizes(self, client: S3Client, prefix: str) -> dict[str, int]:
        """Key and size of every file of the product."""
        with _failures(prefix):
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=BUCKET, Prefix=prefix
            )
            return {
                str(row["Key"]): int(row["Size"])
                for page in pages
                for row in page.get("Contents", [])
                if not row["Key"].endswith("/")
            }

    def _get(
        self, client: S3Client, key: str, size: int, part: Path, attempts: Retrier
    ) -> None:
        """One file, whole or not at all."""
        found = 0
        with attempts.connection(self._limiter), _failures(key):
            body = client.get_object(Bucket=BUCKET, Key=key)["Body"]
            with contextlib.closing(body), part.open("wb") as file:
                for chunk in body.iter_chunks(_CHUNK):
                    with local_errors(part):
                        file.write(chunk)
                    found += len(chunk)
        if found != size:
            raise ServiceUnavailable(f"{key}: expected {size} bytes, found {found}")


def _store(archive: zipfile.ZipFile, name: str, part: Path) -> None:
    member = zipfile.ZipInfo(name, _TIME)
    member.external_attr = 0o644 << 16
    member.file_size = part.stat().st_size
    with part.open("rb") as source, archive.open(member, "w") as target:
        while chunk := source.read(_CHUNK):
            target.write(chunk)


@contextlib.contextmanager
def _failures(what: str) -> Iterator[None]:
    """Turn what boto3 raises into failures of this project."""
    from botocore.exceptions import (  # type: ignore[import-untyped]
        BotoCoreError,
        ClientError,
    )
    from urllib3.exceptions import HTTPError

    try:
        yield
    except BenError:
        raise
    except ClientError as error:
        raise _classified(what, error.response) from None
    except (BotoCoreError, HTTPError, OSError) as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE):
            raise LocalResourceError(
                f"{what}: {error}; free space and run again"
            ) from None
        raise ServiceUnavailable(
            f"{what} by S3: {type(error).__name__}: {error}"
        ) from None


def _classified(what: str, response: Any) -> BenError:  # noqa: ANN401  boto3's own type
    code = str(response.get("Error", {}).get("Code", ""))
    meta = response.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    text = f"{what} by S3: HTTP {status} ({code})"
    wait = str(meta.get("HTTPHeaders", {}).get("retry-after", ""))
    if code in _GONE:
        return ProductGone(f"{text}; materialize tile_ids again")
    if code in _REFUSED or status in (401, 403):
        return AccessRefused(
            f"{text}; check CDSE_S3_ACCESS_KEY and CDSE_S3_SECRET_KEY (keys expire)"
        )
    seconds = float(wait) if wait.isdigit() else None
    if code in _QUOTA or status == 429:
        return QuotaExceeded(text, seconds)
    return ServiceUnavailable(text, seconds)
