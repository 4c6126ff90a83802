"""A function with an invalid route template."""

import azure.functions as func

app = func.FunctionApp()


@app.route(route="a/{b")
async def broken(req: func.HttpRequest) -> func.HttpResponse:
    """Never runs."""
    return func.HttpResponse("")
