"""The page needs no key, its data does: how it asks for keys, and where it keeps them."""

from playwright.async_api import Page, Route, expect

from tests.browser.page_session import PageSession, card
from tests.support.stack_client import StackClient

EVERYWHERE = (
    """() => [location.href, document.cookie, localStorage.length, document.documentElement.outerHTML].join()"""
)


async def test_page_asks_for_a_key_until_it_is_valid(session: PageSession) -> None:
    key = session.endpoints["function_key"]
    page = await session.open(address=f"{session.endpoints['functions']}/api/dashboard")
    dialog = page.get_by_role("dialog", name="Function key")
    await expect(dialog.get_by_role("alert")).to_be_hidden()
    await dialog.get_by_label("Key").fill("wrong")
    await dialog.get_by_role("button", name="Open").click()
    await expect(dialog.get_by_role("alert")).to_have_text("This key is not valid. Check it and try again.")
    assert await page.evaluate("document.getElementById('key-input').value") == ""
    await dialog.get_by_label("Key").fill(f" {key} ")
    await page.keyboard.press("Enter")
    await expect(page.locator("#connection")).to_have_text("Live")
    assert key not in await page.evaluate(EVERYWHERE)
    session.problems.clear()  # the browser logs the 401


async def test_page_without_a_key_sends_nothing_until_one_is_given(session: PageSession) -> None:
    page = await session.open(address=f"{session.endpoints['functions']}/api/dashboard")
    dialog = page.get_by_role("dialog", name="Function key")
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#connection")).to_have_text("A function key is needed.")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    await page.wait_for_timeout(3000)  # the page asks again every 2 s
    assert sent == []
    await page.get_by_role("button", name="Enter key").click()
    await dialog.get_by_label("Key").fill(session.endpoints["function_key"])
    await page.keyboard.press("Enter")
    await expect(page.locator("#connection")).to_have_text("Live")
    await expect(page.get_by_role("button", name="Enter key")).to_be_hidden()
    session.problems.clear()  # the browser logs the 401


async def test_key_leaves_the_address_and_is_in_no_request(session: PageSession) -> None:
    key = session.endpoints["function_key"]
    assert session.endpoints["dashboard"].endswith(f"#code={key}")
    page = await session.open(address="about:blank")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    await page.goto(session.endpoints["dashboard"])
    await expect(page.locator("#connection")).to_have_text("Live")
    assert page.url == f"{session.endpoints['functions']}/api/dashboard"
    assert len(sent) > 5
    assert [url for url in sent if key in url and "#" not in url] == []
    await page.reload()
    await expect(page.locator("#connection")).to_have_text("Live")
    await page.goto("about:blank")
    await page.go_back()
    assert page.url == f"{session.endpoints['functions']}/api/dashboard"


async def test_bookmark_with_the_key_in_its_query_still_opens_the_page(session: PageSession) -> None:
    address = f"{session.endpoints['functions']}/api/dashboard?code={session.endpoints['function_key']}"
    page = await session.open(address=address)
    await expect(page.locator("#connection")).to_have_text("Live")
    assert page.url == f"{session.endpoints['functions']}/api/dashboard"


async def test_operators_key_is_asked_for_until_it_is_right(
    client: StackClient, session: PageSession, page: Page
) -> None:
    await client.drop("keys/a.mp4", b"")
    mine = card(page, "keys/a.mp4")
    await expect(mine).to_have_attribute("data-state", "failed")
    await mine.locator(".retry").evaluate("button => { button.hidden = false }")

    async def retry(route: Route) -> None:
        if route.request.headers.get("x-gifdrop-operator-key") == "right":
            status = await client.status("keys/a.mp4")
            await route.fulfill(json=status[1] | {"state": "queued", "attempt": 7, "error": None})
        else:
            body = {"code": "OperatorKeyRequired", "detail": "Only an operator can retry videos."}
            await route.fulfill(status=403, json=body)

    await page.route("**/api/retry/**", retry)
    await mine.locator(".retry").click()
    dialog = page.get_by_role("dialog", name="Operator's key")
    await dialog.get_by_label("Key").fill("wrong")
    await dialog.get_by_role("button", name="Open").click()
    await expect(dialog.get_by_role("alert")).to_have_text("This is not the operator's key. Check it and try again.")
    await dialog.get_by_label("Key").fill("right")
    await dialog.get_by_role("button", name="Open").click()
    await expect(page.locator("#toasts")).to_contain_text("keys/a.mp4: attempt 7 is queued.")
    session.problems.clear()  # the browser logs the 403


async def test_dialogs_can_be_cancelled(client: StackClient, session: PageSession, page: Page) -> None:
    await client.drop("keys/b.mp4", b"")
    mine = card(page, "keys/b.mp4")
    await expect(mine).to_have_attribute("data-state", "failed")
    await mine.locator(".retry").evaluate("button => { button.hidden = false }")
    body = {"code": "OperatorKeyRequired", "detail": "Only an operator can retry videos."}
    await page.route("**/api/retry/**", lambda route: route.fulfill(status=403, json=body))
    await mine.locator(".retry").click()
    await page.get_by_role("dialog", name="Operator's key").get_by_role("button", name="Cancel").click()
    await expect(page.locator("#toasts li.bad")).to_contain_text("Only an operator can retry videos.")
    await expect(mine.locator(".retry")).to_be_enabled()
    session.problems.clear()  # the browser logs the 403
