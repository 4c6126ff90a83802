"""Two functions with the same name."""

import azure.functions as func

app = func.FunctionApp()


@app.function_name("twin")
@app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
async def first(timer: func.TimerRequest) -> None:
    """Never runs."""


@app.function_name("twin")
@app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
async def second(timer: func.TimerRequest) -> None:
    """Never runs."""
