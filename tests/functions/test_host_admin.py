"""The host's admin endpoints."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.waiting import wait_until_async

if TYPE_CHECKING:
    import aiohttp

    from tests.functions.host_process import RunningHost

MASTER = {"x-functions-key": "master/key"}


@pytest.mark.parametrize("path", ["/admin/functions", "/admin/functions/tick", "/admin/host/status", "/admin/x"])
@pytest.mark.parametrize("key", ["", "the function key", "events"])
async def test_admin_endpoints_require_the_master_key(client: aiohttp.ClientSession, path: str, key: str) -> None:
    for method in ("GET", "POST"):
        async with client.request(method, path, headers={"x-functions-key": key}) as response:
            assert response.status == 401


async def test_functions_list_includes_bindings(client: aiohttp.ClientSession, host: RunningHost) -> None:
    async with client.get("/admin/functions", headers=MASTER) as response:
        listed: list[dict[str, Any]] = await response.json()
    assert [function["name"] for function in listed] == host.first_line["functions"]
    guarded = next(function for function in listed if function["name"] == "guarded")
    assert guarded["invoke_url_template"] == f"{host.url}/api/guarded"
    (trigger,) = (binding for binding in guarded["config"]["bindings"] if binding["type"] == "httpTrigger")
    assert (trigger["authLevel"], trigger["route"], trigger["direction"]) == ("function", "guarded", "IN")
    async with client.get("/admin/functions/Guarded", headers=MASTER) as response:
        assert await response.json() == guarded


async def test_timer_can_be_run_manually(client: aiohttp.ClientSession, host: RunningHost) -> None:
    before = len(host.notes_with(tick="ended"))
    async with client.post("/admin/functions/tick", headers=MASTER, json={"input": ""}) as response:
        assert (response.status, await response.read()) == (202, b"")
    await wait_until_async(lambda: len(host.notes_with(tick="ended")) > before)


async def test_event_function_can_be_run_manually(client: aiohttp.ClientSession, host: RunningHost) -> None:
    event = {"id": str(uuid.uuid4()), "subject": "s", "eventType": "t", "data": {}, "eventTime": "2026-11-21T00:00:00Z"}
    body = {"input": json.dumps(event)}
    async with client.post("/admin/functions/on_event", headers=MASTER, json=body) as response:
        assert response.status == 202
    await wait_until_async(lambda: host.notes_with(event=event["id"]))


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [("unknown", "{}", 404), ("text", "{}", 404), ("on_event", '{"input": "no json"}', 400), ("on_event", "{", 400)],
)
async def test_invalid_manual_runs_are_rejected(
    client: aiohttp.ClientSession, name: str, body: str, status: int
) -> None:
    headers = MASTER | {"Content-Type": "application/json"}
    async with client.post(f"/admin/functions/{name}", headers=headers, data=body) as response:
        assert response.status == status


async def test_host_status_is_running(client: aiohttp.ClientSession) -> None:
    async with client.get("/admin/host/status", headers=MASTER) as response:
        assert (await response.json())["state"] == "Running"
    async with client.get("/admin/host/ping") as response:
        assert response.status == 200
