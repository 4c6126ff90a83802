"""Links to blobs of a storage account."""

import pytest

from shared.services.storage.links import account_name


@pytest.mark.parametrize(
    "url", ["https://gifdrop.blob.core.windows.net", "https://127.0.0.1:10000/gifdrop", "https://gifdrop.z1.blob.net"]
)
def test_account_name_is_found_in_the_blob_endpoint(url: str) -> None:
    assert account_name(url) == "gifdrop"
