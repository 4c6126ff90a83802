"""Converting a video again, and deleting it, on the real stack."""

from tests.support.stack_client import StackClient


async def test_video_is_converted_again_with_other_options(client: StackClient, video: bytes) -> None:
    name = "again/tom.mp4"
    await client.drop(name, video, metadata={"gif_width": "64"})
    first = await client.final_status(name)
    assert (first["gif"]["width"], first["options"]["width"]) == (64, 64)
    response = await client.change("POST", f"retry/{name}", {"options": {"width": 96, "duration": 1}})
    assert (response.status, response.json()["state"], response.json()["attempt"]) == (200, "queued", 2)
    second = await client.final_status(name)
    assert (second["attempt"], second["gif"]["width"], second["options"]["duration"]) == (2, 96, 1)
    gif = await client.gif("again/tom.gif")
    assert gif is not None
    assert len(gif) == second["gif"]["bytes"]
    listed = (await client.get("status", prefix=name))[1]["videos"][0]
    assert listed["options"] == second["options"]
    assert listed["source"] == second["source"]
    await client.wait_until_tasks_deleted()


async def test_deleted_video_leaves_nothing(client: StackClient, tiny_video: bytes) -> None:
    name = "again/gone.mp4"
    await client.drop(name, tiny_video)
    await client.final_status(name)
    deleted = await client.change("DELETE", f"videos/{name}")
    assert (deleted.status, deleted.body) == (204, b"")
    assert (await client.status(name))[0] == 404
    assert await client.gif("again/gone.gif") is None
    assert (await client.get("status", prefix=name))[1]["videos"] == []
    repeated = await client.change("DELETE", f"videos/{name}")
    assert (repeated.status, repeated.json()["code"]) == (404, "UnknownVideo")
    await client.drop(name, tiny_video)
    assert (await client.final_status(name))["state"] == "succeeded"
