"""The page while Batch is silent, or the whole app is gone: it shows what it has, dimmed, and says how old that is."""

import re

import pytest
from playwright.async_api import Page, expect

from local.stack import Stack
from tests.browser.page_session import PageSession, card
from tests.support.stack_client import StackClient
from tests.support.waiting import wait_until_async

OLD = re.compile(r"\bold\b")
LAST_UPDATED = re.compile(r"Last updated \d+ s ago")

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(autouse=True)
async def video_shown(client: StackClient, page: Page) -> None:
    """The page shows a video, the pool and health."""
    await client.drop("outages/a.mp4", b"")
    await expect(card(page, "outages/a.mp4")).to_have_attribute("data-state", "failed")
    await expect(page.locator("#pool-headline")).to_contain_text("machine")
    await expect(page.locator("#health-headline")).to_contain_text("checks")


async def test_pool_is_dimmed_and_videos_stay_live_while_batch_is_silent(
    stack: Stack, client: StackClient, session: PageSession, page: Page
) -> None:
    pool = page.locator("#pool-panel")
    with stack.paused("batch"):
        await expect(pool).to_have_class(OLD)
        await expect(pool.locator(".problem")).to_have_text("Batch does not respond within 2 s.")
        await expect(pool.locator(".age")).to_have_text(LAST_UPDATED)
        await expect(page.locator("#pool-headline")).to_contain_text("machine")
        await client.drop("outages/during.mp4", b"")
        await expect(card(page, "outages/during.mp4")).to_have_attribute("data-state", "failed")
        await expect(page.locator("#videos-panel")).not_to_have_class(OLD)
        await expect(page.locator("#connection")).to_have_text("Live")
        fresh = await session.open()
        await expect(card(fresh, "outages/a.mp4")).to_be_visible()
        await expect(fresh.locator("#pool-panel .age")).to_have_text("Not read yet")
        await fresh.close()
    await expect(pool).not_to_have_class(OLD)
    await expect(pool.locator(".problem")).to_be_hidden()
    await wait_for_health(client)
    session.problems.clear()  # the browser logs the 503 of health


async def test_every_panel_is_dimmed_while_the_app_is_gone_and_recovers(
    stack: Stack, client: StackClient, session: PageSession, page: Page
) -> None:
    # Health is read every 30 s; this test does not wait for that.
    await page.clock.install()
    await page.reload()
    await expect(page.locator("#health-headline")).to_contain_text("checks")
    await expect(card(page, "outages/a.mp4")).to_be_visible()
    await expect(page.locator("#pool-headline")).to_contain_text("machine")
    await stack.kill("functions")
    try:
        for _ in range(9):
            await page.clock.run_for(10_000)
        for name in ("videos", "pool", "health"):
            panel = page.locator(f"#{name}-panel")
            await expect(panel).to_have_class(OLD)
            await expect(panel.locator(".age")).to_have_text(re.compile(r"Last updated (\d+ s|\d min) ago"))
        await expect(page.locator("#connection")).to_have_text("Connection lost. Retrying …")
        await expect(card(page, "outages/a.mp4")).to_be_visible()
        await expect(page.locator("#pool-headline")).to_contain_text("machine")
    finally:
        await stack.restart("functions")
    await wait_for_health(client)
    await page.clock.run_for(40_000)
    for name in ("videos", "pool", "health"):
        await expect(page.locator(f"#{name}-panel")).not_to_have_class(OLD)
    await expect(page.locator("#connection")).to_have_text("Live")
    session.problems.clear()  # the browser logs the refused connections


async def wait_for_health(client: StackClient) -> None:
    """Wait until every check is ok again, so that other tests find the stack intact."""

    async def is_ok() -> bool:
        return (await client.get("health"))[0] == 200

    assert await wait_until_async(is_ok, within=90, interval=0.5)
