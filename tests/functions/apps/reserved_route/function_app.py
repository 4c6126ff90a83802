"""A function with a route that the host reserves."""

import azure.functions as func

app = func.FunctionApp()


@app.route(route="admin/mine")
async def mine(req: func.HttpRequest) -> func.HttpResponse:
    """Never runs."""
    return func.HttpResponse("")
