"""The L2A processor that a user chose."""

from __future__ import annotations

from resources.sen2cor.client import Sen2Cor
from resources.sen2cor.dark_object import DarkObject
from resources.sen2cor.processors import PROCESSORS, SEN2COR, L2AProcessor, cores
from resources.settings import Settings


def l2a_processor(settings: Settings) -> L2AProcessor:
    """The processor that ``BEN_L2A_PROCESSOR`` names.

    Raises:
        InvalidInput: it has another value.
    """
    if settings.choice("BEN_L2A_PROCESSOR", PROCESSORS) == SEN2COR:
        return Sen2Cor(settings)
    return DarkObject(cores(settings))
