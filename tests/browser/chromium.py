"""A headless Chromium from npm's @sparticuz/chromium, with its libraries and fonts; needs no root."""

import fcntl
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Browser, async_playwright

MODULES = Path(__file__).with_name("node_modules")
HOME = MODULES / ".chromium"

# The package unpacks itself into TMPDIR, and its libraries too if it detects AWS Lambda.
_UNPACK = "import chromium from '@sparticuz/chromium'; await chromium.executablePath();"
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""


def unpack() -> Path:
    """The browser's executable, unpacked by the first call.

    Raises `FileNotFoundError` if the npm packages are not installed.
    """
    if not (MODULES / "@sparticuz").is_dir():
        raise FileNotFoundError(f"{MODULES} not found: run make test")
    executable, ready = HOME / "chromium", HOME / ".ready"
    HOME.mkdir(exist_ok=True)
    # Another worker may be unpacking it: a program that is being written cannot be started.
    with (HOME / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ready.exists():
            return executable
        node = Path(sys.executable).with_name("node")
        environment = {**os.environ, "TMPDIR": str(HOME), "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x"}
        command = [str(node), "--input-type=module", "--eval", _UNPACK]
        subprocess.run(command, cwd=MODULES.parent, env=environment, check=True)
        fonts = _FONTS.format(fonts=HOME / "fonts", cache=HOME / "cache")
        (HOME / "fonts.conf").write_text(fonts)
        ready.touch()
    return executable


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A running browser with a temporary home directory."""
    executable = unpack()
    with TemporaryDirectory(prefix="chromium-") as home:
        environment: dict[str, str | float | bool] = {
            "HOME": home,
            "TMPDIR": home,
            "FONTCONFIG_FILE": str(HOME / "fonts.conf"),
            # The libraries that the package brings, which a minimal machine lacks.
            "LD_LIBRARY_PATH": str(HOME / "al2023" / "lib"),
        }
        async with async_playwright() as playwright:
            # The sandbox needs privileges that containers rarely have; the browser opens only our own page.
            browser = await playwright.chromium.launch(
                executable_path=executable, env=environment, args=["--no-sandbox", "--disable-gpu", "--in-process-gpu"]
            )
            try:
                yield browser
            finally:
                await browser.close()
