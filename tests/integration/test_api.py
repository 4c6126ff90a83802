"""The rest of the API: GIFs, retries, health and the contract, asked as their callers do."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from local.stack import Stack
from tests.integration.kit import Person


@pytest.fixture(scope="module")
async def tom(person: Person, video: bytes) -> str:
    """A GIF whose name needs care, by its address below /api."""
    await person.drop("api/tom & jérry 100%.mp4", video)
    await person.ended("api/tom & jérry 100%.mp4")
    return f"{person.endpoints['functions']}/api/gifs/{quote('api/tom & jérry 100%.gif')}"


async def fetch(
    person: Person, url: str, *, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    key = {"x-functions-key": person.endpoints["function_key"]}
    async with person.http.request(method, url, headers=key | (headers or {}), allow_redirects=False) as response:
        return response.status, await response.read(), {k.lower(): v for k, v in response.headers.items()}


async def test_a_gif_is_a_redirect_to_a_link_that_needs_no_key(person: Person, tom: str) -> None:
    status, body, headers = await fetch(person, tom)
    assert (status, body, headers["cache-control"]) == (302, b"", "no-store")
    link = headers["location"]
    assert link.startswith(person.endpoints["storage"])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=person.tls)) as stranger:
        async with stranger.get(_url(link), headers={"Range": "bytes=0-5"}) as response:
            assert (response.status, await response.read()) == (206, b"GIF89a")
            assert response.headers["Content-Type"] == "image/gif"
        async with stranger.delete(_url(link)) as response:
            assert response.status == 403
        async with stranger.get(_url(link.replace("api/tom", "api/other"))) as response:
            assert response.status == 403


async def test_a_gif_comes_through_the_app_whole_or_in_parts(person: Person, tom: str) -> None:
    status, whole, headers = await fetch(person, f"{tom}?via=app")
    assert (status, headers["content-type"], headers["accept-ranges"]) == (200, "image/gif", "bytes")
    assert whole == await person.gif("api/tom & jérry 100%.gif")
    size = len(whole)
    status, part, headers = await fetch(person, f"{tom}?via=app", headers={"Range": "bytes=3-9"})
    assert (status, part, headers["content-range"]) == (206, whole[3:10], f"bytes 3-9/{size}")
    status, part, _ = await fetch(person, f"{tom}?via=app", headers={"Range": "bytes=-1"})
    assert (status, part) == (206, b";")
    status, _, headers = await fetch(person, f"{tom}?via=app", headers={"Range": f"bytes={size}-"})
    assert (status, headers["content-range"]) == (416, f"bytes */{size}")


async def test_a_gif_that_is_known_is_not_sent_again(person: Person, tom: str) -> None:
    _, whole, headers = await fetch(person, f"{tom}?via=app")
    etag = headers["etag"]
    status, body, headers = await fetch(person, f"{tom}?via=app", headers={"If-None-Match": f'"other", {etag}'})
    assert (status, body, headers["etag"]) == (304, b"", etag)
    assert (await fetch(person, f"{tom}?via=app", headers={"If-None-Match": '"other"'}))[0] == 200
    stale = {"Range": "bytes=0-1", "If-Range": '"other"'}
    assert (await fetch(person, f"{tom}?via=app", headers=stale))[:2] == (200, whole)
    fresh = {"Range": "bytes=0-1", "If-Range": etag}
    assert (await fetch(person, f"{tom}?via=app", headers=fresh))[:2] == (206, whole[:2])


async def test_a_failed_video_is_tried_again_on_request(person: Person) -> None:
    await person.drop("api/again.mp4", b"still no video")
    assert (await person.ended("api/again.mp4"))["attempt"] == 1
    code, body = await post(person, "retry/api/again.mp4")
    assert (code, body["video"], body["state"], body["attempt"], body["error"]) == (
        200,
        "api/again.mp4",
        "queued",
        2,
        None,
    )
    assert body["task"]["task_id"].endswith("-2")
    ended = await person.ended("api/again.mp4")
    assert (ended["state"], ended["attempt"], ended["error"]["code"]) == ("failed", 2, "NotAVideo")


async def test_all_failed_ones_of_a_kind_are_tried_again(person: Person) -> None:
    names = [f"api/kind/{number}.mp4" for number in range(3)]
    await asyncio.gather(*(person.drop(name, b"") for name in names))
    await asyncio.gather(*(person.ended(name) for name in names))
    code, body = await post(person, "retry?error=EmptyFile")
    assert (code, body["retried"] >= 3) == (200, True)
    assert await post(person, "retry?error=NoSuchError") == (200, {"retried": 0})
    await asyncio.gather(*(person.ended(name) for name in names))


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "retry/unknown.mp4", 404, "UnknownVideo"),
        ("POST", "retry/api/tom%20%26%20j%C3%A9rry%20100%25.mp4", 409, "NotFailed"),
        ("POST", "retry/%01.mp4", 400, "InvalidName"),
        ("POST", "retry?error=a%20b", 400, "InvalidError"),
        ("GET", "gifs/unknown.gif", 404, "UnknownGif"),
        ("GET", "gifs/unknown.gif?via=pigeon", 400, "InvalidVia"),
        ("GET", "gifs/a%01b.gif", 400, "InvalidName"),
        ("GET", "status/a%0Ab.mp4", 400, "InvalidName"),
        ("GET", "status?sort=size", 400, "InvalidSort"),
        ("GET", "status?prefix=%01", 400, "InvalidPrefix"),
        ("GET", "status?sort=newest&cursor=WyJhIixudWxsXQ", 400, "InvalidCursor"),
        ("GET", "dashboard/..%5C..%5Capi.py", 404, "UnknownFile"),
        ("GET", "dashboard/index.html", 404, "UnknownFile"),
    ],
)
async def test_what_cannot_be_done_is_refused_by_code(
    person: Person, tom: str, method: str, path: str, status: int, code: str
) -> None:
    url = f"{person.endpoints['functions']}/api/{path}"
    async with person.http.request(
        method, _url(url), headers={"x-functions-key": person.endpoints["function_key"]}
    ) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "status"),
        ("GET", "gifs/a.gif"),
        ("POST", "retry/a.mp4"),
        ("POST", "retry"),
        ("GET", "health"),
        ("GET", "openapi.json"),
        ("GET", "dashboard"),
        ("GET", "dashboard?code=wrong"),
    ],
)
async def test_without_the_right_key_there_is_nothing(person: Person, method: str, path: str) -> None:
    for headers in ({}, {"x-functions-key": "wrong"}):
        url = f"{person.endpoints['functions']}/api/{path}"
        async with person.http.request(method, url, headers=headers) as response:
            assert (response.status, await response.read()) == (401, b"")


async def test_a_healthy_stack_says_so(person: Person) -> None:
    code, body = await person.get("health")
    troubles = [check for check in body["checks"] if not check["ok"]]
    assert (code, body["ok"], troubles) == (200, True, [])
    assert {"settings", "events", "dead letters", "pool", "autoscale", "package", "jobs", "links"} <= {
        check["name"] for check in body["checks"]
    }


async def health_with(stack: Stack, **changed: str) -> tuple[int, dict[str, Any]]:
    """Status and checks by name of an app that has these settings instead of the right ones."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.integration.check_health"),
        env={**os.environ, **stack.env, **changed},
        stdout=PIPE,
        stderr=DEVNULL,
    )
    said = json.loads((await process.communicate())[0])
    return said["status"], {check["name"]: check for check in said["body"]["checks"]}


