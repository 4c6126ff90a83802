"""Makes the pictures of the page in docs/, with a stack of its own: `python -m tests.browser.pictures`."""

import asyncio
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.async_api import Page

from cli.sample import sample_video
from local.stack import Stack
from tests.browser.chromium import chromium
from tests.browser.page_session import PageSession, card
from tests.support.stack_client import StackClient
from tests.support.videos import make_video

DOCS = Path(__file__).parents[2] / "docs"
PHONE = {"width": 390, "height": 844}
FAILED = {"trips/lisbon/upload-cut-short.mp4": b"", "notes/minutes.mp4": b"This is not a video."}


async def main() -> None:
    """Write each picture."""
    with TemporaryDirectory() as folder:
        directory = Path(folder)
        async with (
            Stack(directory=directory / "stack", settings={"GIFDROP_NODE_PRICE": "0.1"}) as stack,
            StackClient(stack.endpoints, stack.env) as client,
            chromium() as browser,
            PageSession(browser, stack.endpoints) as session,
        ):
            await _save(await _open(session), "page-empty")
            await _convert(client, directory)
            await _pictures(session, await _queue(client, directory))


async def _convert(client: StackClient, folder: Path) -> None:
    life = (await sample_video(folder / "life.mp4")).read_bytes()
    shapes = {"wide": "480x204", "square": "300x300", "portrait": "216x384"}
    bodies = {
        f"shapes/{name}.mp4": make_video(folder / f"{name}.mp4", seconds=2, size=size, picture="gradients").read_bytes()
        for name, size in shapes.items()
    }
    bodies["test-card.mp4"] = make_video(folder / "card.mp4", seconds=2).read_bytes()
    await client.drop_all(bodies | FAILED)
    await client.final_statuses(*bodies, *FAILED)
    metadata = {"gif_also": "poster,webp", "gif_duration": "3", "gif_width": "480"}
    await client.drop("trips/lisbon/tram 28.mp4", life, metadata)
    await client.final_status("trips/lisbon/tram 28.mp4")


async def _queue(client: StackClient, folder: Path) -> list[str]:
    """Videos that are converted while the pictures are taken."""
    names = [f"talks/part {number}.mp4" for number in range(1, 9)]
    # The colours of each are others.
    bodies = {
        name: make_video(folder / "talk.mp4", seconds=20, size="1280x720", picture="gradients").read_bytes()
        for name in names
    }
    await client.drop_all(bodies)
    return names


async def _open(session: PageSession, **window: Any) -> Page:
    page = await session.open(**window)
    await page.locator("#health-headline", has_text="checks").wait_for()
    await page.locator("#stats-facts dd").first.wait_for()
    return page


async def _pictures(session: PageSession, waiting: list[str]) -> None:
    page = await _open(session)
    await card(page, waiting[0]).wait_for()
    await page.locator("li.card[data-state=running] .bar:not(.unknown)").first.wait_for()
    await page.wait_for_timeout(15_000)
    await _save(page, "dashboard")
    await page.locator("aside").screenshot(path=DOCS / "page-operator.png")
    await _save(await _open(session, scheme="dark"), "page-dark")
    await _save(await _open(session, **PHONE), "page-phone")
    await card(page, "trips/lisbon/tram 28.mp4").locator(".thumb").click()
    await page.locator("#detail-gif[src]").wait_for()
    await page.get_by_text("Convert again with other options").click()
    await page.evaluate("document.querySelector('.detail').scrollTop = 0")
    await _save(page, "page-detail")


async def _save(page: Page, name: str) -> None:
    # Thumbnails are drawn one after another.
    await page.wait_for_timeout(4000)
    await page.screenshot(path=DOCS / f"{name}.png")


if __name__ == "__main__":
    ArgumentParser(prog="python -m tests.browser.pictures", description=__doc__).parse_args()
    asyncio.run(main())
