"""Container images: logs in to registries and pulls images, when a node starts and when a task needs another one."""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from batch_emulator.machine.errors import PreparationError
from batch_emulator.machine.machine import IdentityError

if TYPE_CHECKING:
    from batch_emulator.entity import Doc
    from batch_emulator.machine.host import Host
    from batch_emulator.machine.machine import Machine
    from batch_emulator.machine.podman import Podman
    from batch_emulator.registries import Registry

_DOCKER_HUB = "docker.io"
_DOCKER_HUB_NAMES = ("", "docker.io", "index.docker.io", "registry-1.docker.io", "hub.docker.com")
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_SERVER = re.compile(_HOST)
_REFERENCE = re.compile(
    rf"(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?P<tag>:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?"
)
_MAX_REFERENCE_CHARS = 512
# Podman would read `dir:5000/image` as a directory.
_TRANSPORTS = (
    *("containers-storage", "dir", "docker", "docker-archive", "docker-daemon", "oci", "oci-archive", "ostree", "sif"),
    "tarball",
)
# The user name with which Azure Container Registry accepts a token as the password.
_IDENTITY_USER = "00000000-0000-0000-0000-000000000000"
_RESOURCE_MANAGER = "https://management.azure.com/"


async def pull_for_node(machine: Machine, node: Host) -> None:
    """Log in to the registries of the node's pool and pull its images. Raises PreparationError."""
    if machine.podman is not None:
        await _provide(machine, machine.podman, node.container_images, node.container_registries, node, check=True)


async def pull_for_task(machine: Machine, podman: Podman, settings: Doc, node: Host) -> str:
    """Pull the image of a task, unless it is there; returns its full name. Raises PreparationError."""
    registries = list(node.container_registries)
    if "registry" in settings:
        registries.append(settings["registry"])
    (name,) = await _provide(machine, podman, [settings["imageName"]], registries, node, check=False)
    return name


async def _provide(
    machine: Machine, podman: Podman, images: list[str], registries: list[Registry], node: Host, *, check: bool
) -> list[str]:
    """Pull those of `images` that podman does not have; returns their full names. `check`: log in whatever is there."""
    names = [full_name(image) for image in images]
    missing = [name for name in names if not await _exists(podman, name)]
    if missing or (check and registries):
        with tempfile.TemporaryDirectory(dir=podman.folder) as folder:
            authentication: list[str] = []
            for registry in registries:
                authentication = await _log_in(machine, podman, registry, node, Path(folder)) or authentication
            for name in missing:
                await _pull(podman, name, authentication)
    return names


def full_name(image: str) -> str:
    """The full name of an image, by Docker's rules: `busybox` is docker.io/library/busybox:latest."""
    first, slash, rest = image.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        server, rest = _DOCKER_HUB, image
    else:
        server = _DOCKER_HUB if first in _DOCKER_HUB_NAMES else first
    found = _REFERENCE.fullmatch(rest) if len(image) <= _MAX_REFERENCE_CHARS else None
    if found is None or not _SERVER.fullmatch(server) or server.partition(":")[0].lower() in _TRANSPORTS:
        raise _invalid_image(image, "This is not the name of an image.")
    path = f"library/{found['path']}" if server == _DOCKER_HUB and "/" not in found["path"] else found["path"]
    return f"{server}/{path}{found['digest'] or found['tag'] or ':latest'}"


async def _exists(podman: Podman, name: str) -> bool:
    return (await podman.call("image", "exists", name)).code == 0


async def _pull(podman: Podman, name: str, authentication: list[str]) -> None:
    async with podman.pulling.setdefault(name, asyncio.Lock()), podman.pull_limit:
        if await _exists(podman, name):
            return
        pulled = await podman.call("pull", "--quiet", *authentication, name)
    if pulled.code:
        raise _invalid_image(name, pulled.error)


async def _log_in(machine: Machine, podman: Podman, registry: Registry, node: Host, folder: Path) -> list[str] | None:
    """Log in to `registry`; returns the option that names the file with the credentials. None: it has none."""
    server = server_name(registry.doc.get("registryServer", ""))
    identity: Doc | None = registry.doc.get("identityReference")
    if identity is not None:
        user = _IDENTITY_USER
        password = await _refresh_token(machine, server, identity["resourceId"], node)
    elif registry.password is not None:
        user, password = registry.doc["username"], registry.password
    else:
        return None
    option = f"--authfile={folder / 'auth.json'}"
    async with podman.pull_limit:
        done = await podman.call(
            "login", option, f"--username={user}", "--password-stdin", server, standard_input=password
        )
    if done.code:
        raise _invalid_registry(server, done.error)
    return [option]


def server_name(given: str) -> str:
    """The host and port of a registry, which clients give as a URL too."""
    host = re.sub(r"^https?://", "", given).partition("/")[0]
    if host in _DOCKER_HUB_NAMES:
        return _DOCKER_HUB
    if not _SERVER.fullmatch(host):
        raise _invalid_registry(given, "This is not the name of a registry server.")
    return host


async def _refresh_token(machine: Machine, server: str, identity: str, node: Host) -> str:
    """A token of an Azure Container Registry, in exchange for one of the identity."""
    try:
        token = await machine.token(resource_id=identity, identities=node.identities, resource=_RESOURCE_MANAGER)
        form = {"grant_type": "access_token", "service": server, "access_token": token}
        async with machine.session.post(f"https://{server}/oauth2/exchange", data=form) as reply:
            if reply.status == 200:
                return str((await reply.json(content_type=None))["refresh_token"])
            message = f"The registry responded {reply.status} to the identity's token."
    except IdentityError as error:
        message = str(error)
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
        message = f"The registry did not exchange the identity's token: {error}"
    raise _invalid_registry(server, message)


def _invalid_image(image: str, message: str) -> PreparationError:
    text = "One or more container images specified are invalid"
    return PreparationError("ContainerInvalidImage", text, ContainerImage=image, Message=message)


def _invalid_registry(server: str, message: str) -> PreparationError:
    text = "One or more container registries specified are invalid"
    return PreparationError("ContainerInvalidRegistry", text, ContainerRegistry=server, Message=message)
