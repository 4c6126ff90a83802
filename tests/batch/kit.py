"""What the tests hold in their hands: emulators in processes of their own, tokens, waiting."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import jwt
from azure.batch import BatchClient, models
from azure.core.credentials import AccessToken, AzureNamedKeyCredential

from local.batch.options import DEFAULT_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_T = TypeVar("_T")
ROOT = Path(__file__).parents[2]
IDENTITY = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/nodes"
TENANT = "8d5c1c1c-1111-4111-8111-111111111111"


def make_token(audience: str, *, lifetime: float = 3600) -> str:
    """A JWT as Entra would issue it, signed by nobody in particular."""
    now = time.time()
    claims: dict[str, Any] = {"aud": audience, "iss": f"https://sts.windows-ppe.net/{TENANT}/", "tid": TENANT}
    claims |= {"oid": str(uuid.uuid4()), "iat": int(now), "nbf": int(now) - 5, "exp": int(now + lifetime)}
    return jwt.encode(claims, "k" * 32, algorithm="HS256")


class Bearer:
    """A credential that the synchronous Azure SDK clients take."""

    def get_token(self, *scopes: str, **_kwargs: object) -> AccessToken:
        return AccessToken(make_token(scopes[0].removesuffix("/.default")), int(time.time()) + 3600)


class AsyncBearer:
    """The same for the asynchronous ones."""

    async def get_token(self, *scopes: str, **_kwargs: object) -> AccessToken:
        return AccessToken(make_token(scopes[0].removesuffix("/.default")), int(time.time()) + 3600)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        pass


class Emulator:
    """An emulator in a process of its own."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "local.batch", "--exit-with-stdin", *map(str, arguments)]
        if "--port" not in arguments:
            command += ["--port", "0"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        line = self.stdout.readline()
        assert line, "the emulator did not start"
        self.url: str = json.loads(line)["url"]

    def stop(self) -> int:
        """Ask it to end; the exit code."""
        self.process.terminate()
        return self.end()

    def end(self) -> int:
        """Close its standard input and wait for its end; the exit code."""
        self.stdin.close()
        code = self.process.wait(30)
        self.stdout.close()
        return code

    def client(self, **kwargs: object) -> BatchClient:
        """A client by shared key."""
        return BatchClient(self.url, AzureNamedKeyCredential("gifdrop", DEFAULT_KEY), **kwargs)


@contextlib.contextmanager
def emulator(*arguments: object) -> Iterator[Emulator]:
    """An emulator for the length of a block."""
    started = Emulator(*arguments)
    try:
        yield started
    finally:
        started.stop()


def until(condition: Callable[[], _T], *, seconds: float = 30) -> _T:
    """The first truthy value of `condition`; an error if it takes longer than `seconds`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return value


def pool_options(name: str, **changes: object) -> models.BatchPoolCreateOptions:
    """A pool of one node with two slots, unless changed."""
    machine = models.VirtualMachineConfiguration(
        image_reference=models.BatchVmImageReference(publisher="canonical", offer="ubuntu-24_04-lts", sku="server"),
        node_agent_sku_id="batch.node.ubuntu 24.04",
    )
    settings: Any = {"target_dedicated_nodes": 1, "task_slots_per_node": 2} | changes
    return models.BatchPoolCreateOptions(
        id=name, vm_size="standard_d2s_v3", virtual_machine_configuration=machine, **settings
    )


def make_pool(client: BatchClient, name: str, **changes: object) -> str:
    """A pool whose nodes are ready."""
    client.create_pool(pool_options(name, **changes))
    until(
        lambda: (
            client.get_pool(name).allocation_state == "steady"
            and all(node.state == "idle" for node in client.list_nodes(name))
        )
    )
    return name


def make_job(client: BatchClient, name: str, pool: str, **changes: object) -> str:
    """A job on `pool`."""
    options: Any = {"id": name, "pool_info": models.BatchPoolInfo(pool_id=pool)} | changes
    client.create_job(models.BatchJobCreateOptions(**options))
    return name


def run_task(client: BatchClient, job: str, name: str, command: str, **settings: object) -> models.BatchTask:
    """The task that runs `command`, at its end."""
    options: Any = {"id": name, "command_line": command} | settings
    client.create_task(job, models.BatchTaskCreateOptions(**options))
    return ended(client, job, name)


def ended(client: BatchClient, job: str, name: str) -> models.BatchTask:
    """The task, once it is completed."""

    def completed() -> models.BatchTask | None:
        task = client.get_task(job, name)
        return task if task.state == "completed" else None

    task = until(completed)
    assert task is not None
    return task


def text_of(client: BatchClient, job: str, name: str, path: str = "stdout.txt") -> str:
    """What a file of a task holds."""
    return b"".join(client.download_task_file(job, name, path)).decode()
