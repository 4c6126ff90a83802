"""A function that runs until it is cancelled."""

import asyncio
import os
from pathlib import Path

import azure.functions as func

print("written by print")
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def note(text: str) -> None:
    """Write the file that the test reads."""
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
