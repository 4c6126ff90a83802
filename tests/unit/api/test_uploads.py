"""What `POST uploads` takes, and what it refuses before it signs anything."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.api.errors import ApiError
from shared.api.options import MAX_BODY_BYTES
from shared.api.uploads import MAX_PUT_BLOB_BYTES, MAX_UPLOADS_PER_MINUTE, Uploads
from shared.names import VIDEO_ENDINGS
from shared.services.storage.links import Link
from shared.settings import read_settings
from tests.support.settings import MINIMAL_SETTINGS

VIDEO: dict[str, Any] = {"name": "cats/tom.mp4", "bytes": 1000}


def uploads(*, existing: str = "", **settings: Any) -> Uploads:
    """Uploads over services that sign everything, and know of one blob."""

    async def etag(_: str, name: str) -> str | None:
        return "0x1" if name == existing else None

    async def upload(container: str, name: str, *, overwrite: bool, minutes: int) -> Link:
        return Link(
            url=f"https://{container}/{name}?{overwrite}&{minutes}", expires_at=datetime(2026, 11, 21, tzinfo=UTC)
        )

    services: Any = SimpleNamespace(
        settings=replace(read_settings(MINIMAL_SETTINGS), **settings),
        rest=SimpleNamespace(etag=etag),
        links=SimpleNamespace(upload=upload),
    )
    return Uploads(services)


async def created(body: object, **settings: Any) -> Any:
    """The body of the response."""
    return json.loads((await uploads(**settings).create(json.dumps(body).encode(), {})).body)


async def refusal(body: object, *, headers: dict[str, str] | None = None, **settings: Any) -> tuple[str, str]:
    """Code and message of the error."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(ApiError) as caught:
        await uploads(**settings).create(sent, headers or {})
    return caught.value.code, caught.value.message


async def test_upload_gets_a_link_and_the_headers_to_send() -> None:
    body = VIDEO | {"options": {"width": 320, "preset": "small", "fps": "12.5"}}
    assert await created(body) == {
        "video": "cats/tom.mp4",
        "url": "https://videos/cats/tom.mp4?False&15",
        "method": "PUT",
        "headers": {
            "x-ms-blob-type": "BlockBlob",
            "content-type": "video/mp4",
            "if-none-match": "*",
            "x-ms-meta-gif_preset": "small",
            "x-ms-meta-gif_width": "320",
            "x-ms-meta-gif_fps": "12.5",
        },
        "max_bytes": MAX_PUT_BLOB_BYTES,
        "expires_at": "2026-11-21T00:00:00.000Z",
        "status": "/api/status/cats/tom.mp4",
    }


async def test_video_of_the_same_name_is_overwritten_only_on_request() -> None:
    assert (await refusal(VIDEO, existing="cats/tom.mp4"))[0] == "NameTaken"
    response = await created(VIDEO | {"overwrite": True}, existing="cats/tom.mp4")
    assert response["url"].endswith("?True&15")
    assert "if-none-match" not in response["headers"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[",
        b"[" * 9999,
        [],
        "x",
        {},
        {"name": "a.mp4"},
        VIDEO | {"name": 1},
        VIDEO | {"bytes": 0},
        VIDEO | {"bytes": -1},
        VIDEO | {"bytes": 1.5},
        VIDEO | {"bytes": True},
        VIDEO | {"bytes": "1000"},
        VIDEO | {"overwrite": 1},
        VIDEO | {"container": "gifs"},
        VIDEO | {"name": "x" * MAX_BODY_BYTES},
    ],
)
async def test_body_of_another_form_is_refused(body: object) -> None:
    assert (await refusal(body))[0] == "InvalidBody"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a.avi",
        "a.mp4/",
        "../a.mp4",
        "a/../b.mp4",
        "a\nb.mp4",
        "a\x7f.mp4",
        "\ud800.mp4",
        ".mp4",
        "a/.mp4",
        "x" * 1024 + ".mp4",
    ],
)
async def test_name_that_is_no_videos_is_refused(name: str) -> None:
    assert (await refusal(VIDEO | {"name": name}))[0] == "InvalidName"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 5}, "width must be a whole number from 16 to 1920."),
        ({"widht": 320}, "There is no option 'widht'. Did you mean width?"),
        ({"author": "x"}, "There is no option 'author'."),
        ({"width": None}, "The value of an option must be a text, a number, or a list of texts."),
        ({"width": {"a": 1}}, "The value of an option must be a text, a number, or a list of texts."),
        ({"preset": "best\r\nx-ms-copy-source: x"}, "The value of an option has at most 100 characters of ASCII."),
        ({"preset": "x" * 101}, "The value of an option has at most 100 characters of ASCII."),
        ([], "options must be an object."),
    ],
)
async def test_option_that_is_not_valid_is_refused_before_the_upload(options: object, message: str) -> None:
    assert await refusal(VIDEO | {"options": options}) == ("InvalidOption", message)


async def test_video_above_the_limit_is_refused_before_the_upload() -> None:
    assert await refusal(VIDEO, max_video_bytes=999) == (
        "UploadTooLarge",
        "The video has 1,000 bytes; the limit is 999.",
    )
    assert (await refusal(VIDEO | {"bytes": MAX_PUT_BLOB_BYTES + 1}))[0] == "UploadTooLarge"


async def test_uploads_can_be_switched_off_and_need_the_operators_key() -> None:
    assert (await refusal(VIDEO, uploads="off"))[0] == "UploadsOff"
    digest = sha256(b"key").hexdigest()
    assert (await refusal(VIDEO, operator_sha256=digest))[0] == "OperatorKeyRequired"
    assert (await refusal(VIDEO, operator_sha256=digest, headers={"x-gifdrop-operator-key": "x"}))[0] == (
        "OperatorKeyRequired"
    )


async def test_uploads_are_limited_in_a_minute() -> None:
    some = uploads()
    for _ in range(MAX_UPLOADS_PER_MINUTE):
        await some.create(json.dumps(VIDEO).encode(), {})
    with pytest.raises(ApiError) as caught:
        await some.create(json.dumps(VIDEO).encode(), {})
    assert (caught.value.code, caught.value.status) == ("TooManyUploads", 429)
    assert 0 < int(caught.value.headers["Retry-After"]) <= 60


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(["name", "bytes", "options", "overwrite"], _ANYTHING)))
async def test_body_is_accepted_or_refused_whatever_it_holds(body: dict[str, object]) -> None:
    status = 201
    try:
        await uploads().create(json.dumps(body).encode(), {})
    except ApiError as error:
        status = error.status
    assert status in (201, 400, 413)


@pytest.mark.parametrize("ending", VIDEO_ENDINGS)
async def test_every_kind_of_video_can_be_uploaded(ending: str) -> None:
    response = await created(VIDEO | {"name": f"tom{ending.upper()}"})
    assert response["headers"]["content-type"].startswith("video/")
