"""The page may send a video to the storage account, and to no other host."""

from playwright.async_api import Page, expect

from tests.browser.page_session import PageSession, card

UPLOAD = """async ([name, key]) => {
    const headers = { "x-functions-key": key };
    const body = JSON.stringify({ name, bytes: 5, options: { width: 64 } });
    const link = await (await fetch("uploads", { method: "POST", headers, body })).json();
    const sent = await fetch(link.url, { method: link.method, headers: link.headers, body: "video" });
    return sent.status;
}"""


async def test_page_uploads_by_a_signed_link(session: PageSession, page: Page) -> None:
    await expect(page.locator("#connection")).to_have_text("Live")
    assert await page.evaluate(UPLOAD, ["linked/page.mp4", session.endpoints["function_key"]]) == 201
    await expect(card(page, "linked/page.mp4")).to_have_attribute("data-state", "failed")
