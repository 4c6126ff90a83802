"""Deletes a video with everything that gifdrop made of it.

The record goes last, so that a repeated deletion finds whatever a crash has left.
The Batch task of an open conversion is only terminated; the sweep deletes it, and with it a GIF that a late completion
has published after the record was gone (`completion.py`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from shared.lifecycle.protocol import delete_outputs, read, terminate_task
from shared.lifecycle.refusal import RefusedError
from shared.names import is_video
from shared.services.errors import ConflictError, ServiceError
from shared.services.storage.index_rows import row_key

if TYPE_CHECKING:
    from shared.services.services import Services

log = logging.getLogger(__name__)

MAX_TRIES = 4


async def delete_video(video: str, services: Services) -> None:
    """Delete the present version of a video, its GIF and what is beside it, and its record.

    A version that is uploaded meanwhile stays.
    Raises `RefusedError` (`UnknownVideo`, `Changed`), `NewerRecordError` and other `ServiceError`s.
    """
    unknown = RefusedError("UnknownVideo", "There is no video of this name.")
    if not is_video(video):
        raise unknown
    settings = services.settings
    version = await services.rest.etag(settings.input_container, video)
    recorded = (await services.records.load(video)).conversion
    if version is not None:
        try:
            await services.blobs.delete_version(settings.input_container, video, expected_etag=version)
        except ConflictError:
            message = "The video has just been uploaded again; check it."
            raise RefusedError("Changed", message) from None
    for _ in range(MAX_TRIES):
        snapshot = await read(video, services)
        conversion = snapshot.conversion
        if conversion and conversion.etag not in (version, recorded.etag if recorded else None):
            return  # of a version that was uploaded meanwhile
        if version is None and snapshot.record_etag is None and not snapshot.output_etags:
            raise unknown
        if conversion and not conversion.final and conversion.job and conversion.task_id:
            await terminate_task(conversion.job, conversion.task_id, services)
        try:
            await delete_outputs(snapshot, services)
            if snapshot.record_etag is not None:
                await services.blobs.delete_version(
                    settings.records_container, video, expected_etag=snapshot.record_etag
                )
        except ConflictError as error:
            log.info("the deletion of %r is looked at again: %s", video, error)
            continue
        if conversion:
            await _remove_from_index(video, row_key(conversion), services)
        log.info("deleted %r", video)
        return
    raise RefusedError("Changed", "The video's status keeps changing; try again.")


async def _remove_from_index(video: str, row: str, services: Services) -> None:
    try:
        await services.index.correct(video, None, row=row)
    except ServiceError as error:
        log.warning("the index entry of %r is left to the reconciliation: %s", video, error)
