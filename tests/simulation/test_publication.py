"""The event of a result publishes its GIF at once, in whatever order and number events and files arrive."""

import asyncio
import json
import logging

import pytest

from shared.lifecycle import publication
from shared.names import GIF_FILE, gif_name
from tests.simulation.batch import GIF, Job, Task
from tests.simulation.steps import VIDEO, let_pass, upload_and_submit
from tests.simulation.world import World


async def running(world: World, body: bytes = b"good1") -> Task:
    """A version of the video whose task runs."""
    task = await upload_and_submit(world, body)
    world.batch.begin(task)
    return task


def upload_outputs(world: World, task: Task) -> None:
    """The node has uploaded the task's files, but Batch still shows it as running."""
    world.batch.end(task, "judged")
    task.state, task.ended = "running", None


async def test_result_event_publishes_the_gif_while_batch_still_shows_the_task_running(world: World) -> None:
    task = await running(world)
    upload_outputs(world, task)
    world.deliver_result(task.id)
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.finished_at
    assert (record.state, record.node_id, world.batch.tasks) == ("succeeded", "node", [])
    assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + b"good1;"


async def test_result_event_of_a_task_in_another_job_than_the_record_names(world: World) -> None:
    # A closed job refuses the task, another accepts it, and the task ends before that is recorded.
    task = await running(world)
    [chosen] = world.batch.jobs.values()
    world.batch.jobs["gifdrop-2026-11-21-2"] = Job("gifdrop-2026-11-21-2", tasks=chosen.tasks)
    chosen.state, chosen.tasks = "completed", {}
    upload_outputs(world, task)
    world.deliver_result(task.id)
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert (record.state, record.job_id, world.batch.tasks) == ("succeeded", "gifdrop-2026-11-21-2", [])


async def test_new_video_costs_no_request_for_older_files_or_index_entries(world: World) -> None:
    task = await running(world)
    upload_outputs(world, task)
    world.deliver_result(task.id)
    await let_pass(world)
    assert not [call for call in world.gate.log if call.startswith(("head gifs/", "index get"))]


async def test_each_saved_state_is_logged_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "shared.lifecycle.transitions"):
        task = await running(world)
        world.sweep()
        await let_pass(world)
        upload_outputs(world, task)
        world.deliver_result(task.id)
        await let_pass(world)
    lines = [line.partition(" ") for line in caplog.messages if line.startswith("transition ")]
    assert [json.loads(fields)["state"] for _, _, fields in lines] == ["queued", "running", "succeeded"]


async def test_result_event_fails_a_rejected_video_and_deletes_the_gif_of_an_older_version(world: World) -> None:
    older = await running(world)
    upload_outputs(world, older)
    world.deliver_result(older.id)
    await let_pass(world)
    task = await running(world, b"bad2")
    upload_outputs(world, task)
    world.deliver_result(task.id)
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.error
    assert (record.error.code, world.gifs.blobs) == ("NotAVideo", {})


async def test_result_event_replaces_the_gif_of_an_older_version(world: World) -> None:
    for body in (b"good1", b"good2"):
        task = await running(world, body)
        upload_outputs(world, task)
        world.deliver_result(task.id)
        await let_pass(world)
        assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + body + b";"


async def test_doubled_result_event_changes_nothing(world: World) -> None:
    task = await running(world)
    upload_outputs(world, task)
    world.deliver_result(task.id)
    world.deliver_result(task.id)
    await let_pass(world)
    written = world.gifs.blobs[gif_name(VIDEO)]
    world.deliver_result(task.id)
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert (record.state, world.results) == ("succeeded", [])
    assert world.gifs.blobs[gif_name(VIDEO)] is written


@pytest.mark.parametrize("body", [b"good1", b"bad1"])
async def test_result_event_of_a_superseded_attempt_changes_nothing(world: World, body: bytes) -> None:
    older = await running(world, body)
    await upload_and_submit(world, b"good2")
    older.read = body
    upload_outputs(world, older)
    world.deliver_result(older.id)
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert (record.state, world.gifs.blobs) == ("queued", {})


async def test_result_event_waits_for_a_gif_that_is_uploaded_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "FILE_WAITS_SECONDS", (0.01, 0.01))
    task = await running(world)
    upload_outputs(world, task)
    late = world.staging.blobs.pop(f"{task.id}/{GIF_FILE}")
    world.deliver_result(task.id)
    await let_pass(world, until=f"get staging/{task.id}/{GIF_FILE}")
    world.gate.end(0, "done")
    await world.idle()
    world.staging.blobs[f"{task.id}/{GIF_FILE}"] = late
    world.gate.open = True
    await asyncio.gather(*world.running)
    record = world.record(VIDEO)
    assert record
    assert record.state == "succeeded"


async def test_result_that_names_another_video_changes_nothing(world: World) -> None:
    task = await running(world)
    upload_outputs(world, task)
    name = f"{task.id}/result.json"
    forged = world.staging.blobs[name].body.replace(b"a.mp4", b"b.mp4")
    world.staging.put(name, forged)
    world.deliver_result(task.id)
    await let_pass(world)
    assert (world.gifs.blobs, world.record("b.mp4"), world.results) == ({}, None, [])
    world.batch.tasks[0].state = "completed"
    world.sweep()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert record.state == "succeeded"


@pytest.mark.parametrize(
    "result", [None, b"", b"{", b"{}", b'{"task": {"video": "notes.txt", "node_id": "node", "started_at": null}}']
)
async def test_event_of_a_result_that_names_no_video_is_accepted_and_changes_nothing(
    world: World, result: bytes | None
) -> None:
    task = await running(world)
    if result is not None:
        world.staging.put(f"{task.id}/result.json", result)
    world.deliver_result(task.id)
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert (record.state, world.results, world.gifs.blobs) == ("queued", [], {})


async def test_sweep_completes_what_result_events_missed(world: World) -> None:
    task = await running(world)
    world.batch.end(task, "judged")
    world.sweep()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert (record.state, world.batch.tasks) == ("succeeded", [])


async def test_publication_killed_after_any_call_is_finished_by_the_sweep() -> None:
    calls = 1
    while await killed_in_publication(after=calls):
        calls += 1
    assert calls > 4


async def killed_in_publication(*, after: int) -> bool:
    world = World()
    task = await running(world)
    upload_outputs(world, task)
    world.deliver_result(task.id)
    await world.idle()
    for _ in range(after):
        world.gate.end(0, "done")
        await world.idle()
    more = bool(world.gate.waiting)
    await world.kill()
    for left in world.batch.tasks:
        left.state = "completed"
    world.sweep()
    await let_pass(world)
    record = world.record(VIDEO)
    assert record
    assert (record.state, world.batch.tasks) == ("succeeded", [])
    assert world.gifs.blobs[gif_name(VIDEO)].body == GIF + b"good1;"
    await world.kill()
    return more
