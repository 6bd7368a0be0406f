"""The outside world as Dagster resources, each over a plain client.

Belongs here: which settings belong to which resource, what each means, and how run
configuration overrides one. Not here: the clients, which know no Dagster.

A field that is not given means what the environment says. Dagster replaces all
constructor arguments of a resource whose run configuration sets one field, so the
environment is bound to the class, and fields are resolved when the resource is used.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import dagster as dg
from pydantic import Field, ValidationError

from ben_assets.bigearthnet.errors import InvalidInput
from resources.settings import Settings


class ConfiguredResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Some of the settings, as fields that a run may override one by one."""

    environment: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """What the environment held when the code location was loaded."""
    settings: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Field to the setting it stands for."""
    secrets: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Field with the name of a variable to the setting that its value is."""

    @classmethod
    def bind(cls, environment: Mapping[str, str]) -> ConfiguredResource:
        """The resource of an environment, its fields filled in for people to see."""
        bound = type(
            cls.__name__,
            (cls,),
            {
                "environment": MappingProxyType(dict(environment)),
                "__doc__": cls.__doc__,
                "__module__": cls.__module__,
            },
        )
        shown: dict[str, str | int | float] = {}
        for field, name in cls.settings.items():
            text = environment.get(name, "").strip()
            # what is malformed is refused by name when it is used, not at load time;
            # an address with user and password would be stored with each run
            with contextlib.suppress(ValidationError, InvalidInput):
                if text and name.endswith("_URL"):
                    Settings(environment).address(name, "")
                if text:
                    shown |= {field: getattr(bound(**{field: text}), field)}
        resource: ConfiguredResource = bound(**shown)
        return resource

    def given(self) -> dict[str, str]:
        """Setting to value, of the fields that are given."""
        plain = {
            name: str(value)
            for field, name in self.settings.items()
            if (value := getattr(self, field)) is not None
        }
        secret = {
            name: self.environment.get(getattr(self, field), "")
            for field, name in self.secrets.items()
        }
        return plain | secret


def settings_from(*resources: ConfiguredResource) -> Settings:
    """The environment's settings, overridden by what the resources of a run say."""
    merged: dict[str, str] = {}
    for resource in resources:
        merged |= resource.environment
    for resource in resources:
        merged |= resource.given()
    return Settings(merged)


def _text(description: str) -> Any:  # noqa: ANN401  what pydantic's Field returns
    return Field(default=None, description=description)


def _address(what: str) -> Any:  # noqa: ANN401
    return _text(f"{what} No password in it: the run keeps what is typed here.")


def _variable(name: str, what: str) -> Any:  # noqa: ANN401
    return Field(default=name, description=f"Name of the variable with {what}.")


class DataRootResource(ConfiguredResource):
    """The data root: everything written, and the locks that keep writers apart."""

    settings = MappingProxyType({"path": "BEN_DATA_DIR"})
    secrets = MappingProxyType({"lock_dsn_variable": "BEN_LOCK_DSN"})

    path: str | None = _text("Root of everything written; the default is data.")
    lock_dsn_variable: str = _variable(
        "BEN_LOCK_DSN",
        "the address of the PostgreSQL that keeps the locks of several machines; "
        "without it they are files in the data root",
    )


class CdseResource(ConfiguredResource):
    """The Copernicus Data Space (CDSE): catalogue, account and downloads of L1C."""

    settings = MappingProxyType(
        {
            "catalogue_url": "CDSE_CATALOGUE_URL",
            "token_url": "CDSE_TOKEN_URL",
            "download_url": "CDSE_DOWNLOAD_URL",
            "s3_url": "CDSE_S3_URL",
            "allowed_hosts": "CDSE_ALLOWED_HOSTS",
            "connections": "CDSE_CONNECTIONS",
            "stall_seconds": "CDSE_STALL_SECONDS",
            "min_bytes_per_second": "CDSE_MIN_BYTES_PER_SECOND",
            "give_up_seconds": "CDSE_GIVE_UP_SECONDS",
            "total_seconds": "CDSE_TOTAL_SECONDS",
            "first_wait_seconds": "CDSE_FIRST_WAIT_SECONDS",
            "longest_wait_seconds": "CDSE_LONGEST_WAIT_SECONDS",
            "longest_pause_seconds": "CDSE_LONGEST_PAUSE_SECONDS",
            "l1c_dir": "BEN_L1C_DIR",
        }
    )
    secrets = MappingProxyType(
        {
            "username_variable": "CDSE_USERNAME",
            "password_variable": "CDSE_PASSWORD",
            "totp_secret_variable": "CDSE_TOTP_SECRET",
            "s3_access_key_variable": "CDSE_S3_ACCESS_KEY",
            "s3_secret_key_variable": "CDSE_S3_SECRET_KEY",
        }
    )

    username_variable: str = _variable("CDSE_USERNAME", "the account's user name")
    password_variable: str = _variable("CDSE_PASSWORD", "the account's password")
    totp_secret_variable: str = _variable(
        "CDSE_TOTP_SECRET", "the base32 secret of one-time codes, if it asks for them"
    )
    s3_access_key_variable: str = _variable(
        "CDSE_S3_ACCESS_KEY", "the S3 access key; with it downloads go by S3"
    )
    s3_secret_key_variable: str = _variable("CDSE_S3_SECRET_KEY", "the S3 secret key")
    catalogue_url: str | None = _address("OData address of the catalogue (…/odata/v1).")
    token_url: str | None = _address("Token endpoint, in full.")
    download_url: str | None = _address("OData address of downloads (…/odata/v1).")
    s3_url: str | None = _address("S3 endpoint.")
    allowed_hosts: str | None = _text("More hosts that may see a token.")
    connections: int | None = _text("Open downloads of the account; 4 by default.")
    stall_seconds: float | None = _text("A silent or dripping connection is cut after.")
    min_bytes_per_second: float | None = _text("A slower transfer counts as stalled.")
    give_up_seconds: float | None = _text("Failures in a row for so long end the step.")
    total_seconds: float | None = _text("Longest time for one product.")
    first_wait_seconds: float | None = _text(
        "Wait after a first failure; then doubled."
    )
    longest_wait_seconds: float | None = _text("Longest wait between tries.")
    longest_pause_seconds: float | None = _text("Longest wait a service may ask for.")
    l1c_dir: str | None = _text("Existing L1C zips to import instead of downloading.")


