"""The page before there is any video: it invites to upload one."""

import re

from playwright.async_api import Page, Route, expect

from tests.browser.axe import serious_violations
from tests.browser.many_videos import many
from tests.browser.page_session import PageSession, card

LIST = re.compile(r"/api/status\?")


async def test_empty_page_offers_a_sample_and_a_command(session: PageSession) -> None:
    page = await session.open(address="about:blank")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.route(LIST, lambda route: route.fulfill(json=many(0, 0)))
    await page.goto(session.endpoints["dashboard"])
    sample = page.get_by_role("button", name="Try a sample")
    await expect(sample).to_be_visible()
    await expect(page.locator("#states")).to_be_hidden()
    assert await serious_violations(page) == []
    await page.get_by_role("button", name="Copy the command").click()
    await expect(page.locator("#toasts")).to_contain_text("Command copied.")
    assert await page.evaluate("navigator.clipboard.readText()") == "gifdrop drop video.mp4"
    await page.unroute(LIST)
    await sample.click()
    mine = card(page, "sample.mp4")
    await expect(mine).to_have_attribute("data-state", "succeeded")
    await expect(sample).to_be_hidden()


async def test_skeletons_are_shown_until_the_list_is_there(session: PageSession) -> None:
    page = await session.open(address="about:blank")
    held: list[Route] = []
    await page.route(LIST, lambda route: held.append(route))  # noqa: PLW0108  # Playwright takes no built-in
    await page.goto(session.endpoints["dashboard"])
    await expect(page.locator("#skeletons")).to_be_visible()
    assert await serious_violations(page) == []
    await page.unroute(LIST)
    for route in held:
        await route.continue_()
    await expect(page.locator("#skeletons")).to_have_count(0)


async def test_phone_shows_health_first_and_the_videos_on_its_first_screen(session: PageSession) -> None:
    page: Page = await session.open(address="about:blank", width=390, height=844)
    await page.route(LIST, lambda route: route.fulfill(json=many(10_000, 60)))
    await page.route(re.compile("/api/(status|gifs)/"), lambda route: route.abort())
    await page.goto(session.endpoints["dashboard"])
    first = page.locator("li.card").first
    await expect(first).to_be_visible()
    for selector, limit in (("#health-panel", 150), ("li.card", 600)):
        box = await page.locator(selector).first.bounding_box()
        assert box
        assert box["y"] < limit
    await page.close()
    session.problems.clear()  # the browser logs what the test refuses
