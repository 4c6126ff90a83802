"""Only the blob's name is taken from an event, and only if it can be one."""

import azure.functions as func
import pytest

from shared.events import IgnoredEventError, blob_of, check_name

CREATED = "Microsoft.Storage.BlobCreated"


def event(subject: str, type_: str = CREATED) -> func.EventGridEvent:
    return func.EventGridEvent(
        id="1", data={}, topic="", subject=subject, event_type=type_, event_time=None, data_version=""
    )


@pytest.mark.parametrize(
    "name", ["tom.mp4", "cats/tom and jerry.mp4", "blobs/blobs/a.mp4", "ä\n☃.mp4", "-x.mp4", "..mp4"]
)
def test_the_name_is_all_that_follows_the_container(name: str) -> None:
    assert blob_of(event(f"/blobServices/default/containers/videos/blobs/{name}"), container="videos") == name


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "tom.mp4",
        "/blobServices/default/containers/videos/blobs/",
        "/blobServices/default/containers/gifs/blobs/tom.mp4",
        "/blobServices/default/containers/videos/other/tom.mp4",
        "x/blobServices/default/containers/videos/blobs/tom.mp4",
    ],
)
def test_a_subject_that_names_no_video_of_ours_is_ignored(subject: str) -> None:
    with pytest.raises(IgnoredEventError):
        blob_of(event(subject), container="videos")


@pytest.mark.parametrize("name", ["", "../gifs/tom.mp4", "a/./tom.mp4", "x" * 1021 + ".mp4"])
def test_a_name_that_no_blob_has_or_that_means_another_blob_is_refused(name: str) -> None:
    with pytest.raises(IgnoredEventError):
        check_name(name)


def test_another_type_of_event_is_ignored() -> None:
    with pytest.raises(IgnoredEventError, match="BlobDeleted"):
        blob_of(
            event("/blobServices/default/containers/videos/blobs/a.mp4", "Microsoft.Storage.BlobDeleted"),
            container="videos",
        )
