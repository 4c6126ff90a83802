"""What a conversion shows that is not stored: its cost, and advice on its error."""

import pytest

from shared.conversion import Conversion, Extra, Gif, Problem
from shared.representation import represent
from shared.settings import read_settings
from tests.support.settings import MINIMAL_SETTINGS


def cost(compute_seconds: float | None, **settings: str) -> float | None:
    conversion = Conversion(video="a.mp4", etag="0x1", id="1", state="succeeded", compute_seconds=compute_seconds)
    return represent(conversion, read_settings(MINIMAL_SETTINGS | settings))["cost"]


def test_cost_is_the_share_of_a_node_for_the_time_on_it() -> None:
    assert cost(3600, GIFDROP_NODE_PRICE="0.103") == 0.103
    assert cost(3600, GIFDROP_NODE_PRICE="0.103", GIFDROP_TASK_SLOTS="2") == pytest.approx(0.0515)
    assert cost(15.9, GIFDROP_NODE_PRICE="0.103", GIFDROP_TASK_SLOTS="2") == 0.000227


def test_gif_lists_the_files_beside_it() -> None:
    webp = Extra(kind="webp", name="a b.webp", bytes=5, width=2, height=3)
    gif = Gif(name="a b.gif", bytes=1, width=2, height=3, frames=4, duration_seconds=5, also=(webp,))
    conversion = Conversion(video="a b.mp4", etag="0x1", id="1", state="succeeded", gif=gif)
    settings = read_settings(MINIMAL_SETTINGS)
    video = represent(conversion, settings)
    shown, links = video["gif"], video["links"]
    assert (links["poster"], links["webp"]) == (None, "/api/gifs/a%20b.webp")
    assert shown
    assert shown["also"] == [
        {
            "kind": "webp",
            "name": "a b.webp",
            "url": f"{settings.storage_url}/gifs/a%20b.webp",
            "bytes": 5,
            "width": 2,
            "height": 3,
        }
    ]


def test_cost_is_null_without_a_price_or_without_compute_time() -> None:
    assert cost(3600) is None
    assert cost(3600, GIFDROP_NODE_PRICE="") is None
    assert cost(None, GIFDROP_NODE_PRICE="0.103") is None


@pytest.mark.parametrize(
    ("code", "retryable", "advice"),
    [("Truncated", False, "Export or upload it again."), ("ConverterFailed", True, None)],
)
def test_error_says_whether_a_retry_helps_and_what_helps_otherwise(
    code: str, retryable: bool, advice: str | None
) -> None:
    error = Problem(code=code, message="Why.")
    conversion = Conversion(video="a.mp4", etag="0x1", id="1", state="failed", error=error)
    assert represent(conversion, read_settings(MINIMAL_SETTINGS))["error"] == {
        "code": code,
        "message": "Why.",
        "retryable": retryable,
        "advice": advice,
    }


def test_links_are_paths_of_the_api_to_what_there_is() -> None:
    extra = Extra(kind="webp", name="a b.webp", bytes=5, width=2, height=3)
    gif = Gif(name="a b.gif", bytes=1, width=2, height=3, frames=4, duration_seconds=5, also=(extra,))
    made = Conversion(video="a b.mp4", etag="0x1", id="1", state="succeeded", task_id="1-1", gif=gif)
    settings = read_settings(MINIMAL_SETTINGS)
    assert represent(made, settings)["links"] == {
        "self": "/api/status/a%20b.mp4",
        "gif": "/api/gifs/a%20b.gif",
        "poster": None,
        "webp": "/api/gifs/a%20b.webp",
        "log": None,
    }


@pytest.mark.parametrize(
    ("code", "logs", "linked"),
    [
        ("ConverterFailed", "failure", True),
        ("TookTooLong", "failure", True),
        ("NotAVideo", "failure", False),
        ("NotAVideo", "always", True),
    ],
)
def test_log_is_linked_if_the_task_has_uploaded_one(code: str, logs: str, linked: bool) -> None:
    error = Problem(code=code, message="Why.")
    failed = Conversion(video="a.mp4", etag="0x1", id="1", state="failed", task_id="1-1", error=error)
    log = represent(failed, read_settings(MINIMAL_SETTINGS | {"GIFDROP_LOGS": logs}))["links"]["log"]
    assert log == ("/api/logs/a.mp4" if linked else None)
