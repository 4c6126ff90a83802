"""A sync function that blocks its thread."""

import time

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="block")
def block(req: func.HttpRequest) -> func.HttpResponse:
    """Sleeps for `seconds`."""
    time.sleep(float(req.params["seconds"]))
    return func.HttpResponse("done")
