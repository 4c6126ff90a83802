"""What of a task's files may be published."""

from dataclasses import replace
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.conversion import Extra, Gif, Problem
from shared.lifecycle.outcome import Converted
from shared.lifecycle.staging import MAX_RESULT_BYTES, read_result, verify
from shared.services.errors import NotFoundError
from shared.services.storage.rest import HEAD_BYTES, Fingerprint

MAX_GIF_BYTES = 1000
GIF = b"GIF89a" + bytes(8)
POSTER = b"\xff\xd8\xff\xe0"
WEBP = b"RIFF\n\0\0\0WEBPVP8 " + bytes(4)


class Staging:
    """Files of the task `task`, and what was read of them."""

    def __init__(self, **files: bytes) -> None:
        self.files = {f"task/out.{suffix}": body for suffix, body in files.items()}
        self.read_bytes: list[int | None] = []
        self.settings = SimpleNamespace(staging_container="staging", max_gif_bytes=MAX_GIF_BYTES)
        self.rest = self

    async def fingerprint(self, container: str, name: str, *, max_bytes: int) -> Fingerprint:
        assert container == "staging"
        if name not in self.files:
            raise NotFoundError("BlobNotFound")
        body = self.files[name]
        digest = "" if len(body) > max_bytes else sha256(body).hexdigest()
        return Fingerprint(etag=f"etag of {name}", size=len(body), head=body[:HEAD_BYTES], sha256=digest)

    async def read(self, container: str, name: str, *, max_bytes: int | None = None) -> Any:
        self.read_bytes.append(max_bytes)
        raise NotFoundError(f"{container}/{name}")


def reported(*, gif: bytes = GIF, **extras: bytes) -> Converted:
    """What a converter reports that made these files."""
    also = tuple(Extra(kind=kind, name="", bytes=len(body), width=1, height=1) for kind, body in extras.items())
    return Converted(
        gif=Gif(name="", bytes=len(gif), width=1, height=1, frames=1, duration_seconds=1, also=also),
        sha256=sha256(gif).hexdigest(),
        extra_sha256={kind: sha256(body).hexdigest() for kind, body in extras.items()},
    )


async def verified(staging: Staging, outcome: Converted) -> dict[str, str] | Problem:
    return await verify("task", outcome, cast("Any", staging))


async def test_smallest_files_that_are_what_was_measured_are_published_by_their_etags() -> None:
    found = await verified(Staging(gif=GIF, jpg=POSTER, webp=WEBP), reported(poster=POSTER, webp=WEBP))
    assert found == {name: f"etag of task/{name}" for name in ("out.gif", "out.jpg", "out.webp")}


async def test_largest_gif_is_published_even_without_a_digest() -> None:
    gif = GIF.ljust(MAX_GIF_BYTES, b"\0")
    for outcome in (reported(gif=gif), replace(reported(gif=gif), sha256=None)):
        assert await verified(Staging(gif=gif), outcome) == {"out.gif": "etag of task/out.gif"}


@pytest.mark.parametrize(
    ("measured", "found", "code", "message"),
    [
        (GIF[:-1], GIF[:-1], "GifDamaged", "The converter reported a GIF of 13 bytes."),
        (GIF + bytes(987), GIF, "GifDamaged", "The converter reported a GIF of 1001 bytes."),
        (GIF, None, "GifMissing", "The converter reported a GIF but left none."),
        (GIF, GIF + b"\0", "GifDamaged", "The GIF has 15 bytes, but 14 were measured."),
        (b"GIF87a" + bytes(8), b"GIF87a" + bytes(8), "GifDamaged", "The converter's output is no GIF."),
        (GIF, GIF[:-1] + b"\1", "GifDamaged", "The GIF is not the one that the converter measured."),
    ],
)
async def test_gif_that_is_not_what_was_measured_is_a_problem(
    measured: bytes, found: bytes | None, code: str, message: str
) -> None:
    staging = Staging() if found is None else Staging(gif=found)
    assert await verified(staging, reported(gif=measured)) == Problem(code=code, message=message)


@pytest.mark.parametrize(
    ("measured", "found", "code", "message"),
    [
        (POSTER[:-1], POSTER[:-1], "FileDamaged", "The converter reported a poster of 3 bytes."),
        (POSTER, None, "FileMissing", "The converter reported a poster but left none."),
        (WEBP, WEBP, "FileDamaged", "The converter's output is no poster."),
        (POSTER, POSTER[:-1] + b"\1", "FileDamaged", "The poster is not the one that the converter measured."),
    ],
)
async def test_file_beside_the_gif_that_is_not_what_was_measured_is_a_problem(
    measured: bytes, found: bytes | None, code: str, message: str
) -> None:
    staging = Staging(gif=GIF) if found is None else Staging(gif=GIF, jpg=found)
    assert await verified(staging, reported(poster=measured)) == Problem(code=code, message=message)


async def test_webp_of_less_than_its_headers_is_a_problem() -> None:
    found = await verified(Staging(gif=GIF, webp=WEBP[:-1]), reported(webp=WEBP[:-1]))
    assert found == Problem(code="FileDamaged", message="The converter reported a WebP of 19 bytes.")


async def test_no_more_of_a_result_is_read_than_it_may_have() -> None:
    staging = Staging()
    assert await read_result("task", cast("Any", staging)) is None
    assert staging.read_bytes == [MAX_RESULT_BYTES]
