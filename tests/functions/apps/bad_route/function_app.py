"""A route template that is none."""

import azure.functions as func

app = func.FunctionApp()


@app.route(route="a/{b")
async def broken(req: func.HttpRequest) -> func.HttpResponse:
    """Never runs."""
    return func.HttpResponse("")
