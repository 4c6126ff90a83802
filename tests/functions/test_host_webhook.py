"""The Event Grid webhook: handshake, notifications and rejected requests."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import aiohttp

    from tests.functions.host_process import RunningHost

PATH = "/runtime/webhooks/eventgrid"
QUERY = {"functionName": "on_event", "code": "events"}
NOTIFICATION = {"aeg-event-type": "Notification"}


def event(*, subject: str = "cats/tom.mp4") -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "topic": "/subscriptions/s",
        "subject": subject,
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-11-21T00:00:00.1234567Z",
        "data": {"api": "PutBlob", "eTag": "0x8"},
        "dataVersion": "",
        "metadataVersion": "1",
    }


async def test_handshake_returns_the_validation_code(client: aiohttp.ClientSession) -> None:
    validation = event() | {"data": {"validationCode": "a-code", "validationUrl": "https://x"}}
    headers = {"aeg-event-type": "SubscriptionValidation"}
    async with client.post(PATH, params=QUERY, json=[validation], headers=headers) as response:
        assert response.status == 200
        assert await response.json() == {"validationResponse": "a-code"}


async def test_each_event_of_a_batch_is_one_invocation(client: aiohttp.ClientSession, host: RunningHost) -> None:
    batch = [event(), event(subject="ä b.mp4")]
    async with client.post(PATH, params=QUERY, json=batch, headers=NOTIFICATION) as response:
        assert (response.status, await response.read()) == (202, b"")
    for sent in batch:
        (noted,) = host.notes_with(event=sent["id"])
        assert noted["subject"] == sent["subject"]
        assert noted["data"] == sent["data"]
        assert noted["time"] == "2026-11-21 00:00:00.123456+00:00"


async def test_single_object_is_one_event_and_the_path_is_case_insensitive(
    client: aiohttp.ClientSession, host: RunningHost
) -> None:
    sent = event()
    path = "/runtime/webhooks/EventGrid"
    async with client.post(path, params=QUERY, json=sent, headers={"aeg-event-type": "notification"}) as response:
        assert response.status == 202
    assert host.notes_with(event=sent["id"])


async def test_one_failed_event_fails_the_batch_after_the_others_have_run(
    client: aiohttp.ClientSession, host: RunningHost
) -> None:
    batch = [event(), event(subject="fail"), event()]
    async with client.post(PATH, params=QUERY, json=batch, headers=NOTIFICATION) as response:
        assert response.status == 500
        assert await response.text() == "the event cannot be handled"
    for sent in batch:
        assert host.notes_with(event=sent["id"])


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ({"functionName": "on_event"}, NOTIFICATION, 401),
        ({"functionName": "on_event", "code": "wrong"}, NOTIFICATION, 401),
        ({"functionName": "on_event", "code": "the function key"}, NOTIFICATION, 401),
        ({"functionName": "on_event", "code": "master/key"}, NOTIFICATION, 202),
        ({"functionName": "unknown", "code": "events"}, NOTIFICATION, 404),
        ({"functionName": "text", "code": "events"}, NOTIFICATION, 404),
        ({"code": "events"}, NOTIFICATION, 404),
        (QUERY, {}, 400),
        (QUERY, {"aeg-event-type": "Else"}, 400),
        (QUERY, {"aeg-event-type": "Unsubscribe"}, 202),
    ],
)
async def test_webhook_checks_key_function_and_event_type(
    client: aiohttp.ClientSession, query: dict[str, str], headers: dict[str, str], status: int
) -> None:
    async with client.post(PATH, params=query, json=[event()], headers=headers) as response:
        assert response.status == status


@pytest.mark.parametrize("body", ["", "no json", "7", "[7]"])
async def test_invalid_event_is_a_500(client: aiohttp.ClientSession, body: str) -> None:
    async with client.post(PATH, params=QUERY, data=body, headers=NOTIFICATION) as response:
        assert response.status == 500


async def test_options_allows_the_requesting_origin(client: aiohttp.ClientSession) -> None:
    headers = {"Webhook-Request-Origin": "eventgrid.azure.net"}
    async with client.options(PATH, params=QUERY, headers=headers) as response:
        assert response.status == 200
        assert response.headers["Webhook-Allowed-Origin"] == "eventgrid.azure.net"
