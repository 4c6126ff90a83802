"""`GET openapi.json`, and schemathesis: requests generated from it, and the responses held against it."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from shared.api.routes import ROUTES
from tests.support.stack_client import StackClient

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


async def test_openapi_is_served(client: StackClient) -> None:
    code, body = await client.get("openapi.json")
    assert (code, body["openapi"]) == (200, "3.1.0")
    assert "/status/{video}" in body["paths"]


async def test_responses_match_the_openapi_description(client: StackClient, tiny_video: bytes, tmp_path: Path) -> None:
    # The names in the description's examples, so that responses with a video and a GIF are checked, too.
    await client.drop("cats/tom.mp4", tiny_video)
    await client.final_status("cats/tom.mp4")
    api = f"{client.endpoints['functions']}/api"
    key = f"x-functions-key: {client.endpoints['function_key']}"
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        *("--config-file", CONFIGURATION, "run", f"{api}/openapi.json", "--url", api, "--header", key),
        *("--max-examples", "25", "--generation-deterministic", "--no-color"),
        cwd=tmp_path,
        stdout=PIPE,
        stderr=STDOUT,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    # All routes but openapi.json, which does not describe itself.
    assert f"{len(ROUTES) - 1} selected" in output
