"""Single services as child processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from local.process import ServiceCrashedError, ServiceProcess, clean_environment


@asynccontextmanager
async def running_service(
    name: str, *arguments: str, directory: Path, environment: dict[str, str] | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Run a service of the stack; yields its first line of output."""

    def on_crash(error: ServiceCrashedError) -> None:
        raise error

    service = ServiceProcess(
        name=name,
        module=f"local.{name}",
        arguments=arguments,
        environment=clean_environment() | (environment or {}),
        log=directory / f"{name}.log",
        on_crash=on_crash,
    )
    try:
        yield await service.start()
    finally:
        await service.stop()
