"""Schemas of containers and their registries."""

from __future__ import annotations

from batch_emulator.errors import BatchError
from batch_emulator.registries import Registry
from batch_emulator.schema.checks import body, boolean, exactly_one, invalid, many, one_of, text


def _username(value: object, path: str) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise invalid(path, value, "A string without control characters is expected")
    return value


def _password(value: object, path: str) -> str:
    if not isinstance(value, str):
        # Without its value, which other errors quote.
        raise BatchError("InvalidPropertyValue", PropertyName=path, Reason="A string is expected")
    return value


_registry = body(
    username=_username,
    password=_password,
    registryServer=text(),
    identityReference=body("resourceId", resourceId=text()),
)


def registry(given: object, path: str) -> Registry:
    """A registry, which is used with a user's password, with an identity, or without either."""
    value = _registry(given, path)
    password = value.pop("password", None)
    if password is not None or "identityReference" in value:
        exactly_one(value, ("username", "identityReference"), path)
    return Registry(value, password)


configuration = body(
    "type",
    type=one_of("dockerCompatible", "criCompatible"),
    containerImageNames=many(text()),
    containerRegistries=many(registry),
)
settings = body(
    "imageName",
    imageName=text(),
    containerRunOptions=text(),
    registry=registry,
    workingDirectory=one_of("taskWorkingDirectory", "containerImageDefault"),
    containerHostBatchBindMounts=many(
        body(
            "source",
            source=one_of("Shared", "Startup", "VfsMounts", "Task", "JobPrep", "Applications"),
            isReadOnly=boolean,
        )
    ),
)
