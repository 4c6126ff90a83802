"""A function that does not end of itself."""

import asyncio
import os
from pathlib import Path

import azure.functions as func

print("said by print")
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def note(text: str) -> None:
    """Tell the test."""
    Path(os.environ["NOTES"]).write_text(f'{{"sleep": "{text}"}}\n')


@app.route(route="sleep")
async def sleep(req: func.HttpRequest) -> func.HttpResponse:
    """Sleeps until it is cancelled."""
    note("began")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        note("cancelled")
        raise
    return func.HttpResponse("")
