"""Records a headless Chromium as a video: an editor in which code is typed, a terminal, a mouse pointer, scrolling."""

import asyncio
import bisect
import colorsys
import html
import inspect
import io
import subprocess
import tokenize
from pathlib import Path
from typing import Final

from tests.browser.chromium import chromium

WIDTH, HEIGHT, FPS, SECONDS = 1280, 720, 20, 8
# Two files of the standard library that have hardly changed in years.
TYPED: Final = inspect.getsource(colorsys)
PRINTED: Final = inspect.getsource(bisect).splitlines()
COLOURS: Final = {"import": "#ff7b72", "from": "#ff7b72", "def": "#ff7b72", "class": "#ff7b72", "return": "#ff7b72"}

_PAGE: Final = """<!doctype html><meta charset="utf-8"><style>
body{margin:0;height:100vh;overflow:hidden;background:linear-gradient(135deg,#24304f,#6b3d6b 55%,#c06a54);
font:14px/20px sans-serif}
.window{position:absolute;border-radius:9px;overflow:hidden;box-shadow:0 18px 50px #0009;
color:#e6edf3;background:#0d1117}
.window header{position:relative;z-index:1;height:32px;background:#30363d;line-height:32px;
padding-left:84px;color:#c9d1d9}
.window header:before{content:"";position:absolute;left:14px;top:10px;width:12px;height:12px;border-radius:6px;
background:#ff5f57;box-shadow:20px 0 #febc2e,40px 0 #28c840}
pre{margin:0;padding:10px 14px;font:13px/19px monospace;white-space:pre}
#editor{left:40px;top:36px;width:760px;height:600px}#terminal{left:700px;top:390px;width:540px;height:290px}
#menu{left:300px;top:150px;width:190px;background:#f6f8fa;color:#1f2328;padding:6px 0;display:none}
#menu div{padding:3px 14px}#menu .on{background:#0969da;color:#fff}
#pointer{position:absolute;width:18px;height:24px}
</style><div class="window" id="editor"><header>colorsys.py</header><pre id="code"></pre></div>
<div class="window" id="terminal"><header>terminal</header><pre id="output"></pre></div>
<div class="window" id="menu"></div>
<svg id="pointer" viewBox="0 0 18 24"><path d="M1 1v18l5-4 3 8 3-1-3-8h6z" fill="#000" stroke="#fff"/></svg>
<script>
function show(at){
  document.getElementById("code").innerHTML = at.code; document.getElementById("code").parentNode.scrollTop = 0;
  document.getElementById("code").style.marginTop = -at.scroll + "px";
  document.getElementById("output").textContent = at.output;
  const menu = document.getElementById("menu"); menu.style.display = at.chosen < 0 ? "none" : "block";
  menu.innerHTML = ["Cut", "Copy", "Paste", "Rename symbol", "Go to definition", "Find references"]
    .map((name, i) => `<div class="${i === at.chosen ? "on" : ""}">${name}</div>`).join("");
  const p = document.getElementById("pointer"); p.style.left = at.x + "px"; p.style.top = at.y + "px";
}</script>"""


def record(ffmpeg: Path, target: Path) -> None:
    """Write the recording as H.264, almost lossless, as a screen recorder's high-quality setting does."""
    encode = [str(ffmpeg), "-v", "error", "-y", "-f", "image2pipe", "-framerate", str(FPS), "-c:v", "png", "-i", "-"]
    encode += ["-c:v", "libx264", "-preset", "medium", "-crf", "16", "-pix_fmt", "yuv420p", str(target)]
    subprocess.run(encode, input=asyncio.run(_screenshots()), check=True)


async def _screenshots() -> bytes:
    """A PNG of each frame, one after the other."""
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        await page.set_content(_PAGE)
        pictures = bytearray()
        for frame in range(FPS * SECONDS):
            await page.evaluate("show", _state(frame / FPS))
            pictures += await page.screenshot()
        return bytes(pictures)


def _state(seconds: float) -> dict[str, object]:
    """What is on the screen: 4 s of typing, 1.5 s of a menu, then scrolling while the terminal fills."""
    typed = TYPED[: 420 + int(min(seconds, 4.0) * 60)]
    printed = [f"{number:4} ok  {line}"[:62] for number, line in enumerate(PRINTED)]
    printed = printed[: int(max(0.0, seconds - 2.0) * 9)]
    menu = 4.0 <= seconds < 5.5
    moved = min(1.0, max(0.0, (seconds - 3.2) / 0.8))
    return {
        "code": _coloured(typed) if seconds < 5.5 else _coloured(TYPED),
        "scroll": max(0.0, seconds - 5.5) * 150 // 1,
        "output": "$ make check\n" + "\n".join(printed[-11:]),
        "chosen": int((seconds - 4.0) * 4) if menu else -1,
        "x": 620 - 300 * moved,
        "y": 420 - 260 * moved + (90 * (seconds - 4.0) if menu else 0),
    }


def _coloured(source: str) -> str:
    """The code as HTML with an editor's colours; unfinished code is coloured as far as it can be read."""
    spans, at = [], (1, 0)
    lines = source.splitlines(keepends=True)

    def between(start: tuple[int, int], end: tuple[int, int]) -> str:
        if start[0] == end[0]:
            return lines[start[0] - 1][start[1] : end[1]]
        middle = lines[start[0] : end[0] - 1]
        return lines[start[0] - 1][start[1] :] + "".join(middle) + lines[end[0] - 1][: end[1]]

    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.start[0] > len(lines) or token.end[0] > len(lines) or token.start < at:
                break
            colour = COLOURS.get(token.string) or {tokenize.STRING: "#a5d6ff", tokenize.COMMENT: "#8b949e"}.get(
                token.type, "#79c0ff" if token.type == tokenize.NUMBER else ""
            )
            text = html.escape(between(token.start, token.end))
            spans.append(
                html.escape(between(at, token.start))
                + (f'<span style="color:{colour}">{text}</span>' if colour else text)
            )
            at = token.end
    except (tokenize.TokenError, IndentationError):
        pass
    rest = lines[at[0] - 1][at[1] :] + "".join(lines[at[0] :]) if at[0] <= len(lines) else ""
    return "".join(spans) + html.escape(rest) + '<span style="background:#79c0ff"> </span>'
