"""gifdrop's functions: a table of contents. Each is a line or two into shared/, where the work is done."""

import azure.functions as func

from shared.api.dashboard.page import page_file_response, page_response
from shared.api.gifs import gif_link, gif_response, video_link
from shared.api.handler import handle
from shared.api.health.health import health_response
from shared.api.listing import list_response
from shared.api.logs import log_response
from shared.api.methods import methods_response
from shared.api.signed_in import signed_in_response
from shared.api.status import status_response
from shared.application import application
from shared.lifecycle.pool_repair.repair import repair_pools
from shared.lifecycle.publication import publish_event
from shared.lifecycle.reconciliation.reconcile import reconcile
from shared.lifecycle.scaling.scale import scale_pools, wake
from shared.lifecycle.submission import submit_event

STATUS_SECONDS = 5.0
"""People wait for a status, and the page asks again by itself."""
RETRY_SECONDS = 200.0
"""Azure's load balancer gives up a request after 230 s."""

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.event_grid_trigger("event")
async def on_video_uploaded(event: func.EventGridEvent) -> None:
    """A blob was created in the input container: convert it if it is a video."""
    await submit_event(event, application().services)
    await wake(application().services)


@app.event_grid_trigger("event")
async def on_result_uploaded(event: func.EventGridEvent) -> None:
    """A task has uploaded its result: publish its GIF."""
    await publish_event(event, application().services)


@app.timer_trigger("timer", "%GIFDROP_COMPLETE_SCHEDULE%")
async def complete_conversions(timer: func.TimerRequest) -> None:
    """Complete the tasks whose events were lost, add tasks that were not accepted, and fit the pool to the rest."""
    await application().completion.run()
    await scale_pools(application().services)


@app.timer_trigger("timer", "%GIFDROP_RECONCILE_SCHEDULE%")
async def reconcile_conversions(timer: func.TimerRequest) -> None:
    """Repair the pool, and what lost events, crashes and operators left inconsistent."""
    await repair_pools(application().services)
    await reconcile(application().services)


@app.route("{*path}", methods=["OPTIONS"], auth_level=func.AuthLevel.ANONYMOUS)
async def show_methods(req: func.HttpRequest) -> func.HttpResponse:
    """The methods of a route."""
    return await handle(lambda: methods_response(req.route_params.get("path", "")))


@app.route("status", methods=["GET", "HEAD"])
async def list_videos(req: func.HttpRequest) -> func.HttpResponse:
    """All videos with their status, a summary and the pool."""
    return await handle(
        lambda: list_response(application().videos, req.params, req.headers),
        within=STATUS_SECONDS,
        request=req,
        operation="list_videos",
    )


@app.route("status/{*video}", methods=["GET", "HEAD"])
async def show_video(req: func.HttpRequest) -> func.HttpResponse:
    """The status of one video."""
    return await handle(
        lambda: status_response(application().statuses, req.route_params["video"], req.headers),
        within=STATUS_SECONDS,
        request=req,
        operation="show_video",
    )


@app.route("retry", methods=["POST"])
async def retry_failed(req: func.HttpRequest) -> func.HttpResponse:
    """Retry all failed videos, or those with one error code."""
    return await handle(
        lambda: application().retries.many(req.params, req.headers),
        within=RETRY_SECONDS,
        request=req,
        operation="retry_failed",
    )


@app.route("retry/{*video}", methods=["POST"])
async def retry_video(req: func.HttpRequest) -> func.HttpResponse:
    """Retry a failed video."""
    return await handle(
        lambda: application().retries.one(req.route_params["video"], req.headers, req.get_body()),
        request=req,
        operation="retry_video",
    )


@app.route("gifs/{*gif}", methods=["GET", "HEAD"])
async def show_gif(req: func.HttpRequest) -> func.HttpResponse:
    """A GIF, or a link to it."""
    return await handle(
        lambda: gif_response(req.route_params["gif"], req.params, req.headers, application().services),
        request=req,
        operation="show_gif",
    )


