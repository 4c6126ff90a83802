"""The host's own endpoints."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.functions.host_process import eventually

if TYPE_CHECKING:
    import aiohttp

    from tests.functions.host_process import RunningHost

MASTER = {"x-functions-key": "master/key"}


@pytest.mark.parametrize("path", ["/admin/functions", "/admin/functions/tick", "/admin/host/status", "/admin/x"])
@pytest.mark.parametrize("key", ["", "the function key", "events"])
async def test_only_the_master_key_opens_the_admin_endpoints(
    client: aiohttp.ClientSession, path: str, key: str
) -> None:
    for method in ("GET", "POST"):
        async with client.request(method, path, headers={"x-functions-key": key}) as answer:
            assert answer.status == 401


async def test_functions_are_listed_with_their_bindings(client: aiohttp.ClientSession, host: RunningHost) -> None:
    async with client.get("/admin/functions", headers=MASTER) as answer:
        listed: list[dict[str, Any]] = await answer.json()
    assert [function["name"] for function in listed] == host.first["functions"]
    guarded = next(function for function in listed if function["name"] == "guarded")
    assert guarded["invoke_url_template"] == f"{host.url}/api/guarded"
    (trigger,) = (binding for binding in guarded["config"]["bindings"] if binding["type"] == "httpTrigger")
    assert (trigger["authLevel"], trigger["route"], trigger["direction"]) == ("function", "guarded", "IN")
    async with client.get("/admin/functions/Guarded", headers=MASTER) as answer:
        assert await answer.json() == guarded


async def test_a_timer_is_run_by_hand(client: aiohttp.ClientSession, host: RunningHost) -> None:
    before = len(host.noted(tick="ended"))
    async with client.post("/admin/functions/tick", headers=MASTER, json={"input": ""}) as answer:
        assert (answer.status, await answer.read()) == (202, b"")
    eventually(lambda: len(host.noted(tick="ended")) > before)


async def test_an_event_function_is_run_by_hand(client: aiohttp.ClientSession, host: RunningHost) -> None:
    event = {"id": str(uuid.uuid4()), "subject": "s", "eventType": "t", "data": {}, "eventTime": "2026-11-21T00:00:00Z"}
    body = {"input": json.dumps(event)}
    async with client.post("/admin/functions/on_event", headers=MASTER, json=body) as answer:
        assert answer.status == 202
    eventually(lambda: host.noted(event=event["id"]))


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [("unknown", "{}", 404), ("text", "{}", 404), ("on_event", '{"input": "no json"}', 400), ("on_event", "{", 400)],
)
async def test_what_cannot_be_run_by_hand(client: aiohttp.ClientSession, name: str, body: str, status: int) -> None:
    headers = MASTER | {"Content-Type": "application/json"}
    async with client.post(f"/admin/functions/{name}", headers=headers, data=body) as answer:
        assert answer.status == status


async def test_the_state_is_told(client: aiohttp.ClientSession) -> None:
    async with client.get("/admin/host/status", headers=MASTER) as answer:
        assert (await answer.json())["state"] == "Running"
    async with client.get("/admin/host/ping") as answer:
        assert answer.status == 200
