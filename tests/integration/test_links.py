"""The links in a video's status, links for people without a key, and the logs of failed tasks."""

import aiohttp
import pytest
from yarl import URL

from tests.support.stack_client import StackClient

VIDEO = "links/tom & jérry #1 100%.mp4"


@pytest.fixture(scope="module", autouse=True)
async def converted(client: StackClient, tiny_video: bytes) -> None:
    """The video has a GIF."""
    await client.drop(VIDEO, tiny_video)
    await client.final_status(VIDEO)


async def test_links_of_a_status_work_with_a_key(client: StackClient) -> None:
    links = (await client.status(VIDEO))[1]["links"]
    assert (links["poster"], links["webp"], links["log"]) == (None, None, None)
    own = await client.request("GET", links["self"].removeprefix("/api/"))
    assert (own.status, own.json()["video"]) == (200, VIDEO)
    gif = await client.request("GET", links["gif"].removeprefix("/api/") + "?via=app")
    assert (gif.status, gif.body[:6]) == (200, b"GIF89a")
    assert gif.headers["Content-Disposition"].startswith('inline; filename="tom & je_rry #1 100_.gif"')


async def test_redirect_names_the_file_for_a_download(client: StackClient) -> None:
    links = (await client.status(VIDEO))[1]["links"]
    response = await client.request("GET", links["gif"].removeprefix("/api/") + "?download=1")
    read = await anonymous("GET", response.headers["Location"], client)
    assert read[0] == 200
    assert read[1]["Content-Disposition"].startswith('attachment; filename="tom & je_rry #1 100_.gif"')


async def test_link_for_somebody_without_a_key_reads_this_gif_and_nothing_else(client: StackClient) -> None:
    links = (await client.status(VIDEO))[1]["links"]
    response = await client.request("GET", links["gif"].removeprefix("/api/").replace("gifs/", "links/", 1))
    url = response.json()["url"]
    assert (await anonymous("GET", url, client))[0] == 200
    assert (await anonymous("PUT", url, client))[0] == 403
    assert (await anonymous("DELETE", url, client))[0] == 403
    assert (await anonymous("GET", url.replace("/gifs/links/", "/videos/links/").replace(".gif?", ".mp4?"), client))[
        0
    ] == 403
    expired = url.replace(quoted_expiry(url), "se=2026-01-01T00%3A00%3A00Z")
    assert expired != url
    assert (await anonymous("GET", expired, client))[0] == 403


async def test_status_is_not_sent_again_if_it_has_not_changed(client: StackClient) -> None:
    path = (await client.status(VIDEO))[1]["links"]["self"].removeprefix("/api/")
    first = await client.request("GET", path)
    assert "Retry-After" not in first.headers
    again = await client.request("GET", path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    head = await client.request("HEAD", path)
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", first.headers["ETag"])


async def test_status_says_when_to_ask_again_until_it_is_final(client: StackClient, tiny_video: bytes) -> None:
    await client.drop("links/later.mp4", tiny_video)
    while (response := await client.request("GET", "status/links/later.mp4")).status == 404:
        pass
    assert response.json()["state"] not in ("queued", "running") or 1 <= int(response.headers["Retry-After"]) <= 10
    await client.final_status("links/later.mp4")


async def test_parts_of_a_list_are_left_out_on_request(client: StackClient) -> None:
    for include, nulls in (("videos", {"summary", "pool"}), ("summary", {"pool"}), ("pool", {"summary"})):
        body = (await client.get("status", include=include))[1]
        assert {name for name in ("videos", "summary", "pool") if body[name] is None} == nulls
    assert (await client.get("status", include="pools"))[1]["code"] == "InvalidInclude"


async def test_list_is_not_sent_again_if_nothing_has_changed(client: StackClient) -> None:
    path = "status?prefix=links/tom"
    first = await client.request("GET", path)
    again = await client.request("GET", path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status == 304


async def test_log_of_a_failed_task_is_returned_without_control_characters(client: StackClient) -> None:
    task = (await client.status(VIDEO))[1]["task"]["task_id"]
    logs = client.storage.get_container_client("logs")
    await logs.upload_blob(f"{task}/stderr.txt", b"x" * 70_000 + b"\x1b[31mred\x07\n\xff end", overwrite=True)
    path = (await client.status(VIDEO))[1]["links"]["self"].removeprefix("/api/").replace("status/", "logs/", 1)
    response = await client.request("GET", path)
    assert (response.status, response.headers["X-Content-Type-Options"]) == (200, "nosniff")
    assert response.headers["Content-Type"].startswith("text/plain")
    text = response.body.decode()
    assert text.startswith("== stderr.txt ==\nxxx")
    assert text.endswith("x[31mred\n� end")
    assert len(text) < 65 * 1024
    assert (await client.request("GET", f"{path}?attempt=2")).json()["code"] == "UnknownLog"
    assert (await client.request("GET", f"{path}?attempt=0")).json()["code"] == "InvalidAttempt"


def quoted_expiry(url: str) -> str:
    """The parameter of a link that says when it expires."""
    return next(part for part in url.partition("?")[2].split("&") if part.startswith("se="))


async def anonymous(method: str, url: str, client: StackClient) -> tuple[int, dict[str, str]]:
    """Status and headers of a request without a token."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=client.tls)) as http,
        http.request(method, URL(url, encoded=True), headers={"x-ms-blob-type": "BlockBlob"}) as response,
    ):
        return response.status, dict(response.headers)
