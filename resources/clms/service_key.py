"""The service key of a CLMS account, and the signed claim that a token is given for.

Belongs here: the key file and RFC 7523 assertions. Not here: requests.
Source: documentation of the CLMS API (keys are made on the account page).
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.plain_files import read_plain

_LIFETIME_SECONDS: Final = 3600
_MOST_BYTES: Final = 1 << 16


@dataclass(frozen=True)
class ServiceKey:
    """A key as the service hands it out; its secret never appears in its text."""

    client_id: str
    """Names the key."""
    user_id: str
    """Names the account."""
    token_uri: str
    """Where a signed claim is exchanged for a token."""
    private_key: str = field(repr=False)
    """PEM of an RSA key."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """The key in a file.

        Raises:
            MissingInput: there is no such file.
            InvalidInput: not JSON with the four fields; nothing of it is repeated.
        """
        try:
            content = json.loads(read_plain(path, _MOST_BYTES))
        except FileNotFoundError:
            raise MissingInput(
                f"CLMS_SERVICE_KEY: {path} is missing; make a key on the account page "
                "of land.copernicus.eu and save it there"
            ) from None
        except (OSError, ValueError, RecursionError):
            content = None
        names = [one.name for one in fields(cls)]
        known = content if isinstance(content, dict) else {}
        missing = [n for n in names if not isinstance(known.get(n), str)]
        if missing:
            raise InvalidInput(
                f"CLMS_SERVICE_KEY: {path}: expected JSON with {', '.join(names)}; "
                f"missing: {', '.join(missing)}. Download the key again"
            )
        return cls(**{name: known[name] for name in names})

    def assertion(self, now: float) -> str:
        """A claim signed with the key (JWT, RS256), good for an hour.

        Args:
            now: seconds since 1970.

        Raises:
            InvalidInput: the private key is none.
        """
        claims: dict[str, str | int] = {
            "iss": self.client_id,
            "sub": self.user_id,
            "aud": self.token_uri,
            "iat": int(now),
            "exp": int(now) + _LIFETIME_SECONDS,
        }
        parts = (_encoded({"alg": "RS256", "typ": "JWT"}), _encoded(claims))
        text = b".".join(parts)
        signature = self._rsa_key().sign(text, padding.PKCS1v15(), hashes.SHA256())
        return f"{text.decode()}.{_base64(signature).decode()}"

    def _rsa_key(self) -> rsa.RSAPrivateKey:
        try:
            key = serialization.load_pem_private_key(self.private_key.encode(), None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise InvalidInput(
                "CLMS_SERVICE_KEY: expected an RSA key as PEM in private_key; download "
                "the key again"
            ) from None
        return key


def _encoded(content: dict[str, str | int]) -> bytes:
    return _base64(json.dumps(content, separators=(",", ":")).encode())


def _base64(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
