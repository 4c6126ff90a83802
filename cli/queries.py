"""`list`, `show`, `retry` and `open`: single requests to the API."""

from __future__ import annotations

import asyncio
import webbrowser
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rich.text import Text

from cli.client import connect
from cli.errors import ExitCode, RefusedError, UsageError
from cli.words import STATES, STYLES, age, count, measures, moment, printable, reason, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.client import Client
    from cli.output import Output
    from cli.target import Target

MAX_PAGE = 1000


async def show_list(*, target: Target, state: str | None, prefix: str, sort: str, limit: int, output: Output) -> int:
    """Print up to `limit` videos and how many there are in each state. Raises CommandError."""
    async with connect(target) as client:
        videos, more, summary = await _pages(client, state=state, prefix=prefix, sort=sort, limit=limit)
    output.result({"videos": videos, "more": more, "summary": summary})
    if output.json:
        return 0
    for video in videos:
        output.console.print(_row(video), overflow="ignore", no_wrap=True)
    if not videos:
        output.say("There is no such video." if state or prefix else "There is no video yet.")
    if summary is not None and videos:
        counts = ", ".join(f"{summary[name]:,} {word}" for name, word in STATES.items() if summary[name])
        output.say(f"{count(summary['total'], 'video')}: {counts}", style="bold")
    if more:
        output.say(f"Only the first {len(videos)} are shown; --limit shows more.")
    return 0


async def _pages(
    client: Client, *, state: str | None, prefix: str, sort: str, limit: int
) -> tuple[list[dict[str, Any]], bool, dict[str, Any] | None]:
    """Videos, whether there are more, and the counts by state."""
    query = (
        {"sort": sort, "include": "summary"}
        | ({"state": state} if state else {})
        | ({"prefix": prefix} if prefix else {})
    )
    videos: list[dict[str, Any]] = []
    summary: dict[str, Any] | None = None
    cursor: str | None = None
    while True:
        page = {"limit": str(min(limit - len(videos), MAX_PAGE))} | ({"cursor": cursor} if cursor else {})
        body = await client.get("status", **query, **page)
        videos += body["videos"]
        summary = body.get("summary") if cursor is None else summary
        cursor = body["next"]
        if cursor is None or len(videos) >= limit:
            full = sort == "newest" and len(videos) == limit and (summary is None or _total(summary, state) > limit)
            return videos, cursor is not None or full, summary


def _total(summary: dict[str, Any], state: str | None) -> int:
    return int(summary[state or "total"])


def _row(video: dict[str, Any]) -> Text:
    state, name, gif = video["state"], printable(video["video"]), video["gif"]
    word = STATES.get(state, state)
    when = video["finished_at"] or video["started_at"] or video["queued_at"]
    row = Text.assemble((f"{word:<11}", STYLES.get(word, "")), f"{age(when) if when else '':<12}  {name}")
    if state == "failed":
        row.append(f"  {reason(video['error'])}", style="dim")
    elif gif is not None:
        row.append(f"  {measures(gif)}", style="dim")
    elif video["progress"] is not None:
        row.append(f"  {video['progress']:.0%}", style="dim")
    return row


async def show(name: str, *, target: Target, output: Output) -> int:
    """Print everything about one video. Returns 1 if it failed. Raises CommandError."""
    async with connect(target) as client:
        video = await client.get(f"status/{quote(name)}")
    output.result(video)
    if not output.json:
        _print_video(video, output)
    return ExitCode.FAILED if video["state"] == "failed" else 0


def _print_video(video: dict[str, Any], output: Output) -> None:
    word = STATES.get(video["state"], video["state"])
    details = [word]
    if video["progress"] is not None and video["state"] == "running":
        details.append(f"{video['progress']:.0%}")
    if video["seconds_left"] is not None:
        details.append(f"about {seconds(video['seconds_left'])} left")
    if video["waiting_for"]:
        details.append(f"waits for {printable(video['waiting_for'])}")
    output.say(printable(video["video"]), style="bold")

    def line(label: str, value: str, *, style: str = "") -> None:
        output.console.print(Text.assemble(f"  {label:<11}", (value, style)))

    line("state", ", ".join(details), style=STYLES.get(word, ""))
    if video["error"]:
        line("reason", reason(video["error"]))
        if advice := video["error"].get("advice"):
            line("advice", printable(advice))
    if video["gif"]:
        line("GIF", f"{printable(video['gif']['name'])}  {measures(video['gif'])}")
    for label in ("notes", "warnings"):
        for text in video.get(label) or ():
            line(label.removesuffix("s"), printable(text))
    line("queued", moment(video["queued_at"]))
    line("started", moment(video["started_at"]))
    line("finished", moment(video["finished_at"]))
    line("attempt", str(video["attempt"]))
    if video["compute_seconds"] is not None:
        cost = f", {video['cost']:.4f} USD" if video["cost"] is not None else ""
        line("node time", f"{seconds(video['compute_seconds'])}{cost}")
    if video["task"]:
        line("task", f"{video['task']['task_id']} in {video['task']['job_id']}")


async def retry(names: Sequence[str], *, failed: bool, code: str | None, target: Target, output: Output) -> int:
    """Retry videos, or all failed ones, of those only the ones with the error `code`.

    Returns 1 if the app refuses one. Raises CommandError.
    """
    async with connect(target) as client:
        if failed:
            body = await client.change("retry", query={"error": code} if code else {})
            output.result(body)
            if not output.json:
                output.say(f"{count(body['retried'], 'video')} will be converted again.")
            return 0
        refused = [name for name in names if not await _retry_one(name, client, output)]
    return ExitCode.FAILED if refused else 0


async def _retry_one(name: str, client: Client, output: Output) -> bool:
    try:
        video = await client.change(f"retry/{quote(name)}")
    except RefusedError as error:
        output.result({"video": name, "error": {"code": error.code, "message": str(error)}})
        if not output.json:
            output.failure(name, reason({"code": error.code, "message": str(error)}))
        return False
    output.result(video)
    if not output.json:
        word = STATES.get(video["state"], video["state"])
        output.say(f"{printable(name)}: {word}, attempt {video['attempt']}")
    return True


async def open_page(name: str | None, *, target: Target, output: Output) -> int:
    """Open the page, or the GIF of a video, in a browser; with JSON, only print the address. Raises CommandError."""
    url = target.page if name is None else await _gif_address(name, target)
    output.result({"url": url})
    if output.json:
        return 0
    if not await asyncio.to_thread(webbrowser.open, url):
        output.say(f"No browser was found. Open this address: {url}")
        return ExitCode.FAILED
    output.say(f"Opened {target.label if name is None else printable(name)} in a browser.")
    return 0


async def _gif_address(name: str, target: Target) -> str:
    async with connect(target) as client:
        video = await client.get(f"status/{quote(name)}")
        if video["gif"] is None:
            word = STATES.get(video["state"], video["state"])
            raise UsageError(f"{printable(name)} has no GIF yet; its state is {word}.")
        return await client.link(video["gif"]["name"])
