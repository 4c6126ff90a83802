"""Parsing of Azurite's access log."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.events.access_log import BlobChange, blob_change

Api = Literal["PutBlob", "PutBlockList", "DeleteBlob"]


def line(request: str, *, status: int = 201) -> str:
    return f'127.0.0.1 - - [21/Nov/2026:01:36:16 +0000] "{request} HTTP/1.1" {status} -'


@pytest.mark.parametrize(
    ("request_line", "status", "api", "name"),
    [
        ("PUT /devstoreaccount1/videos/tom.mp4", 201, "PutBlob", "tom.mp4"),
        ("PUT /devstoreaccount1/videos/tom.mp4?timeout=30", 201, "PutBlob", "tom.mp4"),
        ("PUT /devstoreaccount1/videos/a//b/%E2%98%83%20%22x%22.mp4", 202, "PutBlob", 'a//b/☃ "x".mp4'),
        ("PUT /devstoreaccount1/videos/100%2525%20a+b.mp4", 201, "PutBlob", "100%25 a+b.mp4"),
        ('PUT /devstoreaccount1/videos/raw" HTTP/1.1" 404 .mp4', 201, "PutBlob", 'raw" HTTP/1.1" 404 .mp4'),
        ("PUT /devstoreaccount1/videos/a.%2Fb%5Cc.mp4", 201, "PutBlob", "a./b/c.mp4"),
        ("PUT /devstoreaccount1/videos/tom.mp4?comp=blocklist", 201, "PutBlockList", "tom.mp4"),
        ("DELETE /devstoreaccount1/videos/tom.mp4", 202, "DeleteBlob", "tom.mp4"),
    ],
)
def test_blob_change_recognizes_writes_and_deletions(request_line: str, status: int, api: Api, name: str) -> None:
    assert blob_change(line(request_line, status=status)) == BlobChange(container="videos", name=name, api=api)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /devstoreaccount1/videos/tom.mp4", 200),
        ("HEAD /devstoreaccount1/videos/tom.mp4", 200),
        ("PUT /devstoreaccount1/videos/tom.mp4", 412),
        ("PUT /devstoreaccount1/videos/tom.mp4?comp=block&blockid=MQ==", 201),
        ("PUT /devstoreaccount1/videos/tom.mp4?comp=metadata", 200),
        ("PUT /devstoreaccount1/videos/tom.mp4?comp=snapshot", 201),
        ("PUT /devstoreaccount1/videos?restype=container", 201),
        ("DELETE /devstoreaccount1/videos?restype=container", 202),
        ("DELETE /devstoreaccount1/videos/tom.mp4?snapshot=2026-11-21T00:00:00.0Z", 202),
        ("PUT /", 201),
    ],
)
def test_blob_change_is_none_for_other_requests(request_line: str, status: int) -> None:
    assert blob_change(line(request_line, status=status)) is None


@given(st.text())
def test_blob_change_accepts_any_text(text: str) -> None:
    blob_change(text)
    blob_change(line(f"PUT {text}"))
