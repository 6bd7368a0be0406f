"""Every way in which a service is asked, with a secret of its own, for one address."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from ben_assets.testing.clms_server import DATASET, ClmsServer
from resources.cdse import Cdse
from resources.cdse.access import Access
from resources.cdse.session import Session, Token
from resources.clms.client import Clms, ClmsOptions
from resources.clms.service_key import ServiceKey
from resources.data_root.facts import CatalogueEntry
from resources.gcs import Gcs
from resources.settings import Settings
from resources.transfers.download import PublicFile, download
from resources.transfers.timeouts import Timeouts
from resources.transfers.transfer import Expected
from resources.transfers.transport import Transport
from resources.uploads.huggingface import HubAccess, HuggingFace
from resources.uploads.upload_file import UploadFile
from resources.uploads.zenodo import Description, Zenodo, ZenodoAccess

PASSWORD: Final = "Zq7&Kx9 w'J4\\vTp2/Hy6\"Uf8%Rb3ß"
TOKEN: Final = "Bq3-Xv8.Tn5_Kz7-Wm4.Rd9_Lf2"
S3_KEY: Final = "AKQZ7XJ5VW3TBN8LPQ"
S3_SECRET: Final = "wJq9/Xk2+Vm7Zt4Gh8=Qp3"
PRODUCT: Final = "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608"
ENTRY: Final = CatalogueEntry(
    id="00000000-0000-0000-0000-000000000001",
    name=f"{PRODUCT}.SAFE",
    size=0,
    checksums={},
    online=True,
    published="",
    modified="",
    s3_path=f"/eodata/x/{PRODUCT}.SAFE",
)
Ask = Callable[[str, Path, Callable[[str], None]], object]
"""Address, directory for what is written, and where log lines go."""


def settings_for(url: str, folder: Path, **more: str) -> Settings:
    """All services at one address, asked without patience."""
    names = ("CATALOGUE", "TOKEN", "DOWNLOAD", "S3")
    return Settings(
        {f"CDSE_{name}_URL": url for name in names}
        | {
            "BEN_DATA_DIR": str(folder),
            "CDSE_USERNAME": "somebody",
            "CDSE_PASSWORD": PASSWORD,
            "BEN_GCS_URL": url,
            "HF_TOKEN": TOKEN,
            "HF_ENDPOINT": url,
            "ZENODO_TOKEN": TOKEN,
            "ZENODO_URL": url,
            "CDSE_STALL_SECONDS": "0.5",
            "CDSE_GIVE_UP_SECONDS": "0.05",
            "CDSE_FIRST_WAIT_SECONDS": "0.01",
            "CDSE_LONGEST_WAIT_SECONDS": "0.02",
            "CDSE_LONGEST_PAUSE_SECONDS": "0.1",
            "CDSE_TOTAL_SECONDS": "5",
            **more,
        }
    )


def log_in(url: str, folder: Path, log: Callable[[str], None]) -> None:
    access = Access.from_settings(settings_for(url, folder))
    Session(access, Transport(access)).token()


def download_by_http(url: str, folder: Path, log: Callable[[str], None]) -> None:
    settings = settings_for(url, folder)
    access = Access.from_settings(settings)
    access.shared.mkdir(parents=True, exist_ok=True)
    token = Token(TOKEN, 9e9, "", 9e9)
    Session(access, Transport(access))._keep(token)
    Cdse.from_settings(settings, log).fetch(PRODUCT, folder / "http.zip", ENTRY)


def download_by_s3(url: str, folder: Path, log: Callable[[str], None]) -> None:
    keys = {"CDSE_S3_ACCESS_KEY": S3_KEY, "CDSE_S3_SECRET_KEY": S3_SECRET}
    settings = settings_for(url, folder, **keys)
    Cdse.from_settings(settings, log).fetch(PRODUCT, folder / "s3.zip", ENTRY)


def ask_catalogue(url: str, folder: Path, log: Callable[[str], None]) -> None:
    Cdse.from_settings(settings_for(url, folder), log).find(PRODUCT)


def download_from_gcs(url: str, folder: Path, log: Callable[[str], None]) -> None:
    Gcs.from_settings(settings_for(url, folder), log).fetch(PRODUCT, folder / "g.zip")


def fetch_pinned(url: str, folder: Path, log: Callable[[str], None]) -> None:
    expected = Expected(size=1000, digest_decides=True)
    timeouts = Timeouts.from_settings(settings_for(url, folder))
    download(PublicFile("a.csv", f"{url}/a.csv", expected), folder / "a", timeouts, log)


def upload_to_zenodo(url: str, folder: Path, log: Callable[[str], None]) -> None:
    access = ZenodoAccess.from_settings(settings_for(url, folder))
    briefly = replace(access.timeouts, stall_seconds=0.5)
    client = Zenodo(replace(access, timeouts=briefly), log)
    draft = client.upload(Description("t", "v", "x", ["a"]), [_a_file(folder)])
    log(client.publish(draft))


def upload_to_hub(url: str, folder: Path, log: Callable[[str], None]) -> None:
    access = HubAccess.from_settings(settings_for(url, folder))
    briefly = replace(access.timeouts, stall_seconds=0.5)
    hub = HuggingFace(replace(access, timeouts=briefly), folder, log)
    hub.upload("me/x", [_a_file(folder)], publishes=False, message="m")


def ask_clms(url: str, folder: Path, log: Callable[[str], None]) -> None:
    clms = _clms(url, folder, log)
    clms._token, clms._token_ends = TOKEN, 9e12
    clms.files(DATASET, "CORINE")


def log_in_to_clms(url: str, folder: Path, log: Callable[[str], None]) -> None:
    _clms(url, folder, log).files(DATASET, "CORINE")


ROUTES: Final[dict[str, tuple[Ask, str]]] = {
    "CDSE log-in": (log_in, PASSWORD),
    "CDSE by HTTP": (download_by_http, TOKEN),
    "CDSE by S3": (download_by_s3, S3_SECRET),
    "Zenodo": (upload_to_zenodo, TOKEN),
    "Hub": (upload_to_hub, TOKEN),
    "CLMS": (ask_clms, TOKEN),
    "CDSE catalogue": (ask_catalogue, ""),
    "GCS": (download_from_gcs, ""),
    "pinned file": (fetch_pinned, ""),
    "CLMS log-in": (log_in_to_clms, ""),
}
"""What is asked to how, and the secret that is sent; empty where there is none."""


@functools.cache
def _service_key() -> dict[str, str]:
    return ClmsServer(b"").service_key()


def _clms(url: str, folder: Path, log: Callable[[str], None]) -> Clms:
    key = ServiceKey("c", "u", f"{url}/token", _service_key()["private_key"])
    timeouts = Timeouts.from_settings(settings_for(url, folder))
    return Clms(ClmsOptions(key, url, timeouts, 0.01, 0.05), log)


def _a_file(folder: Path) -> UploadFile:
    path = folder / "a.txt"
    path.write_bytes(b"hello")
    return UploadFile("a.txt", path, 5)
