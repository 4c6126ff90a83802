"""What Azurite's access log tells about blobs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

# The time is not used: a blob's own properties are more exact.
_LINE = re.compile(r'\S+ \S+ \S+ \[[^]]*] "(?P<method>[A-Z]+) (?P<url>.*) HTTP/[\d.]+" (?P<status>\d{3}) ')


@dataclass(frozen=True, kw_only=True)
class BlobChange:
    """A blob was written or deleted. `api` is the REST operation as far as the log tells it."""

    container: str
    name: str
    api: Literal["PutBlob", "PutBlockList", "DeleteBlob"]


def blob_change(line: str) -> BlobChange | None:
    """The change that a line of the log stands for; None for reads, failures and everything that is no blob.

    A copy looks like a PutBlob here; only the blob's properties tell it apart.
    """
    found = _LINE.match(line)
    if not found or not found["status"].startswith("2"):
        return None
    # Not urlsplit on the whole: a path that begins with // would be taken for a host.
    path, _, query_text = found["url"].partition("?")
    if path.startswith("http"):
        path = urlsplit(path).path
    query = parse_qs(query_text)
    _, _account, container, *rest = [*path.split("/", 3), "", "", ""][:4]
    name = unquote(rest[0])
    if not container or not name or "snapshot" in query or "versionid" in query:
        return None
    match found["method"], query.get("comp"):
        case "PUT", None:
            return BlobChange(container=unquote(container), name=name, api="PutBlob")
        case "PUT", ["blocklist"]:
            return BlobChange(container=unquote(container), name=name, api="PutBlockList")
        case "DELETE", None:
            return BlobChange(container=unquote(container), name=name, api="DeleteBlob")
    return None
