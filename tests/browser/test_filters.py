"""Search, filters in the address, the keyboard, and many videos selected at once."""

import asyncio
import io
import re
import zipfile
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.page_session import PageSession, card
from tests.support.stack_client import StackClient


@pytest.fixture(scope="module")
async def videos(client: StackClient, video: bytes) -> None:
    """Three videos that succeed, and one that fails."""
    bodies = {f"sought/Tabby Cat {number}.mp4": video for number in (1, 2, 3)} | {"sought/dog.mp4": b""}
    await client.drop_all(bodies)
    await client.final_statuses(*bodies)


@pytest.fixture
async def page(page: Page, videos: None) -> Page:
    await expect(card(page, "sought/dog.mp4")).to_be_visible()
    return page


async def test_search_finds_text_inside_names_in_any_case(page: Page) -> None:
    await page.keyboard.press("/")
    await expect(page.get_by_label("Search names")).to_be_focused()
    await page.keyboard.type("tABBY")
    await expect(page.locator("li.card")).to_have_count(3)
    await expect(page.locator("#found")).to_have_text("3 names contain “tABBY”.")
    assert page.url.endswith("#search=tABBY")


async def test_address_restores_search_state_and_order(session: PageSession, page: Page) -> None:
    await page.get_by_label("Search names").fill("sought/")
    await page.get_by_label("Order").select_option("name")
    await page.get_by_role("button", name="Done").click()
    await expect(page.locator("li.card")).to_have_count(3)
    assert page.url.endswith("#state=succeeded&search=sought%2F&sort=name")
    await page.reload()
    await expect(page.locator("li.card")).to_have_count(3)
    await expect(page.get_by_label("Search names")).to_have_value("sought/")
    await expect(page.get_by_label("Order")).to_have_value("name")
    await expect(page.get_by_role("button", name="Done")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#found")).to_have_text("All names that begin with “sought/”.")


async def test_arrow_keys_move_between_cards(page: Page) -> None:
    await page.get_by_label("Search names").fill("sought/Tabby")
    await page.get_by_label("Order").select_option("name")
    await expect(page.locator("li.card")).to_have_count(3)
    focused = "document.activeElement.closest('.card')?.querySelector('h3').title"
    await card(page, "sought/Tabby Cat 1.mp4").locator(".thumb").focus()
    await page.keyboard.press("ArrowRight")
    assert await page.evaluate(focused) == "sought/Tabby Cat 2.mp4"
    await page.keyboard.press("End")
    assert await page.evaluate(focused) == "sought/Tabby Cat 3.mp4"
    await page.keyboard.press("Home")
    assert await page.evaluate(focused) == "sought/Tabby Cat 1.mp4"
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="sought/Tabby Cat 1.mp4")).to_be_visible()


async def test_selected_gifs_are_saved_as_one_zip(client: StackClient, page: Page) -> None:
    for number in (1, 2):
        await page.get_by_label(f"Select sought/Tabby Cat {number}.mp4").check(force=True)
    await expect(page.locator("#selection-count")).to_have_text("2 selected")
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="Save GIFs as ZIP").click()
    body = await asyncio.to_thread(Path(await (await waiting.value).path()).read_bytes)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["sought/Tabby Cat 1.gif", "sought/Tabby Cat 2.gif"]
        assert archive.read("sought/Tabby Cat 1.gif") == await client.gif("sought/Tabby Cat 1.gif")


async def test_selected_videos_are_deleted_together(client: StackClient, page: Page) -> None:
    names = ["sought/x 1.mp4", "sought/x 2.mp4"]
    await client.drop_all(dict.fromkeys(names, b""))
    for name in names:
        await page.get_by_label(f"Select {name}").check(force=True)
    await page.locator("#selection").get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete 2 videos with what was made of them?")
    await dialog.get_by_role("button", name="Delete").click()
    await expect(page.locator("#toasts")).to_contain_text("2 videos are deleted.")
    for name in names:
        await expect(card(page, name)).to_have_count(0)
    await expect(page.locator("#selection")).to_be_hidden()


async def test_operator_sees_the_figures_of_the_last_day(page: Page) -> None:
    panel = page.locator("#stats-panel")
    await expect(panel).to_contain_text("95 % within")
    await expect(panel.locator(".bars")).to_contain_text("EmptyFile")
    chart = page.get_by_role("img", name=re.compile("maximum since this page was opened"))
    await expect(chart.locator("text.videos").first).to_be_visible()
    await expect(chart.locator("text.machines").first).to_be_visible()
