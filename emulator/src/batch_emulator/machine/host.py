"""What running a command line needs to know about its node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from batch_emulator.entity import Doc
    from batch_emulator.registries import Registry


class Host(Protocol):
    """A compute node, as this package sees it. `packages` are those unzipped on it, by lower-case id and version."""

    root: Path
    packages: dict[tuple[str, str], asyncio.Task[Path]]

    @property
    def id(self) -> str: ...

    @property
    def dedicated(self) -> bool: ...

    @property
    def pool_id(self) -> str: ...

    @property
    def identities(self) -> list[Doc]: ...

    @property
    def has_containers(self) -> bool: ...

    @property
    def container_images(self) -> list[str]: ...

    @property
    def container_registries(self) -> list[Registry]: ...

    @property
    def pool_packages(self) -> list[Doc]: ...
