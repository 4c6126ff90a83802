"""Application packages: zip files, unzipped once on each node."""

from __future__ import annotations

import asyncio
import re
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from batch_emulator.machine.errors import PreparationError

if TYPE_CHECKING:
    from batch_emulator.entity import Doc
    from batch_emulator.machine.host import Host
    from batch_emulator.machine.machine import Machine


def available(root: Path | None) -> dict[str, list[str]]:
    """Versions by application id, the newest last."""
    if root is None or not root.is_dir():
        return {}
    found: dict[str, list[str]] = {}
    for directory in sorted(each for each in root.iterdir() if each.is_dir()):
        archives = sorted(directory.glob("*.zip"), key=lambda archive: archive.stat().st_mtime_ns)
        if archives:
            found[directory.name] = [archive.stem for archive in archives]
    return found


async def install(machine: Machine, node: Host, references: list[Doc]) -> dict[str, str]:
    """Unzip the packages on `node`; returns the environment variables with their paths. Raises PreparationError."""
    found: dict[str, str] = {}
    for reference in references:
        name, version = _resolve(machine, reference)
        key = (name.lower(), version)
        if key not in node.packages:
            unzipping = asyncio.to_thread(_unzip, machine.applications, node.root / "applications", name, version)
            node.packages[key] = asyncio.get_running_loop().create_task(unzipping)
        try:
            directory = await asyncio.shield(node.packages[key])
        except (OSError, zipfile.BadZipFile) as error:
            node.packages.pop(key, None)
            raise PreparationError(
                "ApplicationPackageError", f"The package {name} {version} cannot be unzipped: {error}"
            ) from error
        given = reference.get("version")
        suffix = f"{name}_{version}" if given is not None else name
        found["AZ_BATCH_APP_PACKAGE_" + re.sub(r"[.\-#]", "_", suffix)] = str(directory)
    return found


async def forget(node: Host) -> None:
    """Forget the packages of `node` before its files are removed, once nothing is being unzipped there."""
    await asyncio.gather(*node.packages.values(), return_exceptions=True)
    node.packages.clear()


def _resolve(machine: Machine, reference: Doc) -> tuple[str, str]:
    wanted = str(reference["applicationId"])
    for name, versions in available(machine.applications).items():
        if name.lower() == wanted.lower():
            version = reference.get("version") or versions[-1]
            if version in versions:
                return wanted, str(version)
    raise PreparationError(
        "ApplicationPackageError",
        "One or more of the specified application packages are not available",
        ApplicationId=wanted,
        Version=str(reference.get("version", "")),
    )


def _unzip(packages: Path | None, root: Path, name: str, version: str) -> Path:
    if packages is None:
        raise FileNotFoundError(name)
    archive = next(each for each in packages.iterdir() if each.name.lower() == name.lower()) / f"{version}.zip"
    target = root / f"{name.lower()}-{version}"
    if target.exists():
        return target
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with zipfile.ZipFile(archive) as source:
        for member in source.infolist():
            path = Path(source.extract(member, partial))
            mode = member.external_attr >> 16 & 0o777
            if mode and not member.is_dir():
                path.chmod(mode)
    return partial.rename(target)
