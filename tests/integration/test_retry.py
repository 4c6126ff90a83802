"""`POST retry` and `POST retry/{video}`."""

from tests.support.stack_client import StackClient


async def test_retry_queues_a_new_attempt_of_a_failed_video(client: StackClient) -> None:
    await client.drop("retry/notes.mp4", b"not a video")
    assert (await client.final_status("retry/notes.mp4"))["attempt"] == 1
    code, body = await client.post("retry/retry/notes.mp4")
    assert code == 200
    assert (body["video"], body["state"], body["attempt"], body["error"]) == ("retry/notes.mp4", "queued", 2, None)
    assert body["task"]["task_id"].endswith("-2")
    ended = await client.final_status("retry/notes.mp4")
    assert (ended["state"], ended["attempt"], ended["error"]["code"]) == ("failed", 2, "NotAVideo")


async def test_retry_by_error_code_retries_all_videos_with_that_code(client: StackClient) -> None:
    names = [f"retry/empty/{number}.mp4" for number in range(3)]
    await client.drop_all(dict.fromkeys(names, b""))
    await client.final_statuses(*names)
    code, body = await client.post("retry?error=EmptyFile")
    assert (code, body["retried"] >= 3) == (200, True)
    assert await client.post("retry?error=NoSuchError") == (200, {"retried": 0})
    await client.final_statuses(*names)
