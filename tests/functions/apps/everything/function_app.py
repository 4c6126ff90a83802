"""Functions of every kind that the host supports; each records its input."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
from pathlib import Path

import azure.functions as func
from azure.functions.timer import TimerRequest  # noqa: TC002 - the worker reads annotations

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def note(**facts: object) -> None:
    """Append a line to the file that the test reads."""
    with Path(os.environ["NOTES"]).open("a") as notes:
        notes.write(json.dumps(facts) + "\n")


@app.route(route="echo/{*rest}")
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    facts = {
        "method": req.method,
        "url": req.url,
        "params": dict(req.params),
        "route": dict(req.route_params),
        "headers": dict(req.headers),
        "body": req.get_body().decode("latin-1"),
    }
    return func.HttpResponse(json.dumps(facts), mimetype="application/json")


@app.route(route="item/{name}", methods=["GET", "HEAD"])
def item(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    facts = {
        "name": req.route_params["name"],
        "function": context.function_name,
        "invocation": context.invocation_id,
        "thread": threading.current_thread() is not threading.main_thread(),
    }
    return func.HttpResponse(json.dumps(facts), headers={"x-item": "yes", "Set-Cookie": "a=b; Path=/"})


@app.route(route="bytes", methods=[func.HttpMethod.GET])
async def raw(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(bytes(range(256)), status_code=203, mimetype="image/gif")


@app.route(route="text")
async def text(req: func.HttpRequest) -> str:
    return "plain"


@app.route(route="nothing")
async def nothing(req: func.HttpRequest):  # type: ignore[no-untyped-def]  # noqa: ANN201
    return None


@app.route(route="fails")
async def fails(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("this is what went wrong")


@app.route(route="slow")
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    note(slow="began")
    try:
        await asyncio.sleep(float(req.params["seconds"]))
    except asyncio.CancelledError:
        note(slow="cancelled")
        raise
    note(slow="ended")
    return func.HttpResponse("done")


@app.route(route="guarded", auth_level=func.AuthLevel.FUNCTION)
async def guarded(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("in")


@app.route(route="ruled", auth_level=func.AuthLevel.ADMIN)
async def ruled(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("in")


@app.event_grid_trigger(arg_name="event")
async def on_event(event: func.EventGridEvent) -> None:
    note(event=event.id, subject=event.subject, data=event.get_json(), time=str(event.event_time))
    if event.subject == "fail":
        raise RuntimeError("the event cannot be handled")


@app.timer_trigger(arg_name="timer", schedule="%TICK%")
async def tick(timer: func.TimerRequest) -> None:
    note(tick="began", past_due=timer.past_due)
    await asyncio.sleep(float(os.environ.get("TICK_SECONDS", "0")))
    note(tick="ended")
    if os.environ.get("TICK_FAILS"):
        raise RuntimeError("this tick fails")


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
def yearly(timer: TimerRequest) -> None:
    logging.getLogger("sample").info("logged at startup")
    note(yearly=True, past_due=timer.past_due, monitored=bool(timer.schedule_status))
