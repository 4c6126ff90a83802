"""Two function apps in one file."""

import azure.functions as func

app = func.FunctionApp()
another = func.FunctionApp()
