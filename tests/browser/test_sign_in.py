"""The page where people can sign in: with a session in place of keys."""

import json
from collections.abc import AsyncIterator
from hashlib import sha256

import pytest
from playwright.async_api import Browser, Page, expect

from local.stack import Stack
from tests.browser.page_session import PageSession, card
from tests.support.people import CLIENT_ID, id_token
from tests.support.stack_client import StackClient


@pytest.fixture(scope="module")
async def signing_in(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack with sign-in and a failed video, whose retries need the operator's key."""
    settings = {"GIFDROP_SIGN_IN": "on", "GIFDROP_OPERATOR_SHA256": sha256(b"the key").hexdigest()}
    arguments = {"functions": ["--sign-in", CLIENT_ID]}
    directory = tmp_path_factory.mktemp("sign-in")
    async with (
        Stack(directory=directory, settings=settings, arguments=arguments) as stack,
        StackClient(stack.endpoints, stack.env) as client,
    ):
        await client.drop("signed/empty.mp4", b"")
        await client.final_status("signed/empty.mp4")
        yield stack


@pytest.fixture
async def page(browser: Browser, signing_in: Stack) -> AsyncIterator[Page]:
    """The page without a key, as an anonymous person sees it."""
    async with PageSession(browser, signing_in.endpoints) as session:
        yield await session.open(address=f"{signing_in.endpoints['functions']}/api/dashboard")
        # The browser logs responses with 401 and 403.
        assert [problem for problem in session.problems if "Failed to load resource" not in problem] == []


async def sign_in(page: Page, stack: Stack, *roles: str) -> None:
    dialog = page.get_by_role("dialog", name="Function key")
    await dialog.get_by_role("link", name="Sign in").click()
    await page.get_by_label("ID token").fill(await id_token(stack.endpoints, stack.env["IDENTITY_HEADER"], *roles))
    await page.get_by_role("button", name="Sign in").click()


async def test_operator_signs_in_retries_without_a_key_and_signs_out(page: Page, signing_in: Stack) -> None:
    await sign_in(page, signing_in, "Operator")
    await expect(page.locator("#connection")).to_have_text("Live")
    await expect(page.locator("#account-name")).to_have_text("tom@example.com")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(json.dumps(request.headers)))
    mine = card(page, "signed/empty.mp4")
    await mine.locator(".retry").evaluate("button => { button.hidden = false }")
    await mine.locator(".retry").click()
    await expect(page.locator("#toasts")).to_contain_text("signed/empty.mp4: attempt")
    await expect(page.locator("dialog[open]")).to_have_count(0)
    assert sent
    assert [headers for headers in sent if "key" in headers] == []

    await page.get_by_role("link", name="Sign out").click()
    await expect(page.get_by_role("dialog", name="Function key")).to_be_visible()
    await expect(page.locator("#account")).to_be_hidden()


async def test_viewer_sees_videos_and_is_told_that_retries_need_a_role(page: Page, signing_in: Stack) -> None:
    await sign_in(page, signing_in, "Viewer")
    mine = card(page, "signed/empty.mp4")
    await mine.locator(".retry").evaluate("button => { button.hidden = false }")
    await mine.locator(".retry").click()
    await expect(page.locator("#toasts li.bad")).to_contain_text("lacks the role Operator")


async def test_person_without_a_role_can_still_use_a_key(page: Page, signing_in: Stack) -> None:
    await sign_in(page, signing_in)
    await expect(page.locator("#account-name")).to_have_text("tom@example.com (no role)")
    dialog = page.get_by_role("dialog", name="Function key")
    await dialog.get_by_label("Key").fill(signing_in.endpoints["function_key"])
    await page.keyboard.press("Enter")
    await expect(page.locator("#connection")).to_have_text("Live")


async def test_page_asks_again_when_the_session_has_ended(page: Page, signing_in: Stack) -> None:
    await sign_in(page, signing_in, "Viewer")
    await expect(page.locator("#connection")).to_have_text("Live")
    await page.context.clear_cookies()
    dialog = page.get_by_role("dialog", name="Function key")
    await dialog.get_by_label("Key").fill(signing_in.endpoints["function_key"])
    await page.keyboard.press("Enter")
    await expect(page.locator("#connection")).to_have_text("Live")


async def test_page_offers_no_sign_in_where_there_is_none(session: PageSession) -> None:
    page = await session.open(address=f"{session.endpoints['functions']}/api/dashboard")
    await expect(page.get_by_role("dialog", name="Function key")).to_be_visible()
    await expect(page.locator("#key-sign-in")).to_be_hidden()
    session.problems.clear()  # the browser logs the 401
