"""Where products may come from, in which order, and what each source says of one.

Belongs here: moving on from a source that has not what another one has. Not here: the
sources (``cdse``, ``gcs``). Another baseline is never taken in place of the product.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, Self

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    BenError,
    ChangedUpstream,
    ChecksumMismatch,
    FailureClass,
    InvalidInput,
    ProductGone,
    ProductOffline,
    ServiceUnavailable,
)
from resources.cdse import CatalogueAnswer, Cdse, ProvenZip
from resources.data_root.facts import CatalogueEntry, ProductStatus
from resources.gcs import Gcs
from resources.settings import Settings
from resources.transfers.public_access import PublicAccess
from resources.transfers.transport import RequestRefused

CDSE: Final = "cdse"
GCS: Final = "gcs"
NAMES: Final = (CDSE, GCS)
"""Names of the sources in ``BEN_L1C_SOURCES``, in their usual order."""
LOOK_SECONDS: Final = 5.0
"""A source that has not said by then whether it has a product counts as unknown."""
HAS_IT: Final = "has it"
NOT_ASKED: Final = "not asked"
_MOVES_ON: Final = (
    ProductGone,
    ProductOffline,
    ChangedUpstream,
    ChecksumMismatch,
    ServiceUnavailable,
    RequestRefused,
)
"""The source is at fault, not this machine or its settings: another one may do."""
_WORDS: Final = {
    FailureClass.GONE: "gone",
    FailureClass.OFFLINE: "offline",
    FailureClass.CHANGED_UPSTREAM: "changed",
    FailureClass.CORRUPT_AT_SOURCE: "incomplete",
}


@dataclass(frozen=True)
class SourceAnswer:
    """What one source says of one product."""

    source: str
    """Name of the source."""
    says: str
    """``has it``, ``not asked``, or what is the matter: ``gone: …``, ``unknown: …``."""
    size: int = 0
    """Bytes to download, 0 where unknown."""
    catalogue: CatalogueAnswer | None = None
    """The catalogue's answer in full, of CDSE."""
    error: BenError | None = field(default=None, compare=False)
    """Why the product cannot be had there."""

    @property
    def has_it(self) -> bool:
        """Whether the exact product can be had there."""
        return self.says == HAS_IT

    @property
    def is_unknown(self) -> bool:
        """Whether the source did not answer."""
        return self.says.startswith("unknown")

    @classmethod
    def of_error(
        cls, source: str, error: BenError, catalogue: CatalogueAnswer | None = None
    ) -> Self:
        """The answer that a failure stands for."""
        word = _WORDS.get(error.failure_class, "unknown")
        if catalogue and len(catalogue.hits) > 1:
            word = "several"
        return cls(source, f"{word}: {error}", 0, catalogue, error)


class Source(Protocol):
    """A place that may have products under their exact names."""

    @property
    def name(self) -> str:
        """As in ``BEN_L1C_SOURCES``."""
        ...

    def ask(self, product: str) -> SourceAnswer:
        """Whether it has the product.

        Raises:
            BenError: this machine or its settings are at fault.
        """
        ...

    def briefly(self, seconds: float) -> Source:
        """The same source for questions that are given up after so many seconds."""
        ...

    def fetch(
        self, product: str, path: Path, entry: CatalogueEntry | None = None
    ) -> ProvenZip:
        """The product's zip at ``path``, verified.

        Args:
            product: product name without ``.SAFE``.
            path: the zip to make.
            entry: what the catalogue of CDSE says of it, where it was asked.

        Raises:
            BenError: it cannot be had whole.
        """
        ...


class CdseSource(Cdse):
    """The Copernicus Data Space as one of the sources."""

    name: Final = CDSE

    def ask(self, product: str) -> SourceAnswer:
        """What the catalogue says."""
        try:
            answer = self.catalogue.ask(product)
        except _MOVES_ON as error:
            return SourceAnswer.of_error(self.name, error)
        if (refusal := answer.refusal()) is not None:
            return SourceAnswer.of_error(self.name, refusal, answer)
        return SourceAnswer(self.name, HAS_IT, answer.hits[0].size, answer)


