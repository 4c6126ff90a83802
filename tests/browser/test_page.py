"""The page in a real browser against the local stack."""

import asyncio
import math
import re
from pathlib import Path

from playwright.async_api import Page, Route, expect

from local.stack import Stack
from tests.browser.failed_videos import put_failed
from tests.browser.page_session import PageSession, card
from tests.browser.task_progress import progress_steps
from tests.support.stack_client import StackClient
from tests.support.waiting import wait_until_async


async def test_uploaded_video_appears_shows_progress_and_succeeds(
    stack: Stack, client: StackClient, page: Page, slow_video: bytes
) -> None:
    await expect(page.locator("#connection")).to_have_text("Live")
    etag = await client.drop("page/slow.mp4", slow_video, metadata={"gif_width": "960"})

    async def submitted() -> bool:
        return await client.recorded_etag("page/slow.mp4") == etag

    is_submitted: bool = await wait_until_async(submitted, within=90)
    assert is_submitted
    task = (await client.record("page/slow.mp4"))["task_id"]
    mine = card(page, "page/slow.mp4")
    bar = mine.get_by_role("progressbar", name="Progress of page/slow.mp4")
    seen = []
    async for fraction in progress_steps(stack.layout.directory, task):
        percent = math.floor(fraction * 100 + 0.5)
        await expect(bar).to_have_attribute("aria-valuenow", str(percent))
        seen.append(percent)
    assert len(set(seen)) >= 3
    assert seen == sorted(seen)
    await expect(mine).to_have_attribute("data-state", "succeeded")
    await expect(mine).to_contain_text("6.0 s")
    await expect(page.locator("#announcements")).to_contain_text("page/slow.mp4 is done")


async def test_gif_is_drawn_when_in_view_and_plays_at_full_size(
    client: StackClient, session: PageSession, page: Page, video: bytes
) -> None:
    await client.drop("page/watch me.mp4", video)
    thumb = card(page, "page/watch me.mp4").get_by_role("button", name="Watch page/watch me.gif")
    await expect(thumb).to_have_attribute("data-drawn", "page/watch me.gif")
    assert await thumb.locator("canvas").evaluate("c => [c.width, c.height]") == [320, 180]
    colours = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    assert await thumb.locator("canvas").evaluate(colours) > 10
    await thumb.hover()
    await expect(thumb.locator("img")).to_be_visible()
    await thumb.click()
    detail = page.get_by_role("dialog", name="page/watch me.mp4")
    await expect(detail).to_contain_text("320 × 180")
    image = detail.get_by_role("img")
    await expect(image).to_have_js_property("naturalWidth", 320)
    async with page.expect_download() as waiting:
        await detail.get_by_role("button", name="Download GIF").click()
    saved = await (await waiting.value).path()
    assert (await waiting.value).suggested_filename == "watch me.gif"
    assert await asyncio.to_thread(Path(saved).read_bytes) == await client.gif("page/watch me.gif")
    await page.keyboard.press("Escape")
    await expect(detail).to_be_hidden()
    await expect(thumb).to_be_focused()


async def test_finished_video_shows_its_cost_if_there_is_a_price(client: StackClient, page: Page, video: bytes) -> None:
    await client.drop("page/cheap.mp4", video)
    mine = card(page, "page/cheap.mp4")
    await expect(mine).to_have_attribute("data-state", "succeeded")
    await expect(mine).not_to_contain_text("$")

    async def add_cost(route: Route) -> None:
        response = await route.fetch()
        body = await response.json()
        videos = [item | {"cost": 0.000227} for item in body["videos"]]
        await route.fulfill(response=response, json=body | {"videos": videos})

    await page.route("**/api/status?*", add_cost)
    await page.reload()
    await expect(mine).to_contain_text("$0.00023")


async def test_failed_video_shows_its_error_and_can_be_retried(client: StackClient, page: Page) -> None:
    await put_failed("page/notes.mp4", b"This is not a video.", client)
    await page.get_by_label("Search names").fill("page/notes")
    mine = card(page, "page/notes.mp4")
    await expect(mine).to_have_attribute("data-state", "failed")
    await expect(mine).to_contain_text("The converter stopped")
    await mine.get_by_role("button", name="Try again: page/notes.mp4").click()
    await expect(page.locator("#toasts")).to_contain_text("page/notes.mp4: attempt 2 is queued.")
    await expect(mine).to_contain_text("attempt 2")
    await expect(mine).to_have_attribute("data-state", "failed")
    await expect(mine).to_contain_text("not an MP4")
    await expect(page.locator("#toasts")).to_contain_text("page/notes.mp4 has failed again")


async def test_video_that_no_retry_can_help_has_advice_instead_of_a_button(client: StackClient, page: Page) -> None:
    await client.drop("page/cut.mp4", b"")
    mine = card(page, "page/cut.mp4")
    await expect(mine).to_have_attribute("data-state", "failed")
    await expect(mine).to_contain_text("The file is empty")
    await expect(mine.locator(".advice")).to_have_text("Upload it again.")
    await expect(mine.get_by_role("button", name="Try again")).to_be_hidden()


