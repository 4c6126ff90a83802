"""A timer whose argument has another name than its binding."""

import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
async def tick(clock: func.TimerRequest) -> None:
    """Never runs."""
