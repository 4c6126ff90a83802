"""Uploads from the page: dropped, pasted and picked files, and what can go wrong with them."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.browser.dragging import drop_files, paste_file
from tests.browser.page_session import PageSession, card
from tests.support.stack_client import StackClient

MARKUP = '<img src=x onerror="document.title=1">.mp4'


@pytest.fixture
async def page(page: Page) -> Page:
    await expect(page.locator("#connection")).to_have_text("Live")
    return page


def upload(page: Page, name: str) -> Locator:
    """The card of an upload."""
    return page.locator("li.upload").filter(has=page.get_by_title(name, exact=True))


async def test_dropped_file_becomes_a_gif_and_the_page_stays(page: Page, video: bytes, tmp_path: Path) -> None:
    path = tmp_path / "dropped.mp4"
    await asyncio.to_thread(path.write_bytes, video)
    address = page.url
    await drop_files(page, [path])
    mine = card(page, "dropped.mp4")
    await expect(mine).to_have_attribute("data-state", "succeeded")
    await expect(mine.locator(".thumb")).to_have_attribute("data-drawn", "dropped.gif")
    await expect(upload(page, "dropped.mp4")).to_have_count(0)
    assert page.url == address


async def test_pasted_file_is_uploaded_with_the_options_of_the_form(
    client: StackClient, page: Page, video: bytes
) -> None:
    await page.get_by_text("Options for the next uploads").click()
    await page.get_by_label("Width, pixels").first.fill("64")
    await page.get_by_label("Poster beside it").first.check()
    await page.get_by_label("WebP beside it").first.check()
    await paste_file(page, "pasted.mp4", video)
    await expect(card(page, "pasted.mp4")).to_have_attribute("data-state", "succeeded")
    status = await client.final_status("pasted.mp4")
    assert status["gif"]["width"] == 64
    assert [extra["kind"] for extra in status["gif"]["also"]] == ["poster", "webp"]


async def test_option_out_of_bounds_stops_the_upload_before_it_begins(page: Page, video: bytes) -> None:
    await page.get_by_text("Options for the next uploads").click()
    await page.get_by_label("Width, pixels").first.fill("5")
    await paste_file(page, "bounds.mp4", video)
    await expect(page.locator("#upload-options :invalid")).to_have_count(1)
    await expect(page.locator("li.upload")).to_have_count(0)


async def test_of_two_files_the_one_that_is_no_video_fails_with_a_reason(
    session: PageSession, page: Page, video: bytes, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.mp4", tmp_path / "bad.avi"
    for path in (good, bad):
        await asyncio.to_thread(path.write_bytes, video)
    await drop_files(page, [good, bad])
    failed = upload(page, "bad.avi")
    await expect(failed.locator(".reason")).to_contain_text("must end in")
    await expect(card(page, "good.mp4")).to_have_attribute("data-state", "succeeded")
    await failed.get_by_role("button", name="Try again: bad.avi").click()
    await expect(failed.locator(".state")).to_have_text("Upload failed")
    await failed.get_by_role("button", name="Cancel: bad.avi").click()
    await expect(failed).to_have_count(0)
    session.problems.clear()  # the browser logs the 400


async def test_empty_file_fails_without_a_request(page: Page) -> None:
    await paste_file(page, "empty.mp4", b"")
    await expect(upload(page, "empty.mp4").locator(".reason")).to_have_text("The file is empty.")


async def test_name_that_exists_is_overwritten_only_when_asked_for(
    client: StackClient, session: PageSession, page: Page, video: bytes
) -> None:
    etag = await client.drop("taken.mp4", b"")
    await client.final_status("taken.mp4", etag=etag)
    for _ in range(2):
        await paste_file(page, "taken.mp4", video)
    asked = upload(page, "taken.mp4")
    await expect(asked.get_by_text("There is a video of this name.")).to_have_count(2)
    await asked.first.get_by_role("button", name="Keep both: taken.mp4").click()
    await expect(card(page, "taken 2.mp4")).to_have_attribute("data-state", "succeeded")
    await asked.get_by_role("button", name="Overwrite: taken.mp4").click()
    await expect(card(page, "taken.mp4")).to_have_attribute("data-state", "succeeded")
    session.problems.clear()  # the browser logs the 409s


async def test_upload_is_paused_continued_and_cancelled(page: Page, video: bytes) -> None:
    released = asyncio.Event()

    async def hold(route: Route) -> None:
        await released.wait()
        await route.continue_()

    await page.route(re.compile(r"/videos/held%20\d\.mp4\?"), hold)
    for name in ("held 1.mp4", "held 2.mp4"):
        await paste_file(page, name, video)
    first, second = upload(page, "held 1.mp4"), upload(page, "held 2.mp4")
    await expect(first.locator(".state")).to_have_text("Uploading")
    await first.get_by_role("button", name="Pause").click()
    await expect(first.locator(".state")).to_have_text("Paused")
    await second.get_by_role("button", name="Cancel").click()
    await expect(second).to_have_count(0)
    released.set()
    await first.get_by_role("button", name="Continue").click()
    await expect(card(page, "held 1.mp4")).to_have_attribute("data-state", "succeeded")
    await expect(card(page, "held 2.mp4")).to_have_count(0)


async def test_upload_that_storage_refuses_can_be_tried_again(session: PageSession, page: Page, video: bytes) -> None:
    refused: list[str] = []

    async def refuse_once(route: Route) -> None:
        if route.request.method != "PUT" or refused:
            await route.continue_()
        else:
            refused.append(route.request.url)
            await route.fulfill(status=403, headers={"access-control-allow-origin": "*"})

    await page.route(re.compile(r"/videos/expired\.mp4\?"), refuse_once)
    await paste_file(page, "expired.mp4", video)
    mine = upload(page, "expired.mp4")
    await expect(mine.locator(".reason")).to_have_text("The link to storage has expired.")
    await mine.get_by_role("button", name="Try again").click()
    await expect(card(page, "expired.mp4")).to_have_attribute("data-state", "succeeded")
    session.problems.clear()  # the browser logs the 403


async def test_markup_in_the_name_of_an_upload_is_shown_as_text(page: Page, video: bytes) -> None:
    await paste_file(page, MARKUP, b"")
    mine = upload(page, MARKUP)
    assert await mine.locator("h3").inner_text() == MARKUP
    assert await page.locator(".upload h3 img").count() == 0
    await paste_file(page, MARKUP, video)
    await expect(card(page, MARKUP)).to_have_attribute("data-state", "succeeded")
    assert await page.title() != "1"


async def test_upload_asks_for_the_operators_key_where_it_is_needed(
    session: PageSession, page: Page, video: bytes
) -> None:
    async def check_key(route: Route) -> None:
        if route.request.headers.get("x-gifdrop-operator-key") == "right":
            await route.continue_()
        else:
            body = {"code": "OperatorKeyRequired", "detail": "Only an operator can upload videos."}
            await route.fulfill(status=403, json=body)

    await page.route("**/api/uploads", check_key)
    for name in ("keyed 1.mp4", "keyed 2.mp4"):
        await paste_file(page, name, video)
    dialog = page.get_by_role("dialog", name="Operator's key")
    await dialog.get_by_label("Key").fill("right")
    await dialog.get_by_role("button", name="Open").click()
    for name in ("keyed 1.mp4", "keyed 2.mp4"):
        await expect(card(page, name)).to_have_attribute("data-state", "succeeded")
    session.problems.clear()  # the browser logs the 403s
