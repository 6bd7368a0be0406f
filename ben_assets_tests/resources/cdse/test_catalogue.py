"""The catalogue answers with one product, or the step ends with a named error."""

import json

import pytest

from ben_assets.bigearthnet.errors import (
    ChangedUpstream,
    InvalidInput,
    ProductGone,
    ProductOffline,
    QuotaExceeded,
    ServiceUnavailable,
)
from ben_assets.testing.cdse_faults import Fault
from ben_assets_tests.resources.conftest import NOTICES_SILENCE, times_of
from ben_assets_tests.support.zip_products import NAME, write_product
from resources.cdse.catalogue import _parsed

NEWER = NAME.replace("N0205", "N0500")


def test_a_product_is_found_by_its_exact_name(desk, server) -> None:
    product = server.product(NAME)
    entry = desk().cdse.find(NAME)
    assert entry.as_stored() == {
        "id": product.id,
        "name": f"{NAME}.SAFE",
        "size": product.size,
        "checksums": {one["Algorithm"]: one["Value"] for one in product.checksums},
        "online": True,
        "published": "2024-07-09T08:44:52.873Z",
        "modified": "2024-07-09T08:45:31.989123Z",
        "s3_path": f"/eodata/{product.s3_prefix}",
    }
    assert server.seen.requests == {"catalogue": 1}
    assert not server.seen.authorizations["catalogue"]


def test_a_name_without_a_hit_is_gone(desk) -> None:
    with pytest.raises(ProductGone, match=r"no product named .*check the spelling"):
        desk().cdse.find(NAME.replace("33UUP", "33UUQ"))


def test_a_row_of_another_name_is_not_taken(desk, server) -> None:
    """As from a service that compares names loosely."""
    row = server.product(NAME).row() | {"Name": f"{NEWER}.SAFE"}
    server.script.add("catalogue", Fault(body=json.dumps({"value": [row]}).encode()))
    with pytest.raises(ProductGone, match="no product named"):
        desk().cdse.find(NAME)


def test_a_deleted_product_says_when_and_why(desk, server) -> None:
    server.products.clear()
    server.deleted.append(
        {
            "Id": "1",
            "Name": f"{NAME}.SAFE",
            "DeletionDate": "2024-01-02T03:04:05.000Z",
            "DeletionCause": "Duplicated product",
        }
    )
    with pytest.raises(ProductGone, match=r"2024-01-02.*\(Duplicated product\)"):
        desk().cdse.find(NAME)


def test_another_baseline_is_reported_but_not_taken(desk, server, tmp_path) -> None:
    write_product(tmp_path / "newer", NEWER)
    server.products[:] = [
        type(server.products[0]).of_zip(tmp_path / "newer" / f"{NEWER}.zip")
    ]
    with pytest.raises(
        ProductGone, match=f"another baseline, {NEWER}.SAFE, which is never"
    ):
        desk().cdse.find(NAME)


def test_two_products_of_one_name_are_no_choice(desk, server) -> None:
    server.products.append(server.products[0])
    with pytest.raises(ChangedUpstream, match="2 products named"):
        desk().cdse.find(NAME)


def test_an_offline_product_is_reported_and_not_retried(desk, server) -> None:
    server.product(NAME).online = False
    with pytest.raises(ProductOffline, match="cannot order it"):
        desk().cdse.find(NAME)
    assert server.seen.requests == {"catalogue": 1}


@pytest.mark.parametrize("fault", ["reset", "stall", "html", "503", "500", "429"])
def test_a_passing_fault_of_the_catalogue_is_survived(desk, server, fault) -> None:
    times = times_of(fault, 2)
    server.script.add("catalogue", fault, times=times)
    assert desk(**NOTICES_SILENCE).cdse.find(NAME).name == f"{NAME}.SAFE"
    assert server.seen.requests == {"catalogue": times + 1}


@pytest.mark.parametrize(
    ("fault", "error"), [("503", ServiceUnavailable), ("429", QuotaExceeded)]
)
def test_patience_with_the_catalogue_ends(desk, server, fault, error) -> None:
    server.script.add("catalogue", fault, times=100)
    with pytest.raises(error, match=r"HTTP .* failed \d+ times? in .* again later"):
        desk().cdse.find(NAME)


def test_a_wrong_address_says_which_setting(desk, server) -> None:
    url = server.environment()["CDSE_CATALOGUE_URL"] + "/nowhere"
    server.script.add("catalogue", Fault(status=404, body=b"{}"))
    with pytest.raises(InvalidInput, match="check CDSE_CATALOGUE_URL"):
        desk(CDSE_CATALOGUE_URL=url).cdse.find(NAME)


def test_an_answer_without_a_list_is_no_answer(desk, server) -> None:
    body = json.dumps({"value": "none"}).encode()
    server.script.add("catalogue", Fault(body=body))
    assert desk().cdse.find(NAME).name == f"{NAME}.SAFE"


@pytest.mark.parametrize(
    "change",
    [
        {"Checksum": []},
        {"Checksum": None, "ContentLength": 0, "S3Path": None},
        {"Checksum": [{"Value": None, "Algorithm": "MD5"}], "ContentLength": None},
    ],
    ids=["no checksum", "nothing", "empty checksum"],
)
def test_what_the_catalogue_leaves_out_is_no_error(change) -> None:
    row = {"Id": "a-1", "Name": "x.SAFE", "ContentLength": 5, "Online": True}
    assert _parsed({**row, **change}).checksums == {}


def test_checksums_are_known_by_algorithm_not_by_place() -> None:
    rows = [
        {"Value": "BB", "Algorithm": "BLAKE3"},
        {"Value": "Aa", "Algorithm": "md5"},
    ]
    entry = _parsed({"Id": "a-1", "Name": "x.SAFE", "Checksum": rows})
    assert entry.checksums == {"BLAKE3": "bb", "MD5": "aa"}


@pytest.mark.parametrize("product_id", ["", "a/b", "..", "1?x", "1'", "\u0661"])
def test_an_id_that_an_address_cannot_hold_is_refused(product_id) -> None:
    assert _parsed({"Id": "a-1", "Name": NAME}).id == "a-1"
    with pytest.raises(ServiceUnavailable, match=r"the catalogue gives .* as an id"):
        _parsed({"Id": product_id, "Name": NAME})
