"""A timer whose argument is not the one that its trigger names."""

import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
async def tick(clock: func.TimerRequest) -> None:
    """Never runs."""
