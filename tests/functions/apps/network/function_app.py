"""An app that opens a network connection on import."""

import socket

import azure.functions as func

socket.create_connection(("127.0.0.1", 9), timeout=1)
app = func.FunctionApp()
