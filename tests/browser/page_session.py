"""Browser windows with the dashboard page, and the problems that occur in them."""

from collections.abc import Mapping
from types import TracebackType
from typing import Literal, Self

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request


class PageSession:
    """Opens the page in windows and records console errors, policy violations and requests to other hosts."""

    def __init__(self, browser: Browser, endpoints: Mapping[str, str]) -> None:
        self.browser = browser
        self.endpoints = endpoints
        self.problems: list[str] = []
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
        reduced_motion: bool = False,
    ) -> Page:
        """The page in a new window."""
        context = await self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce" if reduced_motion else "no-preference",
        )
        self._contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", self._record_message)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._record_foreign_request)
        await page.goto(address or self.endpoints["dashboard"])
        return page

    def _record_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def _record_foreign_request(self, request: Request) -> None:
        if not request.url.startswith((self.endpoints["functions"], self.endpoints["links"], "blob:")):
            self.problems.append(f"request to another host: {request.url}")


def card(page: Page, name: str) -> Locator:
    """The card of a video."""
    return page.locator("li.card").filter(has=page.get_by_title(name, exact=True))
