"""gifdrop's functions: a table of contents. Each is a line into shared/, where the work is done."""

import azure.functions as func

from shared.api import answer
from shared.clients import clients
from shared.completion import complete_all
from shared.gifs import gif_of
from shared.health import health
from shared.listing import list_statuses
from shared.openapi import contract
from shared.page import page, page_file
from shared.reconciliation import reconcile
from shared.retrying import retry_many, retry_one
from shared.status import status_of
from shared.submission import submit_event

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.event_grid_trigger("event")
async def on_video_uploaded(event: func.EventGridEvent) -> None:
    """A blob was created in the input container: convert it if it is a video."""
    await submit_event(event, clients())


@app.timer_trigger("timer", "%GIFDROP_COMPLETE_SCHEDULE%")
async def complete_conversions(timer: func.TimerRequest) -> None:
    """Move the GIFs of completed tasks to the output container and bring the records up to date."""
    await complete_all(clients())


@app.timer_trigger("timer", "%GIFDROP_RECONCILE_SCHEDULE%")
async def reconcile_conversions(timer: func.TimerRequest) -> None:
    """Make up for what events, crashes and hands have missed."""
    await reconcile(clients())


@app.route("status", methods=["GET"])
async def list_videos(req: func.HttpRequest) -> func.HttpResponse:
    """How all videos are doing, with a summary and the pool."""
    return await answer(lambda: list_statuses(req.params, clients()))


@app.route("status/{*video}", methods=["GET"])
async def show_video(req: func.HttpRequest) -> func.HttpResponse:
    """How one video is doing."""
    return await answer(lambda: status_of(req.route_params["video"], clients()))


@app.route("retry", methods=["POST"])
async def retry_failed(req: func.HttpRequest) -> func.HttpResponse:
    """Another attempt for all failed videos, or those of one error code."""
    return await answer(lambda: retry_many(req.params, clients()))


@app.route("retry/{*video}", methods=["POST"])
async def retry_video(req: func.HttpRequest) -> func.HttpResponse:
    """Another attempt for a failed video."""
    return await answer(lambda: retry_one(req.route_params["video"], clients()))


@app.route("gifs/{*gif}", methods=["GET"])
async def show_gif(req: func.HttpRequest) -> func.HttpResponse:
    """A GIF, or the way to it."""
    return await answer(lambda: gif_of(req.route_params["gif"], req.params, req.headers, clients()))


@app.route("health", methods=["GET"])
async def show_health(req: func.HttpRequest) -> func.HttpResponse:
    """Whether gifdrop can work, check by check."""
    return await answer(lambda: health(clients))


@app.route("openapi.json", methods=["GET"])
async def show_contract(req: func.HttpRequest) -> func.HttpResponse:
    """What these routes take, give and refuse."""
    return await answer(contract)


@app.route("dashboard", methods=["GET"])
async def show_page(req: func.HttpRequest) -> func.HttpResponse:
    """The page for people."""
    return await answer(page)


@app.route("dashboard/{file}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def show_page_file(req: func.HttpRequest) -> func.HttpResponse:
    """The page's style and script, which hold no data."""
    return await answer(lambda: page_file(req.route_params["file"], req.headers))
