"""Where secrets may go, and where they never show."""

import pytest

from ben_assets.bigearthnet.errors import AccessRefused
from resources.cdse.access import Access, Account, S3Keys
from resources.transfers.transport import Request, shown

SECRETS = ("hunter2", "JBSWY3DPEHPK3PXP", "s3-secret", "bearer-token")


@pytest.fixture
def access(tmp_path):
    return Access(
        tmp_path,
        account=Account("user", *SECRETS[:2]),
        s3_keys=S3Keys("s3-key", SECRETS[2]),
    )


def test_secrets_are_redacted(access):
    text = access.without_secrets(f"said {' '.join(SECRETS)}", SECRETS[3])
    assert text == "said *** *** *** ***"


def test_secrets_are_in_no_representation(access):
    request = Request("https://x.example", token=SECRETS[3], form=SECRETS[0].encode())
    text = f"{access!r} {request!r}"
    assert [secret for secret in SECRETS if secret in text] == []


def test_addresses_are_shown_without_user_and_query():
    address = "https://user:hunter2@x.example:8443/odata?token=hunter2#hunter2"
    assert shown(address) == "https://x.example:8443/odata"


@pytest.mark.parametrize(
    "url",
    [
        "https://download.dataspace.copernicus.eu/odata/v1",
        "https://zipper.dataspace.copernicus.eu/odata/v1",
    ],
)
def test_the_services_own_hosts_may_see_a_token(access, url):
    access.require_allowed(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://download.dataspace.copernicus.eu/odata", "expected https"),
        ("https://dataspace.copernicus.eu.evil.example/", "not allowed to see"),
        ("https://catalogue.dataspace.copernicus.eu@evil.example/", "not allowed"),
        ("ftp://download.dataspace.copernicus.eu/", "expected https"),
        ("http://127.0.0.1:8080/", "not allowed to see"),
    ],
)
def test_other_hosts_and_plain_http_are_refused(access, url, reason):
    with pytest.raises(AccessRefused, match=reason):
        access.require_allowed(url)
