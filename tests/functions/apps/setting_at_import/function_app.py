"""An app that reads a setting on import."""

import os

import azure.functions as func

app = func.FunctionApp()
SCHEDULE = os.environ["THE_SCHEDULE"]


@app.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def tick(timer: func.TimerRequest) -> None:
    """Never runs."""