class GcsSource(Gcs):
    """Google's public bucket as one of the sources."""

    name: Final = GCS

    def ask(self, product: str) -> SourceAnswer:
        """Whether the bucket lists files of the product."""
        try:
            with self._closed():
                return SourceAnswer(self.name, HAS_IT, self.find(product).size)
        except _MOVES_ON as error:
            return SourceAnswer.of_error(self.name, error)

    def fetch(
        self, product: str, path: Path, entry: CatalogueEntry | None = None
    ) -> ProvenZip:
        """As of :class:`Gcs`; a bucket that refuses counts as unavailable."""
        with self._closed():
            return super().fetch(product, path, entry)

    @contextlib.contextmanager
    def _closed(self) -> Iterator[None]:
        """Nobody logs in there: what it refuses is no fault of an account.

        Raises:
            ServiceUnavailable: in place of a refusal, or of a redirect elsewhere.
            AccessRefused: the address in the settings is at fault.
        """
        PublicAccess(self.url).require_allowed(self.url)
        try:
            yield
        except AccessRefused as error:
            raise ServiceUnavailable(str(error)) from None


@dataclass(frozen=True)
class FetchedZip:
    """A product's zip, and where it came from."""

    zip: ProvenZip
    """What holds of it."""
    source: str
    """Name of the source that gave it."""
    said: dict[str, str]
    """Source to what it said; the last one gave the product."""


@dataclass(frozen=True)
class Sources:
    """The sources in the order in which they are asked."""

    sources: tuple[Source, ...]
    """At least one."""
    log: Callable[[str], None]
    """Takes progress lines."""

    @classmethod
    def from_settings(cls, settings: Settings, log: Callable[[str], None]) -> Self:
        """As ``BEN_L1C_SOURCES``, ``BEN_GCS_URL`` and ``CDSE_*`` say.

        Raises:
            InvalidInput: an unknown source, or a malformed setting.
        """
        text = settings.text("BEN_L1C_SOURCES", ",".join(NAMES)) or ""
        names = tuple(dict.fromkeys(text.replace(",", " ").lower().split()))
        if not names or set(names) - set(NAMES):
            raise InvalidInput(
                f"BEN_L1C_SOURCES is {text!r}; expected some of {', '.join(NAMES)}, "
                "with commas, in the order to ask them in"
            )
        kinds: dict[str, type[CdseSource | GcsSource]]
        kinds = {CDSE: CdseSource, GCS: GcsSource}
        return cls(tuple(kinds[n].from_settings(settings, log) for n in names), log)

    def find(self, product: str, known_id: str | None = None) -> ProductStatus:
        """What the sources say of a product, asked until one has it.

        Args:
            product: product name without ``.SAFE``.
            known_id: id in CDSE by which it was known before.

        Raises:
            BenError: no source has it; or this machine or its settings are at fault.
        """
        answers: list[SourceAnswer] = []
        for source in self.sources:
            if answers and answers[-1].has_it:
                answers.append(SourceAnswer(source.name, NOT_ASKED))
                continue
            answers.append(self._ask(source, product))
            if not answers[-1].has_it:
                self.log(f"{source.name}: {answers[-1].says}")
        if not any(answer.has_it for answer in answers):
            answers = self._asked_patiently(product, answers)
        return status_of_answers(product, answers, known_id)

    def fetch(self, status: ProductStatus, path: Path) -> FetchedZip:
        """The product from the first source that has it whole.

        Args:
            status: what ``tile_ids`` found.
            path: the zip to make.

        Raises:
            BenError: no source has it; or this machine or its settings are at fault.
        """
        product = status.name.removesuffix(".SAFE")
        answers: list[SourceAnswer] = []
        for source in self.sources:
            answer, entry = self._answer_before_fetch(source, product, status)
            if answer.has_it:
                try:
                    verified = source.fetch(product, path, entry)
                    return FetchedZip(verified, source.name, _said([*answers, answer]))
                except _MOVES_ON as error:
                    answer = SourceAnswer.of_error(source.name, error)
            self.log(f"{source.name}: {answer.says}")
            answers.append(answer)
        raise _no_source(product, answers)

    def _ask(self, source: Source, product: str) -> SourceAnswer:
        """Briefly where there is another source, else as patiently as set."""
        if len(self.sources) == 1:
            return source.ask(product)
        return ask_briefly(source, product)

    def _asked_patiently(
        self, product: str, answers: list[SourceAnswer]
    ) -> list[SourceAnswer]:
        """Where nobody has it and the first source was silent: wait for that one."""
        if answers[0].is_unknown and len(self.sources) > 1:
            answers = [self.sources[0].ask(product), *answers[1:]]
        if not answers[0].has_it:
            raise _no_source(product, answers)
        return answers

    def _answer_before_fetch(
        self, source: Source, product: str, status: ProductStatus
    ) -> tuple[SourceAnswer, CatalogueEntry | None]:
        """What is known already, else what the source says now."""
        if status.sources.get(source.name, HAS_IT) == HAS_IT or len(self.sources) == 1:
            return SourceAnswer(source.name, HAS_IT), status.entry
        answer = ask_briefly(source, product)
        hits = answer.catalogue.hits if answer.catalogue else ()
        return answer, hits[0] if hits else None


