"""The errors of this project: what went wrong, of which class, and what to do.

Every message names the thing, what was expected, what was found and the next step.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from ben_assets.bigearthnet.outside_text import escaped


class FailureClass(StrEnum):
    """Who has to act after a failure."""

    TRANSIENT = "transient"  # nobody: a later try can succeed
    AUTH = "auth"  # the account's owner
    QUOTA = "quota"  # nobody, but only after a pause
    OFFLINE = "offline"  # the archive must bring the product back
    GONE = "gone"  # the product no longer exists under this name
    CHANGED_UPSTREAM = "changed upstream"  # compare with the tracked artifact
    CORRUPT_AT_SOURCE = "corrupt at source"  # the sender's bytes are wrong
    LOCAL_RESOURCE = "local resource"  # disk, rights, memory, programs of this machine
    BAD_INPUT = "bad input"  # a file or setting given by the user
    BUG = "bug"  # the developers


class BenError(Exception):
    """Base of all errors that this project raises on purpose."""

    failure_class: ClassVar[FailureClass] = FailureClass.BUG

    def __str__(self) -> str:
        """The message on one line: it may hold names and words of others."""
        return escaped(super().__str__())

    @property
    def is_retryable(self) -> bool:
        """Whether the same call can succeed later without anybody's help."""
        return self.failure_class in {FailureClass.TRANSIENT, FailureClass.QUOTA}


class InvalidProductName(BenError, ValueError):
    """A text that is not a Sentinel product, tile or patch name."""

    failure_class = FailureClass.BAD_INPUT


class MissingInput(BenError, FileNotFoundError):
    """A file that a step needs is not there."""

    failure_class = FailureClass.BAD_INPUT


class InvalidInput(BenError, ValueError):
    """An input file is there, but its content breaks a rule."""

    failure_class = FailureClass.BAD_INPUT


class UnexpectedRaster(InvalidInput):
    """A raster of another size, data type, CRS or position than its metadata say."""


class ChecksumMismatch(BenError):
    """Bytes that differ from what was expected for them."""

    failure_class = FailureClass.CORRUPT_AT_SOURCE


class LocalResourceError(BenError, OSError):
    """This machine refuses: disk full, folder read-only, program missing."""

    failure_class = FailureClass.LOCAL_RESOURCE


class ProcessorFailed(BenError):
    """An L2A processor ended without a whole product, and would do so again."""

    failure_class = FailureClass.LOCAL_RESOURCE


class ProcessorKilled(BenError):
    """An L2A processor was killed from outside, as for lack of memory."""

    failure_class = FailureClass.TRANSIENT


class ServiceUnavailable(BenError):
    """A service did not answer as it should, but may do so later."""

    failure_class = FailureClass.TRANSIENT

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """``retry_after``: seconds the service asks to wait, if it said so."""
        super().__init__(message)
        self.retry_after = retry_after


class QuotaExceeded(ServiceUnavailable):
    """A service refuses because the account asks for too much at once."""

    failure_class = FailureClass.QUOTA


class LockLost(BenError):
    """Another process took over what this one was making."""

    failure_class = FailureClass.TRANSIENT


class AccessRefused(BenError):
    """Log-in or token refused, or a host that must not see the token."""

    failure_class = FailureClass.AUTH


class ProductOffline(BenError):
    """A product that the catalogue lists, but that cannot be had now."""

    failure_class = FailureClass.OFFLINE


class ProductGone(BenError):
    """No product has this name or id (any more)."""

    failure_class = FailureClass.GONE


class ChangedUpstream(BenError):
    """The service has something else now than what the name or id stood for."""

    failure_class = FailureClass.CHANGED_UPSTREAM


class CorruptProduct(ChecksumMismatch):
    """A product whose bytes differ from the product's own manifest."""


class UnsafeZip(CorruptProduct):
    """A zip that is no zip, or that would do harm when unpacked."""


class TruncatedZip(UnsafeZip):
    """A zip whose end is missing."""
