"""The page of 10,000 videos: what it asks for, and whether it scrolls without jumps."""

import json
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.many_videos import many
from tests.browser.page_session import PageSession

TOTAL = 10_000


@pytest.fixture
async def page(session: PageSession) -> Page:
    """The page, which gets its list from the test."""
    page = await session.open(address="about:blank")

    async def respond(route: Route) -> None:
        limit = int(parse_qs(urlsplit(route.request.url).query).get("limit", ["100"])[0])
        await route.fulfill(json=many(TOTAL, limit))

    await page.route("**/api/status?*", respond)
    await page.route("**/api/status/**", lambda route: route.abort())
    await page.route("**/api/gifs/**", lambda route: route.abort())
    await page.goto(session.endpoints["dashboard"])
    await expect(page.locator("li.card").first).to_be_visible()
    return page


async def test_first_cards_are_painted_and_requests_are_few(session: PageSession, page: Page) -> None:
    sent: Counter[str] = Counter()
    page.on("request", lambda request: sent.update([urlsplit(request.url).path.split("/")[2]]))
    await expect(page.locator("li.card")).to_have_count(60)
    await page.wait_for_timeout(5000)
    print(json.dumps({"requests in 5 s": dict(sent)}))
    # The list every 2 s and up to 8 waiting videos in view every second; no thumbnail twice.
    assert sent["status"] <= 4 + 8 * 6
    assert sent["gifs"] <= 60 * 2
    await leave(session, page)


async def test_thousand_cards_scroll_without_jumps(session: PageSession, page: Page) -> None:
    for _ in range(2):
        await page.get_by_role("button", name="Show more").click()
    await expect(page.locator("li.card")).to_have_count(1000)
    before = await page.evaluate("document.documentElement.scrollHeight")
    for part in (0.25, 0.5, 0.75, 1):
        await page.evaluate("part => scrollTo(0, document.documentElement.scrollHeight * part)", part)
        await page.wait_for_timeout(150)
    after = await page.evaluate("document.documentElement.scrollHeight")
    # Cards that have never been painted had the height that they turned out to have.
    assert abs(after - before) <= before * 0.01
    await leave(session, page)


async def test_waiting_videos_say_their_place_in_line(session: PageSession, page: Page) -> None:
    waiting = page.locator("li.card[data-state=queued] .facts")
    await expect(waiting.first).to_contain_text("2,000th of 2,000 in line")
    await expect(waiting.nth(1)).to_contain_text("1,999th of 2,000 in line")
    await leave(session, page)


async def leave(session: PageSession, page: Page) -> None:
    """End the page first: it goes on sending, and the browser logs what the test refuses."""
    await page.close()
    session.problems.clear()
