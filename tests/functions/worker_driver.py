"""Runs Microsoft's worker library on an app, once per process: `python -P worker_driver.py APP`.

Reads from stdin a JSON array of invocations `{"function", "argument", "type", "value"}` and prints one JSON object:
`status`, `exception`, `functions` (as reported to the host), `modules` (loaded by indexing), `shared` (the file of that
package) and `results` (`ok`, `type`, `value`, `error` of each invocation). Network access raises PermissionError.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as worker
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.native_invocation import invocation_request_native
from azure_functions_runtime.utils.threadpool import start_threadpool_executor, stop_threadpool_executor


class StatusResult(SimpleNamespace):
    Success, Failure = "Success", "Failure"


class BindingInfo(SimpleNamespace):
    inout, out, undefined = 2, 1, 0


# Replaces the generated protobuf module, of which the worker uses message types with keyword arguments.
PROTOS = SimpleNamespace(
    BindingInfo=BindingInfo,
    StatusResult=StatusResult,
    **dict.fromkeys(
        (
            "FunctionMetadataResponse",
            "RpcException",
            "RpcFunctionMetadata",
            "RpcRetryOptions",
            "WorkerInitResponse",
            "WorkerMetadata",
        ),
        SimpleNamespace,
    ),
)


def _no_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        raise PermissionError(f"{event} {arguments[1:]}: no network here")


def _function(metadata: Any) -> dict[str, Any]:
    return {
        "name": metadata.name,
        "id": metadata.function_id,
        "script": metadata.script_file,
        "bindings": [json.loads(binding) for binding in metadata.raw_bindings],
    }


def _datum(invocation: dict[str, Any]) -> Any:
    if invocation["type"] != "http":
        return Datum(invocation["value"], invocation["type"])
    value = invocation["value"]
    texts = {name: Datum(value[name], "string") for name in ("method", "url")}
    maps = {
        name: {key: Datum(text, "string") for key, text in value.get(name, {}).items()}
        for name in ("headers", "query", "params")
    }
    return Datum({**texts, **maps, "body": Datum(value.get("body", "").encode(), "bytes")}, "http")


def _plain(datum: Any) -> Any:
    if datum is None or datum.type != "http":
        return None if datum is None else datum.value
    value = datum.value
    return {"status": value["status_code"].value, "body": value["body"].value.decode("latin-1")}


async def _run(app: Path) -> dict[str, Any]:
    init = SimpleNamespace(capabilities={}, function_app_directory=str(app))
    request = SimpleNamespace(
        request=SimpleNamespace(worker_init_request=init), properties={"host": "127.0.0.1", "protos": PROTOS}
    )
    before = set(sys.modules)
    started = await worker.worker_init_request(request)
    indexing = sorted(set(sys.modules) - before)
    shared = sys.modules.get("shared")
    report: dict[str, Any] = {
        "status": started.result.status,
        "exception": getattr(getattr(started.result, "exception", None), "message", None),
        "modules": indexing,
        "shared": None if shared is None else shared.__file__,
        "functions": [],
        "results": [],
    }
    if started.result.status != StatusResult.Success:
        return report
    metadata = await worker.functions_metadata_request(request)
    report["functions"] = [_function(item) for item in metadata.function_metadata_results]
    ids = {item["name"]: item["id"] for item in report["functions"]}
    start_threadpool_executor()
    for invocation in json.load(sys.stdin):
        ok, result, _, error, _ = await invocation_request_native(
            "an-invocation", ids[invocation["function"]], [(invocation["argument"], _datum(invocation))], {}
        )
        report["results"].append(
            {"ok": ok, "type": getattr(result, "type", None), "value": _plain(result), "error": error}
        )
    stop_threadpool_executor()
    return report


def main() -> None:
    app = Path(sys.argv[1]).resolve()
    sys.path.append(str(app))  # at the end, as in Azure's worker
    sys.addaudithook(_no_network)
    report = asyncio.run(_run(app))
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
