"""The detail view of a video."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.axe import serious_violations
from tests.browser.failed_videos import put_failed
from tests.browser.page_session import PageSession, card
from tests.support.stack_client import StackClient

NAME = 'detail/<b onclick="x">"y"</b> [a](b) &amp;.mp4'


@pytest.fixture(scope="module")
async def made(client: StackClient, video: bytes) -> None:
    """A video with markup in its name, and a file beside its GIF."""
    await client.drop(NAME, video, {"gif_also": "poster", "gif_width": "160", "gif_duration": "1", "gif_widht": "3"})
    await client.final_status(NAME)


@pytest.fixture
async def detail(page: Page, made: None) -> Locator:
    """The dialog, opened by its card."""
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await card(page, NAME).locator(".thumb").click()
    dialog = page.get_by_role("dialog", name=NAME, exact=True)
    await expect(dialog.locator("#detail-gif")).to_have_js_property("naturalWidth", 160)
    return dialog


async def test_detail_shows_the_original_beside_the_gif_and_what_happened(page: Page, detail: Locator) -> None:
    await expect(detail.locator("video")).to_have_js_property("videoWidth", 320)
    await expect(detail.locator("#detail-gif-facts")).to_contain_text("160 × 90, 12 frames, 1.0 s")
    await expect(detail.locator(".steps li.done")).to_have_count(3)
    await expect(detail.locator("#detail-facts")).to_contain_text("320 × 180, 2.0 s, 25 fps, h264")
    await expect(detail.locator("#detail-facts")).to_contain_text("width 160")
    await expect(detail.locator("#detail-notes")).to_contain_text("gif_widht")
    assert await serious_violations(page) == []
    async with page.expect_download() as waiting:
        await detail.get_by_role("button", name="Poster").click()
    assert (await waiting.value).suggested_filename.endswith(".jpg")


async def test_detail_has_an_address_that_opens_it_and_back_closes_it(
    session: PageSession, page: Page, detail: Locator
) -> None:
    address = page.url
    assert "#video=detail%2F" in address
    await page.go_back()
    await expect(detail).to_be_hidden()
    await page.go_forward()
    await expect(detail).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page).to_have_url(re.compile(r"/dashboard$"))
    fresh = await session.open(address=f"{address}&code={session.endpoints['function_key']}")
    await expect(fresh.get_by_role("dialog", name=NAME, exact=True)).to_be_visible()
    await expect(fresh.locator("#detail-gif")).to_have_js_property("naturalWidth", 160)


async def test_links_are_copied_with_the_name_escaped(page: Page, detail: Locator) -> None:
    async def copied(kind: str) -> str:
        await detail.get_by_role("button", name=f"Copy {kind}").click()
        await expect(page.locator("#toasts li").last).to_have_text(f"{kind[0].upper()}{kind[1:]} copied.")
        text: str = await page.evaluate("navigator.clipboard.readText()")
        return text

    url = await copied("link")
    response = await page.request.get(url)
    assert (response.status, (await response.body())[:6]) == (200, b"GIF89a")
    assert re.search(r"[?&]se=", url)
    assert re.fullmatch(r"!\[b\\> \\\[a\\\]\\\(b\\\) \\&amp;\]\(<http[^<>]*>\)", await copied("Markdown"))
    html = await copied("HTML")
    assert re.fullmatch(r'<img src="http[^<>"]*" alt="b&gt; \[a\]\(b\) &amp;amp;" width="160" height="90">', html)


async def test_video_is_converted_again_with_the_chosen_part_and_options(
    client: StackClient, page: Page, detail: Locator
) -> None:
    await detail.get_by_text("Convert again with other options").click()
    await detail.locator("#detail-trim-end").focus()
    for _ in range(4):
        await page.keyboard.press("ArrowLeft")
    await expect(detail.get_by_label("Duration, seconds")).to_have_value("0.6")
    await detail.get_by_label("Width, pixels").fill("80")
    await expect(detail.locator("#detail-estimate")).to_contain_text("About")
    await detail.get_by_role("button", name="Convert again", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("attempt 2 is queued.")
    await expect(detail.locator("#detail-gif")).to_have_js_property("naturalWidth", 80)
    status = await client.final_status(NAME)
    assert (status["options"]["duration"], status["gif"]["width"]) == (0.6, 80)


async def test_failed_video_shows_its_reason_and_why_there_is_no_log(
    client: StackClient, session: PageSession, page: Page
) -> None:
    await put_failed("detail/failed.mp4", b"no video", client)
    await page.get_by_label("Search names").fill("detail/failed")
    await card(page, "detail/failed.mp4").get_by_role("button", name="Details of detail/failed.mp4").click()
    detail = page.get_by_role("dialog", name="detail/failed.mp4")
    await expect(detail.locator("#detail-problem")).to_contain_text("The converter stopped unexpectedly")
    await expect(detail.locator("#detail-facts")).to_contain_text("ConverterFailed")
    await detail.get_by_text("Log of the last attempt").click()
    await expect(detail.locator("pre")).to_contain_text("has left no log")
    session.problems.clear()  # the browser logs the 404


async def test_video_is_deleted_after_confirmation(client: StackClient, page: Page, video: bytes) -> None:
    await client.drop("detail/gone.mp4", b"")
    await card(page, "detail/gone.mp4").get_by_role("button", name="Details of").click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    question = page.get_by_role("dialog", name="Delete detail/gone.mp4 with what was made of it?")
    await question.get_by_role("button", name="Cancel").click()
    await page.locator("#detail-delete").click()
    await question.get_by_role("button", name="Delete").click()
    await expect(card(page, "detail/gone.mp4")).to_have_count(0)
    await expect(page.locator("#detail")).to_be_hidden()
    assert (await client.status("detail/gone.mp4"))[0] == 404


async def test_address_of_an_unknown_video_says_so(session: PageSession) -> None:
    key = session.endpoints["function_key"]
    page = await session.open(address=f"{session.endpoints['functions']}/api/dashboard#code={key}&video=none.mp4")
    await expect(page.locator("#detail-state")).to_contain_text("There is no video of this name.")
    session.problems.clear()  # the browser logs the 404