@pytest.mark.parametrize(
    ("variable", "value", "check", "words"),
    [
        ("GIFDROP_POOL_ID", "elsewhere", "pool", "GIFDROP_POOL_ID"),
        ("GIFDROP_POOL_ID", "no pool's id", "settings", "Put the app settings right"),
        ("GIFDROP_PACKAGE_VERSION", "000000000000", "package", "GIFDROP_PACKAGE_VERSION"),
        ("GIFDROP_PACKAGE_ID", "nothing", "package", "Upload the converter's package"),
        ("GIFDROP_LOGS_CONTAINER", "attic", "container attic", "Make the container 'attic'"),
        ("GIFDROP_BATCH_URL", "https://127.0.0.1:9", "pool", "address in the settings"),
        ("AZURE_CLIENT_ID", "00000000-0000-0000-0000-0000000000ff", "identity", "AZURE_CLIENT_ID"),
    ],
)
async def test_what_is_wrong_is_named_with_what_to_do(
    stack: Stack, variable: str, value: str, check: str, words: str
) -> None:
    status, checks = await health_with(stack, **{variable: value})
    assert status == 503
    assert not checks[check]["ok"]
    assert words in checks[check]["what_to_do"]


async def test_a_dead_letter_waits_to_be_looked_at(stack: Stack, person: Person) -> None:
    letter = person.storage.get_blob_client("deadletters", "given-up.json")
    await letter.upload_blob(b"[]", overwrite=True)
    try:
        status, checks = await health_with(stack)
    finally:
        await letter.delete_blob()
    assert (status, checks["dead letters"]["ok"]) == (503, False)
    assert "1 events were given up" in checks["dead letters"]["message"]


async def test_the_contract_is_served(person: Person) -> None:
    code, body = await person.get("openapi.json")
    assert (code, body["openapi"]) == (200, "3.1.0")
    assert "/status/{video}" in body["paths"]


async def post(person: Person, path: str) -> tuple[int, Any]:
    url = f"{person.endpoints['functions']}/api/{path}"
    status, body, _ = await fetch(person, url, method="POST")
    return status, json.loads(body)


def _url(text: str) -> URL:
    """The address as it is, not tidied by the client."""
    return URL(text, encoded=True)