def ask_briefly(source: Source, product: str) -> SourceAnswer:
    """What a source says within ``LOOK_SECONDS``, however its answer drips in.

    What comes later does not count: the client's own time limit ends then too.

    Raises:
        BenError: this machine or its settings are at fault.
    """
    answers: list[SourceAnswer | BenError] = []
    end = time.monotonic() + LOOK_SECONDS

    def ask() -> None:
        answer: SourceAnswer | BenError
        try:
            answer = source.briefly(LOOK_SECONDS).ask(product)
        except BenError as error:
            answer = error
        if time.monotonic() < end:
            answers.append(answer)

    thread = threading.Thread(target=ask, daemon=True, name=f"ask {source.name}")
    thread.start()
    thread.join(LOOK_SECONDS)
    if not answers:
        late = ServiceUnavailable(f"no answer in {LOOK_SECONDS:g} s")
        return SourceAnswer.of_error(source.name, late)
    if isinstance(answers[0], BenError):
        raise answers[0]
    return answers[0]


def _said(answers: list[SourceAnswer]) -> dict[str, str]:
    return {answer.source: answer.says for answer in answers}


def status_of_answers(
    product: str, answers: list[SourceAnswer], known_id: str | None
) -> ProductStatus:
    """What several answers together say.

    Args:
        product: product name without ``.SAFE``.
        answers: of the sources, in their order.
        known_id: id in CDSE by which the product was known before.
    """
    catalogue = next((a.catalogue for a in answers if a.catalogue), None)
    deleted = catalogue.deletion if catalogue else None
    return ProductStatus(
        **dict(_entry_of(product, catalogue, known_id)),
        gone_since=deleted.date if deleted else "",
        gone_because=deleted.cause if deleted else "",
        replaced_by=(catalogue.other_baselines or ()) if catalogue else (),
        sources=_said(answers),
    )


def _entry_of(
    product: str, catalogue: CatalogueAnswer | None, known_id: str | None
) -> CatalogueEntry:
    """The catalogue's own entry, or what is left of one."""
    if catalogue and len(catalogue.hits) == 1:
        return catalogue.hits[0]
    deleted = catalogue.deletion if catalogue else None
    return CatalogueEntry(
        id=(deleted.id if deleted else "") or known_id or "",
        name=f"{product}.SAFE",
        size=0,
        checksums={},
        online=False,
        published="",
        modified="",
        s3_path="",
    )


def _no_source(product: str, answers: list[SourceAnswer]) -> BenError:
    """The failure of all sources: one that a later try can mend, else the first."""
    errors = [answer.error for answer in answers if answer.error is not None]
    if len(errors) == 1:
        return errors[0]
    chief = next((error for error in errors if error.is_retryable), errors[0])
    each = "; ".join(
        f"{answer.source} [{answer.error.failure_class}] {answer.says}"
        for answer in answers
        if answer.error is not None
    )
    return type(chief)(
        f"no source has {product} whole: {each}. Run the step again later, or put the "
        "zip of the original into BEN_L1C_DIR"
    )
