"""The release in Croissant 1.1 with GeoCroissant's keys, for catalogues and loaders.

Sources: Croissant 1.1 and GeoCroissant 1.0, MLCommons. Parquet must be named
``application/x-parquet``: under another type mlcroissant validates and reads nothing.
"""

from __future__ import annotations

from typing import Final

from ben_assets.bigearthnet.table_columns import RELEASE_INDEX
from ben_assets.training.card_facts import CardFacts
from ben_assets.training.index import INDEX_FILE

_WAVELENGTH_NM: Final = {
    "B01": 442.7,
    "B02": 492.4,
    "B03": 559.8,
    "B04": 664.6,
    "B05": 704.1,
    "B06": 740.5,
    "B07": 782.8,
    "B08": 832.8,
    "B8A": 864.7,
    "B09": 945.1,
    "B11": 1613.7,
    "B12": 2202.4,
}
"""Central wavelength in nm of the bands of Sentinel-2A (ESA, Sentinel-2 MSI)."""

_POLARIZATIONS: Final = ("VH", "VV")

_FIELDS: Final = (
    "patch_id",
    "split",
    "country",
    "s1_name",
    "tile",
    "season",
    "lon",
    "lat",
    "contains_seasonal_snow",
    "contains_cloud_or_shadow",
)
"""Columns of the index that are described."""
_TYPES: Final = {"string": "sc:Text", "float64": "sc:Float", "bool": "sc:Boolean"}


def describe_dataset(facts: CardFacts) -> dict[str, object]:
    """The content of ``croissant.json``; paths are relative to the published folder."""
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [
            "http://mlcommons.org/croissant/1.1",
            "http://mlcommons.org/croissant/geo/1.0",
        ],
        "name": "BigEarthNet-v2",
        "description": f"{facts.total} Sentinel-1 and Sentinel-2 patches of 1200 m "
        f"with maps of {facts.land_cover} and multi-labels of "
        f"{len(facts.legend.labels)} classes.",
        "license": "https://cdla.dev/permissive-1-0/",
        "url": "https://bigearth.net",
        "version": "2.0.0",
        "datePublished": "2024-07-03",
        "citeAs": "K. Clasen et al., reBEN: Refined BigEarthNet Dataset for Remote "
        "Sensing Image Analysis, IGARSS 2025",
        **_extent(facts),
        **_bands(),
        "distribution": _distribution(facts),
        "recordSet": [_records()],
    }


def _extent(facts: CardFacts) -> dict[str, object]:
    keys: dict[str, object] = {
        "geocr:coordinateReferenceSystem": "EPSG:4326",
        "geocr:spatialResolution": _quantity(10, "m"),
    }
    if facts.extent is not None:
        west, south, east, north = facts.extent.box
        box = {"@type": "sc:GeoShape", "box": f"{south} {west} {north} {east}"}
        keys["spatialCoverage"] = {"@type": "sc:Place", "geo": box}
        keys["temporalCoverage"] = f"{facts.extent.first}/{facts.extent.last}"
    return keys


def _bands() -> dict[str, object]:
    names = [*_WAVELENGTH_NM, *_POLARIZATIONS]
    return {
        "geocr:bandConfiguration": {
            "@type": "geocr:BandConfiguration",
            "geocr:totalBands": len(names),
            "geocr:bandNameList": names,
        },
        "geocr:spectralBandMetadata": [
            {
                "@type": "geocr:SpectralBand",
                "name": name,
                "geocr:centerWavelength": _quantity(wavelength, "nm"),
            }
            for name, wavelength in _WAVELENGTH_NM.items()
        ],
    }


def _quantity(value: float, unit: str) -> dict[str, object]:
    return {"@type": "sc:QuantitativeValue", "value": value, "unitText": unit}


def _distribution(facts: CardFacts) -> list[dict[str, object]]:
    return [
        {
            "@type": "cr:FileObject",
            "@id": "index",
            "name": INDEX_FILE,
            "contentUrl": f"index/{INDEX_FILE}",
            "encodingFormat": "application/x-parquet",
            "sha256": facts.index_sha256,
        },
        {
            "@type": "cr:FileSet",
            "@id": "shards",
            "name": "WebDataset shards",
            "encodingFormat": "application/x-tar",
            "includes": "shards/*.tar",
        },
    ]


def _records() -> dict[str, object]:
    return {
        "@type": "cr:RecordSet",
        "@id": "patches",
        "name": "patches",
        "key": {"@id": "patches/patch_id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"patches/{name}",
                "name": f"patches/{name}",
                "description": RELEASE_INDEX[name].meaning,
                "dataType": _TYPES[RELEASE_INDEX[name].kind],
                "source": {
                    "fileObject": {"@id": "index"},
                    "extract": {"column": name},
                },
            }
            for name in _FIELDS
        ],
    }


_CONTEXT: Final[dict[str, object]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "geocr": "http://mlcommons.org/croissant/geo/",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
