"""What owners of videos and operators see and do on the page, in a real browser against the real stack."""

import asyncio
import math
from pathlib import Path

from playwright.async_api import Page, expect

from local.stack import Stack
from tests.browser.pace import steps
from tests.browser.visit import Visit, card
from tests.support.stack_client import StackClient


async def test_a_dropped_video_shows_up_its_bar_moves_and_it_becomes_a_gif(
    stack: Stack, client: StackClient, page: Page, slow_video: bytes
) -> None:
    await expect(page.locator("#connection")).to_have_text("Live")
    etag = await client.drop("page/slow.mp4", slow_video, metadata={"gif_width": "960"})
    while await client.recorded_etag("page/slow.mp4") != etag:
        await asyncio.sleep(0.01)
    task = (await client.record("page/slow.mp4"))["task_id"]
    mine = card(page, "page/slow.mp4")
    bar = mine.get_by_role("progressbar", name="Progress of page/slow.mp4")
    seen = []
    async for fraction in steps(stack.layout.directory, task):
        percent = math.floor(fraction * 100 + 0.5)
        await expect(bar).to_have_attribute("aria-valuenow", str(percent))
        seen.append(percent)
    assert len(set(seen)) >= 3
    assert seen == sorted(seen)
    await expect(mine).to_have_attribute("data-state", "succeeded")
    await expect(mine).to_contain_text("6.0 s")
    await expect(page.locator("#news")).to_contain_text("page/slow.mp4 is done")


