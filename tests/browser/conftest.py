"""One Chromium for all tests of this folder, and a page for each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from local.stack import Stack
from tests.browser.chromium import chromium
from tests.browser.page_session import PageSession
from tests.support.videos import make_video

expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def slow_video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Six seconds of 1280x720, which take long enough to report progress."""
    path = tmp_path_factory.mktemp("videos") / "slow.mp4"
    return make_video(path, seconds=6, size="1280x720", picture="gradients").read_bytes()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def session(browser: Browser, stack: Stack) -> AsyncIterator[PageSession]:
    """Opens the page. Fails the test if it had errors or sent requests to other hosts."""
    async with PageSession(browser, stack.endpoints) as session:
        yield session
    assert session.problems == []


@pytest.fixture
async def page(session: PageSession) -> Page:
    """The page in a wide window with the light theme."""
    return await session.open()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """The folder for screenshots of the page, which are kept for people to look at."""
    folder = Path(__file__).parents[2] / "out" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
