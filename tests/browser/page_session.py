"""A visit to the page: its windows, and what goes wrong in them."""

from collections.abc import Mapping
from types import TracebackType
from typing import Literal, Self

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request


class Visit:
    """Opens the page as often as asked, and writes down errors, broken policies and requests to others."""

    def __init__(self, browser: Browser, endpoints: Mapping[str, str]) -> None:
        self.browser = browser
        self.endpoints = endpoints
        self.troubles: list[str] = []
        self._contexts: list[BrowserContext] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for context in self._contexts:
            await context.close()

    async def open(
        self,
        *,
        width: int = 1440,
        height: int = 1000,
        scheme: Literal["light", "dark"] = "light",
        address: str | None = None,
        calm: bool = False,
    ) -> Page:
        """The page in a window of that size."""
        context = await self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce" if calm else "no-preference",
        )
        self._contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("request", self._watch)
        await page.goto(address or self.endpoints["dashboard"])
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)

    def _watch(self, request: Request) -> None:
        if not request.url.startswith((self.endpoints["functions"], "blob:")):
            self.troubles.append(f"asked somebody else: {request.url}")


def card(page: Page, name: str) -> Locator:
    """The card of a video."""
    return page.locator("li.card").filter(has=page.get_by_title(name, exact=True))
