"""A timer that returns a value although it has no output binding."""

import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
async def tick(timer: func.TimerRequest) -> str:
    """Fails each time it runs."""
    return "done"
