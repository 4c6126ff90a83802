"""`GET health`: what is wrong, and what to do about it."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from typing import Any

import pytest

from local.stack import Stack
from tests.support.stack_client import StackClient

Health = tuple[int, dict[str, Any]]
"""Status code and checks by name."""
FAILURES = (
    ("GIFDROP_POOL_ID", "elsewhere", "pool", "GIFDROP_POOL_ID"),
    ("GIFDROP_POOL_ID", "no pool's id", "settings", "Correct the app settings"),
    ("GIFDROP_PACKAGE_VERSION", "000000000000", "package", "GIFDROP_PACKAGE_VERSION"),
    ("GIFDROP_PACKAGE_ID", "nothing", "package", "Upload the converter's package"),
    ("GIFDROP_LOGS_CONTAINER", "attic", "container attic", "Create the container 'attic'"),
    ("GIFDROP_BATCH_URL", "https://127.0.0.1:9", "pool", "address in the settings"),
    ("AZURE_CLIENT_ID", "00000000-0000-0000-0000-0000000000ff", "identity", "AZURE_CLIENT_ID"),
)
"""A setting and a wrong value of it, the check that fails, and a part of its advice."""


async def health_with(stack: Stack, *settings: dict[str, str]) -> list[Health]:
    """The health of apps that have these settings instead of the stack's."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.integration.print_health", json.dumps(settings)),
        env={**os.environ, **stack.env},
        stdout=PIPE,
        stderr=DEVNULL,
    )
    responses = json.loads((await process.communicate())[0])
    return [
        (response["status"], {check["name"]: check for check in response["body"]["checks"]}) for response in responses
    ]


@pytest.fixture(scope="module")
async def failing(stack: Stack) -> list[Health]:
    """The health of an app with each wrong value."""
    return await health_with(stack, *({variable: value} for variable, value, _, _ in FAILURES))


async def test_health_is_ok_on_an_intact_stack(client: StackClient) -> None:
    code, body = await client.get("health")
    failed = [check for check in body["checks"] if not check["ok"]]
    assert (code, body["ok"], failed) == (200, True, [])
    assert {"settings", "events", "dead letters", "pool", "autoscale", "package", "jobs", "links"} <= {
        check["name"] for check in body["checks"]
    }


@pytest.mark.parametrize("number", range(len(FAILURES)), ids=[f"{name}={value}" for name, value, _, _ in FAILURES])
def test_failed_check_says_what_to_do(failing: list[Health], number: int) -> None:
    _, _, check, advice = FAILURES[number]
    status, checks = failing[number]
    assert status == 503
    assert not checks[check]["ok"]
    assert advice in checks[check]["what_to_do"]


async def test_dead_letter_fails_its_check(stack: Stack, client: StackClient) -> None:
    dead_letter = client.storage.get_blob_client("deadletters", "given-up.json")
    await dead_letter.upload_blob(b"[]", overwrite=True)
    try:
        [(status, checks)] = await health_with(stack, {})
    finally:
        await dead_letter.delete_blob()
    assert (status, checks["dead letters"]["ok"]) == (503, False)
    assert "1 events could not be delivered" in checks["dead letters"]["message"]
