"""Only the blob's name is taken from an event."""

import azure.functions as func
import pytest

from shared.lifecycle.events import IgnoredEventError, blob_name

CREATED = "Microsoft.Storage.BlobCreated"


def event(subject: str, type_: str = CREATED) -> func.EventGridEvent:
    return func.EventGridEvent(
        id="1", data={}, topic="", subject=subject, event_type=type_, event_time=None, data_version=""
    )


@pytest.mark.parametrize(
    "name", ["tom.mp4", "cats/tom and jerry.mp4", "blobs/blobs/a.mp4", "ä\n☃.mp4", "-x.mp4", "..mp4"]
)
def test_blob_name_is_all_that_follows_the_container(name: str) -> None:
    assert blob_name(event(f"/blobServices/default/containers/videos/blobs/{name}"), container="videos") == name


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
def test_event_is_ignored_unless_its_subject_names_an_input_blob(subject: str) -> None:
    with pytest.raises(IgnoredEventError):
        blob_name(event(subject), container="videos")


def test_event_of_another_type_is_ignored() -> None:
    with pytest.raises(IgnoredEventError, match="BlobDeleted"):
        blob_name(
            event("/blobServices/default/containers/videos/blobs/a.mp4", "Microsoft.Storage.BlobDeleted"),
            container="videos",
        )
