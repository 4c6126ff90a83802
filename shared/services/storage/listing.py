"""Parses List Blobs without the SDK, which takes 0.5 ms of CPU for a blob with metadata; this takes 0.03 ms."""

from email.utils import parsedate_to_datetime
from io import BytesIO
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from shared.services.storage.blob import Blob, Page


def parse_page(body: bytes) -> Page:
    """The page in the body of a List Blobs response.

    https://learn.microsoft.com/rest/api/storageservices/list-blobs#response-body
    """
    blobs: list[Blob] = []
    marker: str | None = None
    # The storage account is trusted, and today's expat withstands entity bombs.
    for _, element in ET.iterparse(BytesIO(body)):  # noqa: S314
        if element.tag == "Blob":
            blobs.append(_blob(element))
            element.clear()  # the tree of 5,000 blobs takes 40 MB
        elif element.tag == "NextMarker":
            marker = element.text
    return Page(blobs=blobs, marker=marker or None)


def _blob(element: ET.Element) -> Blob:
    name = element.find("Name")
    properties = element.find("Properties")
    metadata = element.find("Metadata")
    if name is None or properties is None:
        raise ValueError("List Blobs returned a blob without a name or properties")
    text = name.text or ""
    return Blob(
        # Names with characters that XML cannot hold are percent-encoded.
        name=unquote(text) if name.get("Encoded") == "true" else text,
        etag=(properties.findtext("Etag") or "").strip('"'),
        last_modified=parsedate_to_datetime(properties.findtext("Last-Modified") or ""),
        bytes=int(properties.findtext("Content-Length") or 0),
        metadata={} if metadata is None else {entry.tag: entry.text or "" for entry in metadata},
    )
