"""Two routes for one path; the host uses the one whose function's name comes first."""

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="zoo/list")
async def zoo(req: func.HttpRequest) -> func.HttpResponse:
    """Never reached."""
    return func.HttpResponse("zoo")


@app.route(route="zoo/{name}")
async def any(req: func.HttpRequest) -> func.HttpResponse:  # noqa: A001 - a name that comes first
    """Receives the requests for both routes."""
    return func.HttpResponse("any")