@app.route("videos/{*video}", methods=["GET", "HEAD"])
async def show_original(req: func.HttpRequest) -> func.HttpResponse:
    """A link to the video itself."""
    return await handle(
        lambda: video_link(req.route_params["video"], application().services), request=req, operation="show_original"
    )


@app.route("videos/{*video}", methods=["DELETE"])
async def delete_video(req: func.HttpRequest) -> func.HttpResponse:
    """Delete a video with its GIF and its record."""
    return await handle(
        lambda: application().deletions.delete(req.route_params["video"], req.headers),
        request=req,
        operation="delete_video",
    )


@app.route("uploads", methods=["POST"])
async def create_upload(req: func.HttpRequest) -> func.HttpResponse:
    """A link that uploads one video straight to storage."""
    return await handle(
        lambda: application().uploads.create(req.get_body(), req.headers), request=req, operation="create_upload"
    )


@app.route("links/{*gif}", methods=["GET", "HEAD"])
async def share_gif(req: func.HttpRequest) -> func.HttpResponse:
    """A link to a GIF for somebody without a key."""
    return await handle(
        lambda: gif_link(req.route_params["gif"], req.params, application().services),
        request=req,
        operation="share_gif",
    )


@app.route("logs/{*video}", methods=["GET", "HEAD"])
async def show_log(req: func.HttpRequest) -> func.HttpResponse:
    """What the converter of a failed task wrote."""
    return await handle(
        lambda: log_response(req.route_params["video"], req.params, application().services),
        request=req,
        operation="show_log",
    )


@app.route("stats", methods=["GET", "HEAD"])
async def show_stats(req: func.HttpRequest) -> func.HttpResponse:
    """Throughput, waits, errors and cost of the last day."""
    return await handle(
        lambda: application().stats.current(),  # noqa: PLW0108  # application() may raise
        within=STATUS_SECONDS,
        request=req,
        operation="show_stats",
    )


@app.route("health", methods=["GET", "HEAD"])
async def show_health(req: func.HttpRequest) -> func.HttpResponse:
    """Whether gifdrop can work, check by check."""
    return await handle(lambda: health_response(lambda: application().health), request=req, operation="show_health")


@app.route("openapi.json", methods=["GET", "HEAD"])
async def show_contract(req: func.HttpRequest) -> func.HttpResponse:
    """The OpenAPI description of these routes."""
    from shared.api.openapi import openapi  # noqa: PLC0415  # 5 ms that no other function needs

    return await handle(openapi, request=req, operation="show_contract")


@app.route("dashboard", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
async def show_page(req: func.HttpRequest) -> func.HttpResponse:
    """The page for people, which holds no data and asks for a key."""
    return await handle(
        lambda: page_response(lambda: application().services.settings), request=req, operation="show_page"
    )


@app.route("dashboard/{file}", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
async def show_page_file(req: func.HttpRequest) -> func.HttpResponse:
    """The page's CSS and JavaScript, which hold no data."""
    return await handle(
        lambda: page_file_response(req.route_params["file"], req.headers), request=req, operation="show_page_file"
    )


@app.route("user/{*path}", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
async def user_reads(req: func.HttpRequest) -> func.HttpResponse:
    """The routes above for people who have signed in, and need no key."""
    return await signed_in_response(req, globals(), lambda: application().services.settings, operation="user_reads")


@app.route("user/{*path}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def user_changes(req: func.HttpRequest) -> func.HttpResponse:
    """The same for POST."""
    return await signed_in_response(req, globals(), lambda: application().services.settings, operation="user_changes")


@app.route("user/{*path}", methods=["DELETE"], auth_level=func.AuthLevel.ANONYMOUS)
async def user_deletes(req: func.HttpRequest) -> func.HttpResponse:
    """The same for DELETE."""
    return await signed_in_response(req, globals(), lambda: application().services.settings, operation="user_deletes")