async def test_retry_that_fails_at_once_says_so_and_can_be_repeated(
    client: StackClient, session: PageSession, page: Page
) -> None:
    name = "page/at-once.mp4"
    await put_failed(name, b"x", client)
    await client.storage.get_blob_client("videos", name).delete_blob()
    await page.get_by_label("Search names").fill(name)
    button = card(page, name).get_by_role("button", name=f"Try again: {name}")
    for _ in range(2):
        await button.click()
        await expect(page.locator("#toasts li.bad").last).to_contain_text(f"{name}: The video was deleted")
        await expect(button).to_be_enabled()
    session.problems.clear()  # the browser logs the 404


async def test_gif_that_has_only_a_part_of_its_video_says_so(client: StackClient, page: Page, video: bytes) -> None:
    metadata = {"gif_duration": "1", "gif_widht": "320"}
    await client.drop("page/part.mp4", video, metadata=metadata)
    mine = card(page, "page/part.mp4")
    await expect(mine).to_have_attribute("data-state", "succeeded")
    await expect(mine).to_contain_text("first 1 of 2 s")
    await expect(mine.locator(".notes")).to_have_text(
        "The metadata gif_widht is not an option and was ignored. Did you mean gif_width?"
    )


async def test_failed_video_succeeds_after_a_new_upload(client: StackClient, page: Page, video: bytes) -> None:
    await client.drop("page/replaced.mp4", b"not yet")
    await expect(card(page, "page/replaced.mp4")).to_have_attribute("data-state", "failed")
    await client.drop("page/replaced.mp4", video)
    await expect(card(page, "page/replaced.mp4")).to_have_attribute("data-state", "succeeded")
    await expect(card(page, "page/replaced.mp4").get_by_role("button", name="Try again")).to_be_hidden()


async def test_filters_select_by_state_and_name(client: StackClient, page: Page, video: bytes) -> None:
    bodies = {"filter/a.mp4": video, "filter/b.mp4": b"", "filtered-not.mp4": b""}
    await asyncio.gather(*(client.drop(name, body) for name, body in bodies.items()))
    await asyncio.gather(*(client.final_status(name) for name in bodies))
    names = page.locator("li.card h3")
    await page.get_by_label("Search names").fill("filter/")
    await expect(names).to_have_count(2)
    failed = page.get_by_role("button", name="Failed")
    await failed.click()
    await expect(failed).to_have_attribute("aria-pressed", "true")
    await expect(names).to_have_count(1)
    await expect(card(page, "filter/b.mp4")).to_be_visible()
    await page.get_by_label("Search names").fill("filter/zzz")
    await expect(page.locator("#empty")).to_have_text("No videos match these filters.")
    await page.get_by_role("button", name="All").click()
    await page.get_by_label("Search names").fill("filter/")
    await page.get_by_label("Order").select_option("name")
    await expect(names).to_have_text(["filter/a.mp4", "filter/b.mp4"])


async def test_markup_in_a_name_is_shown_as_text(client: StackClient, page: Page, video: bytes) -> None:
    name = '<img src=x onerror="document.title=1"><script>document.title=2</script>&amp;\'.mp4'
    await client.drop(name, video)
    mine = card(page, name)
    await expect(mine).to_have_attribute("data-state", "succeeded")
    await expect(mine.locator(".thumb")).to_have_attribute("data-drawn", name[:-3] + "gif")
    assert await mine.locator("h3").inner_text() == name.replace("</", "</\n", 1)
    assert await page.locator("li.card script, li.card h3 img").count() == 0
    assert await page.title() not in ("1", "2")


async def test_counts_say_when_they_were_counted(page: Page) -> None:
    await expect(page.locator("#counted")).to_have_text(re.compile(r"Counted at \d+:\d\d:\d\d"))


async def test_pool_and_health_are_described(page: Page) -> None:
    await expect(page.locator("#pool-headline")).to_contain_text("machine")
    await expect(page.locator("#health-headline")).to_have_text(re.compile(r"All \d+ checks passed\."))
    chart = page.get_by_role("img", name="the maximum since this page was opened")
    await expect(chart).to_be_visible()


async def test_failed_health_check_is_shown_with_advice(client: StackClient, session: PageSession) -> None:
    dead_letter = client.storage.get_blob_client("deadletters", "given-up.json")
    await dead_letter.upload_blob(b"[]", overwrite=True)
    try:
        await wait_for_health(503, client)
        page = await session.open()
        await expect(page.locator("#health-problems")).to_contain_text("Read why in the container 'deadletters'")
        await page.close()
    finally:
        await dead_letter.delete_blob()
        await wait_for_health(200, client)
    session.problems.clear()  # the browser logs the 503


async def wait_for_health(status: int, client: StackClient) -> None:
    """Waits until `GET health` returns a status code; its responses are cached for a while."""

    async def is_returned() -> bool:
        return (await client.get("health"))[0] == status

    returned: bool = await wait_until_async(is_returned, within=90, interval=0.2)
    assert returned


async def test_content_security_policy_blocks_other_hosts(session: PageSession, page: Page) -> None:
    response = await page.request.get(session.endpoints["dashboard"])
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-content-type-options"] == "nosniff"
    blocked = await page.evaluate(
        """() => new Promise((done) => {
            document.addEventListener("securitypolicyviolation", (event) => done(event.violatedDirective));
            const image = new Image();
            image.src = "https://elsewhere.invalid/pixel.gif";
        })"""
    )
    assert blocked == "img-src"
    session.problems.clear()  # the browser logs the violation
