"""schemathesis asks the running API whatever its contract allows, and what it forbids, and compares the answers."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from shared.routes import ROUTES

from tests.integration.kit import Person

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


async def test_every_answer_is_as_the_contract_says(person: Person, video: bytes, tmp_path: Path) -> None:
    # The names that the contract gives as examples, so that answers with a video and a GIF are looked at too.
    await person.drop("cats/tom.mp4", video)
    await person.ended("cats/tom.mp4")
    api = f"{person.endpoints['functions']}/api"
    key = f"x-functions-key: {person.endpoints['function_key']}"
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
    # All but the contract itself.
    assert f"{len(ROUTES) - 1} selected" in output