async def test_a_gif_is_drawn_once_in_view_and_plays_at_full_size(
    client: StackClient, visit: Visit, page: Page, video: bytes
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
    viewer = page.get_by_role("dialog", name="page/watch me.gif")
    await expect(viewer).to_contain_text("320 × 180")
    image = viewer.get_by_role("img")
    await expect(image).to_have_js_property("naturalWidth", 320)
    async with page.expect_download() as waiting:
        await viewer.get_by_role("link", name="Save").click()
    saved = await (await waiting.value).path()
    assert (await waiting.value).suggested_filename == "watch me.gif"
    assert await asyncio.to_thread(Path(saved).read_bytes) == await client.gif("page/watch me.gif")
    await page.keyboard.press("Escape")
    await expect(viewer).to_be_hidden()
    await expect(thumb).to_be_focused()


async def test_a_failed_video_says_why_and_can_be_tried_again(client: StackClient, page: Page) -> None:
    await client.drop("page/notes.mp4", b"Dear all, this is no video.")
    mine = card(page, "page/notes.mp4")
    await expect(mine).to_have_attribute("data-state", "failed")
    await expect(mine).to_contain_text("not an MP4 video")
    await mine.get_by_role("button", name="Try again: page/notes.mp4").click()
    await expect(page.locator("#news")).to_contain_text("page/notes.mp4")
    await expect(mine).to_contain_text("attempt 2")
    await expect(mine).to_have_attribute("data-state", "failed")


async def test_a_video_mended_by_a_new_upload_succeeds_on_the_page(
    client: StackClient, page: Page, video: bytes
) -> None:
    await client.drop("page/mended.mp4", b"not yet")
    await expect(card(page, "page/mended.mp4")).to_have_attribute("data-state", "failed")
    await client.drop("page/mended.mp4", video)
    await expect(card(page, "page/mended.mp4")).to_have_attribute("data-state", "succeeded")
    await expect(card(page, "page/mended.mp4").get_by_role("button", name="Try again")).to_be_hidden()


async def test_filters_choose_by_state_and_name(client: StackClient, page: Page, video: bytes) -> None:
    bodies = {"filter/a.mp4": video, "filter/b.mp4": b"", "filtered-not.mp4": b""}
    await asyncio.gather(*(client.drop(name, body) for name, body in bodies.items()))
    await asyncio.gather(*(client.final_status(name) for name in bodies))
    names = page.locator("li.card h3")
    await page.get_by_label("Name begins with").fill("filter/")
    await expect(names).to_have_count(2)
    failed = page.get_by_role("button", name="Failed")
    await failed.click()
    await expect(failed).to_have_attribute("aria-pressed", "true")
    await expect(names).to_have_count(1)
    await expect(card(page, "filter/b.mp4")).to_be_visible()
    await page.get_by_label("Name begins with").fill("filter/zzz")
    await expect(page.locator("#empty")).to_have_text("No video is like this.")
    await page.get_by_role("button", name="All").click()
    await page.get_by_label("Name begins with").fill("filter/")
    await page.get_by_label("Order").select_option("name")
    await expect(names).to_have_text(["filter/a.mp4", "filter/b.mp4"])


async def test_a_name_made_of_markup_stays_a_name(client: StackClient, page: Page, video: bytes) -> None:
    name = '<img src=x onerror="document.title=1"><script>document.title=2</script>&amp;\'.mp4'
    await client.drop(name, video)
    mine = card(page, name)
    await expect(mine).to_have_attribute("data-state", "succeeded")
    await expect(mine.locator(".thumb")).to_have_attribute("data-drawn", name[:-3] + "gif")
    assert await mine.locator("h3").inner_text() == name.replace("</", "</\n", 1)
    assert await page.locator("li.card script, li.card h3 img").count() == 0
    assert await page.title() not in ("1", "2")


async def test_pool_and_health_are_told_in_words(page: Page) -> None:
    await expect(page.locator("#pool-headline")).to_contain_text("machine")
    await expect(page.locator("#health-headline")).to_have_text("All 17 checks are fine.")
    chart = page.get_by_role("img", name="the most of either since this page was opened")
    await expect(chart).to_be_visible()


async def test_trouble_is_shown_with_what_to_do(client: StackClient, visit: Visit) -> None:
    letter = client.storage.get_blob_client("deadletters", "given-up.json")
    await letter.upload_blob(b"[]", overwrite=True)
    try:
        await health_answers(503, client)
        page = await visit.open()
        await expect(page.locator("#health-troubles")).to_contain_text("Read why in the container 'deadletters'")
        await page.close()
    finally:
        await letter.delete_blob()
        await health_answers(200, client)
    visit.troubles.clear()  # the browser has taken note of the 503


async def health_answers(status: int, client: StackClient) -> None:
    """Wait until it does: for a while, the last answer is everybody's."""
    while (await client.get("health"))[0] != status:
        await asyncio.sleep(0.2)


async def test_a_page_without_its_key_asks_for_it_and_forgets_it(visit: Visit) -> None:
    page = await visit.open()
    await expect(page.locator("#connection")).to_have_text("Live")
    key = visit.endpoints["function_key"]
    # As behind a proxy that adds the key to the page but not to what the page asks.
    await page.route("**/api/dashboard?code=wrong", lambda route: route.fulfill(path=PAGE, content_type="text/html"))
    await page.goto(f"{visit.endpoints['functions']}/api/dashboard?code=wrong")
    door = page.get_by_role("dialog", name="Function key")
    await door.get_by_label("Key").fill(key)
    await door.get_by_role("button", name="Open").click()
    await expect(page.locator("#connection")).to_have_text("Live")
    assert await page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    visit.troubles.clear()  # the browser takes note of the 401


PAGE = Path(__file__).parents[2] / "shared" / "dashboard" / "index.html"


async def test_the_page_is_guarded_against_what_it_might_be_made_to_load(visit: Visit, page: Page) -> None:
    answer = await page.request.get(visit.endpoints["dashboard"])
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    blocked = await page.evaluate(
        """() => new Promise((done) => {
            document.addEventListener("securitypolicyviolation", (event) => done(event.violatedDirective));
            const image = new Image();
            image.src = "https://elsewhere.invalid/pixel.gif";
        })"""
    )
    assert blocked == "img-src"
    visit.troubles.clear()  # the browser says that it blocked this
