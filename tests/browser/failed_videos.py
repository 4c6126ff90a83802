"""Videos that have failed for a reason that may be over at the next attempt."""

from shared.conversion import Conversion, Problem
from shared.names import conversion_id
from shared.services.storage.record_format import to_json, to_metadata
from shared.timestamps import utc_now
from tests.support.stack_client import StackClient


async def put_failed(name: str, body: bytes, client: StackClient) -> None:
    """A video whose record says that its converter failed on the node, so that a retry may help.

    The index does not follow: the page shows this record where it lists the records of a prefix.
    """
    etag = await client.drop(name, body)
    await client.final_status(name, etag=etag)
    await client.wait_until_tasks_deleted()
    id_ = conversion_id("videos", name, etag)
    error = Problem(code="ConverterFailed", message="The converter stopped unexpectedly (exit code 1); see its log.")
    conversion = Conversion(
        video=name,
        etag=etag,
        id=id_,
        state="failed",
        error=error,
        task_id=f"{id_}-1",
        queued_at=utc_now(),
        finished_at=utc_now(),
    )
    records = client.storage.get_container_client("conversions")
    await records.upload_blob(name, to_json(conversion), metadata=to_metadata(conversion), overwrite=True)
