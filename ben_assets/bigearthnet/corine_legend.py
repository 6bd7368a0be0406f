"""The official legend of CORINE Land Cover: name and colour of each level 3 class.

Source: CLC 2018 legend of the Copernicus Land Monitoring Service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ben_assets.bigearthnet.corine import NO_POLYGON


@dataclass(frozen=True)
class LegendClass:
    """A class of the legend."""

    name: str
    """Official name."""
    colour: tuple[int, int, int]
    """Official red, green and blue, 0 to 255."""


LEGEND: Final[dict[int, LegendClass]] = {
    111: LegendClass("Continuous urban fabric", (230, 0, 77)),
    112: LegendClass("Discontinuous urban fabric", (255, 0, 0)),
    121: LegendClass("Industrial or commercial units", (204, 77, 242)),
    122: LegendClass("Road and rail networks and associated land", (204, 0, 0)),
    123: LegendClass("Port areas", (230, 204, 204)),
    124: LegendClass("Airports", (230, 204, 230)),
    131: LegendClass("Mineral extraction sites", (166, 0, 204)),
    132: LegendClass("Dump sites", (166, 77, 0)),
    133: LegendClass("Construction sites", (255, 77, 255)),
    141: LegendClass("Green urban areas", (255, 166, 255)),
    142: LegendClass("Sport and leisure facilities", (255, 230, 255)),
    211: LegendClass("Non-irrigated arable land", (255, 255, 168)),
    212: LegendClass("Permanently irrigated land", (255, 255, 0)),
    213: LegendClass("Rice fields", (230, 230, 0)),
    221: LegendClass("Vineyards", (230, 128, 0)),
    222: LegendClass("Fruit trees and berry plantations", (242, 166, 77)),
    223: LegendClass("Olive groves", (230, 166, 0)),
    231: LegendClass("Pastures", (230, 230, 77)),
    241: LegendClass("Annual crops associated with permanent crops", (255, 230, 166)),
    242: LegendClass("Complex cultivation patterns", (255, 230, 77)),
    243: LegendClass(
        "Land principally occupied by agriculture, with significant areas of natural "
        "vegetation",
        (230, 204, 77),
    ),
    244: LegendClass("Agro-forestry areas", (242, 204, 166)),
    311: LegendClass("Broad-leaved forest", (128, 255, 0)),
    312: LegendClass("Coniferous forest", (0, 166, 0)),
    313: LegendClass("Mixed forest", (77, 255, 0)),
    321: LegendClass("Natural grasslands", (204, 242, 77)),
    322: LegendClass("Moors and heathland", (166, 255, 128)),
    323: LegendClass("Sclerophyllous vegetation", (166, 230, 77)),
    324: LegendClass("Transitional woodland-shrub", (166, 242, 0)),
    331: LegendClass("Beaches, dunes, sands", (230, 230, 230)),
    332: LegendClass("Bare rocks", (204, 204, 204)),
    333: LegendClass("Sparsely vegetated areas", (204, 255, 204)),
    334: LegendClass("Burnt areas", (0, 0, 0)),
    335: LegendClass("Glaciers and perpetual snow", (166, 230, 204)),
    411: LegendClass("Inland marshes", (166, 166, 255)),
    412: LegendClass("Peat bogs", (77, 77, 255)),
    421: LegendClass("Salt marshes", (204, 204, 255)),
    422: LegendClass("Salines", (230, 230, 255)),
    423: LegendClass("Intertidal flats", (166, 166, 230)),
    511: LegendClass("Water courses", (0, 204, 242)),
    512: LegendClass("Water bodies", (128, 242, 230)),
    521: LegendClass("Coastal lagoons", (0, 255, 166)),
    522: LegendClass("Estuaries", (166, 255, 230)),
    523: LegendClass("Sea and ocean", (230, 242, 255)),
    NO_POLYGON: LegendClass("No CORINE polygon", (255, 255, 255)),
}
"""CORINE code to its class; 999 stands for pixels that no polygon covers."""