class L1CSourcesResource(ConfiguredResource):
    """Where products are downloaded from, and in which order the sources are asked."""

    settings = MappingProxyType({"order": "BEN_L1C_SOURCES", "gcs_url": "BEN_GCS_URL"})

    order: str | None = _text("Sources with commas; cdse,gcs by default.")
    gcs_url: str | None = _address("Google's public bucket of Sentinel-2 products.")


class Sen2CorResource(ConfiguredResource):
    """L1C to L2A by sen2cor 2.11, or by dark-object where that stands in for it.

    dark-object subtraction is for development and demo only: its pixels differ from
    those of BigEarthNet, and every record and check says so.
    """

    settings = MappingProxyType(
        {
            "processor": "BEN_L2A_PROCESSOR",
            "home": "SEN2COR_HOME",
            "program": "SEN2COR_BIN",
            "timeout_seconds": "BEN_SEN2COR_TIMEOUT_S",
            "cores": "BEN_L2A_CORES",
            "l2a_dir": "BEN_L2A_DIR",
        }
    )

    processor: str | None = _text("sen2cor (default), or dark-object in its stead.")
    home: str | None = _text("The user's directory with cfg/L2A_GIPP.xml and dem.")
    program: str | None = _text("L2A_Process, or the directory it is installed in.")
    timeout_seconds: float | None = _text("A run that takes longer is stopped.")
    cores: int | None = _text("Cores for one product; all, up to 8, by default.")
    l2a_dir: str | None = _text("Existing L2A products to import.")


class PostgisResource(ConfiguredResource):
    """PostgreSQL with PostGIS: a place to publish to, and to take CORINE from."""

    secrets = MappingProxyType({"dsn_variable": "BEN_POSTGIS_DSN"})

    dsn_variable: str = _variable(
        "BEN_POSTGIS_DSN", "the address, postgresql://user:password@host/database"
    )


class ReferenceInputsResource(ConfiguredResource):
    """The pinned inputs: CORINE, v1 footprints, lists, countries, Sentinel-1."""

    settings = MappingProxyType(
        {
            "directory": "BEN_REFERENCE_DIR",
            "clc_path": "BEN_CLC_PATH",
            "s1_dir": "BEN_S1_DIR",
            "recipe": "BEN_RECIPE",
        }
    )

    directory: str | None = _text("Where they lie; reference in the data root.")
    clc_path: str | None = _text("CORINE 2018 GeoPackage, or postgis.")
    s1_dir: str | None = _text("Extracted BigEarthNet v1 Sentinel-1 root.")
    recipe: str | None = _text("Recipe of tiles that are not aligned with v1.")


class TrackedArtifactsResource(ConfiguredResource):
    """What hash checks compare with: ``hashes/<asset>.csv``."""

    settings = MappingProxyType({"directory": "BEN_TRACKED_ARTIFACTS"})

    directory: str | None = _text("The directory; the default is tracked-artifacts.")


RESOURCES: Mapping[str, type[ConfiguredResource]] = MappingProxyType(
    {
        "cdse": CdseResource,
        "l1c_sources": L1CSourcesResource,
        "sen2cor": Sen2CorResource,
        "postgis": PostgisResource,
        "data_root": DataRootResource,
        "reference_inputs": ReferenceInputsResource,
        "tracked_artifacts": TrackedArtifactsResource,
    }
)
"""Key of each resource in the graph to its class."""


def resources_of(environment: Mapping[str, str]) -> dict[str, ConfiguredResource]:
    """All resources as an environment says; touches neither disk nor network."""
    return {key: kind.bind(environment) for key, kind in RESOURCES.items()}
