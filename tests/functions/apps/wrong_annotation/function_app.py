"""An Event Grid function whose argument is annotated as an HTTP request."""

import azure.functions as func

app = func.FunctionApp()


@app.event_grid_trigger(arg_name="event")
async def on_event(event: func.HttpRequest) -> None:
    """Never runs."""
