"""What turns an L1C product into an L2A product: one interface, two processors."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.product_names import ProductName
from resources.data_root.facts import Parameters
from resources.settings import Settings

SEN2COR: Final = "sen2cor"
DARK_OBJECT: Final = "dark-object"
PROCESSORS: Final = (SEN2COR, DARK_OBJECT)
"""Values of ``BEN_L2A_PROCESSOR``; the data set is made with the first."""

_MOST_CORES: Final = 8  # Nr_Threads of sen2cor's GIPP goes up to 8


@dataclass(frozen=True)
class ProcessingResult:
    """An L2A product fresh from a processor, and how it was made."""

    product: Path
    """The ``.SAFE`` folder."""
    processor: str
    """``sen2cor`` or ``dark-object``."""
    version: str
    """Version of the processor, or ``unknown``."""
    parameters: Parameters
    """What decides the pixels beside the input; for sen2cor the digest of its GIPP."""
    cores: int
    """Cores it was told to use."""
    seconds: float
    """Wall time."""
    peak_memory_bytes: int
    """Largest resident size of any one of its processes."""
    warnings: tuple[str, ...] = ()
    """What a reader of the product must know."""
    log_file: Path | None = field(default=None, compare=False)
    """Its output, if it is a program of others."""


class L2AProcessor(ABC):
    """Makes L2A products from L1C products."""

    @abstractmethod
    def process(
        self, l1c_safe: Path, target: Path, log: Callable[[str], None]
    ) -> ProcessingResult:
        """Make the L2A product of ``l1c_safe`` in ``target``, an empty folder.

        Args:
            l1c_safe: the L1C ``.SAFE`` folder; it is not changed.
            target: takes the product, and whatever the processor writes beside it.
            log: told of progress in a few lines.

        Raises:
            LocalResourceError: the processor is not installed.
            ProcessorFailed: it ended without a whole product, and would do so again.
            ProcessorKilled: it was killed from outside.
            BenError: the L1C product is not what it should be.
        """


def cores(settings: Settings) -> int:
    """``BEN_L2A_CORES``: cores for one product; by default all there are, up to 8."""
    available = len(os.sched_getaffinity(0))
    chosen = settings.positive("BEN_L2A_CORES", min(available, _MOST_CORES))
    return max(int(chosen), 1)


def l2a_name(l1c: ProductName, discriminator: str) -> ProductName:
    """Name of the L2A product that a user's processor makes of an L1C product.

    Baseline 9999 is sen2cor's mark of a product made outside of ESA's ground segment.
    """
    return ProductName("L2A", l1c.acquisition, "9999", discriminator)
