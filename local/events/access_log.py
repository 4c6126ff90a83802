"""Parses blob changes from Azurite's access log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

# The time is ignored: the blob's own properties are more precise.
_LINE = re.compile(r'\S+ \S+ \S+ \[[^]]*] "(?P<method>[A-Z]+) (?P<url>.*) HTTP/[\d.]+" (?P<status>\d{3}) ')


@dataclass(frozen=True, kw_only=True)
class BlobChange:
    """A blob was written or deleted. `api` is the REST operation, as far as the log shows it."""

    container: str
    name: str
    api: Literal["PutBlob", "PutBlockList", "DeleteBlob"]


def blob_change(line: str) -> BlobChange | None:
    """The blob change in a log line; None for reads, failed requests and requests for anything but a blob.

    A copy is reported as PutBlob; only the blob's properties distinguish it.
    """
    found = _LINE.match(line)
    if not found or not found["status"].startswith("2"):
        return None
    # Not urlsplit on the whole URL: it would read a path that starts with // as a host.
    path, _, query_text = found["url"].partition("?")
    if path.startswith("http"):
        path = urlsplit(path).path
    query = parse_qs(query_text)
    _, _account, container, *rest = [*path.split("/", 3), "", "", ""][:4]
    # Azure Storage stores a backslash as a slash.
    name = unquote(rest[0]).replace("\\", "/")
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
