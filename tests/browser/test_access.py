"""The page's accessibility, themes, window sizes, and paging through many videos."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from shared.conversion import Conversion, Problem
from shared.names import conversion_id
from shared.services.storage.record_format import to_json, to_metadata
from shared.timestamps import utc_now
from tests.browser.axe import serious_violations
from tests.browser.failed_videos import put_failed
from tests.browser.page_session import PageSession, card
from tests.support.stack_client import StackClient

VIDEO_COUNT = 130


@pytest.fixture(scope="module")
async def videos(client: StackClient, video: bytes) -> None:
    """A video that succeeded, one that failed, and one with a long name."""
    await put_failed("seen/notes.mp4", b"no video", client)
    bodies = {
        "seen/tom.mp4": video,
        "seen/" + "a very long name that goes on " * 6 + ".mp4": video,
    }
    await asyncio.gather(*(client.drop(name, body) for name, body in bodies.items()))
    await asyncio.gather(*(client.final_status(name) for name in bodies))


@pytest.fixture(scope="module")
async def many_videos(client: StackClient) -> None:
    """Records of VIDEO_COUNT failed videos."""
    records = client.storage.get_container_client("conversions")

    async def put(number: int) -> None:
        video = f"many/{number:05}.mp4"
        id_ = conversion_id("videos", video, "0x1")
        error = Problem(code="NotAVideo", message="The file is not an MP4 video.")
        conversion = Conversion(
            video=video,
            etag="0x1",
            id=id_,
            state="failed",
            error=error,
            queued_at=utc_now(),
            finished_at=utc_now(),
        )
        await records.upload_blob(video, to_json(conversion), metadata=to_metadata(conversion), overwrite=True)

    for start in range(0, VIDEO_COUNT, 16):
        await asyncio.gather(*(put(number) for number in range(start, min(start + 16, VIDEO_COUNT))))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("window", "width", "height"), [("wide", 1440, 1000), ("phone", 390, 844)])
async def test_page_has_no_serious_axe_violation_and_no_horizontal_overflow(
    session: PageSession, videos: None, screenshots: Path, scheme: Any, window: str, width: int, height: int
) -> None:
    page = await session.open(width=width, height=height, scheme=scheme)
    thumb = card(page, "seen/tom.mp4").locator(".thumb")
    await expect(thumb).to_have_attribute("data-drawn", "seen/tom.gif")
    await expect(page.locator("#health-headline")).to_contain_text("checks")
    await page.screenshot(path=screenshots / f"page-{window}-{scheme}.png")
    assert await serious_violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await thumb.click()
    await expect(page.locator("#detail-gif")).to_have_js_property("naturalWidth", 320)
    await page.screenshot(path=screenshots / f"detail-{window}-{scheme}.png")
    assert await serious_violations(page) == []


async def test_whole_page_is_reachable_by_keyboard(session: PageSession, page: Page, videos: None) -> None:
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the videos")).to_be_focused()
    await page.keyboard.press("Enter")
    while await page.evaluate("document.activeElement.id") != "search":
        await page.keyboard.press("Tab")
    await page.keyboard.type("seen/")
    await expect(page.locator("li.card")).to_have_count(3)
    await expect(page.get_by_role("button", name="Try again: seen/notes.mp4")).to_be_visible()
    reached = []
    for _ in range(12):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate("document.activeElement.ariaLabel || document.activeElement.id"))
    assert {"sort", "Watch seen/tom.gif", "Try again: seen/notes.mp4"} <= set(reached)
    await page.get_by_role("button", name="Watch seen/tom.gif").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="seen/tom.mp4")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Try again: seen/notes.mp4").focus()
    await page.keyboard.press("Space")
    await expect(page.locator("#announcements")).to_contain_text("seen/notes.mp4")


async def test_focus_stays_while_the_page_updates(client: StackClient, page: Page, videos: None, video: bytes) -> None:
    thumb = page.get_by_role("button", name="Watch seen/tom.gif")
    await thumb.focus()
    await client.drop("later/new.mp4", video)
    await expect(card(page, "later/new.mp4")).to_have_attribute("data-state", "succeeded")
    await expect(thumb).to_be_focused()


async def test_nothing_is_animated_with_reduced_motion(session: PageSession, videos: None) -> None:
    page = await session.open(reduced_motion=True)
    thumb = page.get_by_role("button", name="Watch seen/tom.gif")
    await thumb.hover()
    await expect(thumb).to_have_attribute("data-drawn", "seen/tom.gif")
    assert await thumb.locator("img").is_hidden()
    assert await page.evaluate("document.getAnimations().length") == 0


async def test_videos_by_name_are_paged(page: Page, many_videos: None) -> None:
    await page.get_by_label("Order").select_option("name")
    await page.get_by_label("Search names").fill("many/")
    names = page.locator("li.card .file")
    seen: list[str] = []
    for number in range(3):
        await expect(names.first).to_have_text(f"{number * 60:05}.mp4")
        seen += await names.all_text_contents()
        if number < 2:
            await page.get_by_role("button", name="Next page").click()
    assert seen == [f"{number:05}.mp4" for number in range(VIDEO_COUNT)]
    await expect(page.get_by_role("button", name="Next page")).to_be_hidden()
    await page.get_by_role("button", name="Previous page").click()
    await expect(names.first).to_have_text("00060.mp4")


async def test_show_more_extends_the_newest_videos(page: Page, many_videos: None) -> None:
    await page.get_by_label("Search names").fill("many/")
    await expect(page.locator("li.card")).to_have_count(60)
    await page.get_by_role("button", name="Show more").click()
    await expect(page.locator("li.card")).to_have_count(VIDEO_COUNT)
    await expect(page.get_by_role("button", name="Show more")).to_be_hidden()
