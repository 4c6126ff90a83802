"""Gives files to the page as a person does: dragged over the window and dropped, or pasted."""

import base64
from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Page

PASTE = """([name, type, body]) => {
    const bytes = Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([bytes], name, { type }));
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
}"""


async def drop_files(page: Page, paths: Sequence[Path], *, x: int = 700, y: int = 900) -> None:
    """Drag files from the desktop to a point of the page, and drop them: real events of the browser."""
    devtools = await page.context.new_cdp_session(page)
    items = [{"mimeType": "video/mp4", "data": ""} for _ in paths]
    data = {"items": items, "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        await devtools.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})
    await devtools.detach()


async def paste_file(page: Page, name: str, body: bytes) -> None:
    """Paste a file that was copied in a file manager."""
    await page.evaluate(PASTE, [name, "video/mp4", base64.b64encode(body).decode()])
