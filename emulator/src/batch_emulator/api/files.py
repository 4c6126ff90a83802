"""Operations on the files of tasks and nodes."""

from __future__ import annotations

import asyncio
import mimetypes
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from batch_emulator import clock
from batch_emulator.errors import BatchError
from batch_emulator.wire import listing, preconditions, ranges
from batch_emulator.wire.call import STANDARD_HEADERS, empty_response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_emulator.entity import Doc
    from batch_emulator.wire.call import Call

FILES = listing.kind("files", ["name", "url", "isDirectory", "properties"], "name")
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Root:
    """The directory that the file paths of a request are relative to, and its URL."""

    path: Path
    url: str

    def find(self, name: str) -> Path:
        """The file `name` inside this directory. Raises FileNotFound."""
        try:
            found = (self.path / name).resolve()
            inside = found.is_relative_to(self.path.resolve())
        except (OSError, ValueError):
            inside = False
        if not inside or not found.exists():
            raise BatchError("FileNotFound")
        return found


def _task_root(call: Call) -> Root:
    task = call.account.task(call.path_variable("job"), call.path_variable("task"))
    if task.node is None or "nodeInfo" not in task.doc:
        raise BatchError("TaskFilesUnavailable", "The task has not run on a node yet.")
    if task.files_removed:
        raise BatchError("TaskFilesCleanedup", "The files of the task were removed from the node.")
    if task.node.pool.nodes.get(task.node.id) is not task.node:
        raise BatchError("NodeNotFound", "The node that the task ran on is gone.")
    return Root(task.node.root / task.doc["nodeInfo"]["taskRootDirectory"], f"{call.link(task.doc['url'])}/files")


def _node_root(call: Call) -> Root:
    node = call.node()
    return Root(node.root, f"{call.link(node.doc['url'])}/files")


def _content_type(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _properties(path: Path) -> Doc:
    stat = path.stat()
    return {
        "creationTime": clock.timestamp(datetime.fromtimestamp(stat.st_ctime, UTC)),
        "lastModified": clock.timestamp(datetime.fromtimestamp(stat.st_mtime, UTC)),
        "contentLength": str(stat.st_size),
        "contentType": _content_type(path),
        "fileMode": f"0o{stat.st_mode:o}",
    }


def _paths(root: Path, *, recursive: bool) -> list[Path]:
    """The contents of a directory; any of them may vanish meanwhile."""
    found: list[Path] = []
    for directory, folders, names in os.walk(root):
        found += [Path(directory, name) for name in (*folders, *names)]
        if not recursive:
            break
    return sorted(found)


def _walk(root: Root, *, recursive: bool) -> Iterator[Doc]:
    for path in _paths(root.path, recursive=recursive):
        name = path.relative_to(root.path).as_posix()
        item: Doc = {"name": name, "url": f"{root.url}/{quote(name)}", "isDirectory": path.is_dir()}
        try:
            if not path.is_dir():
                item["properties"] = _properties(path)
        except OSError:
            continue
        yield item


def _list(call: Call, root: Root) -> web.Response:
    recursive = call.request.query.get("recursive", "false").lower() == "true"
    return listing.page(call, FILES, enumerate(_walk(root, recursive=recursive), 1))


def _headers(root: Root, path: Path, stat: os.stat_result) -> dict[str, str]:
    created, modified = (datetime.fromtimestamp(each, UTC) for each in (stat.st_ctime, stat.st_mtime))
    return {
        "Content-Type": _content_type(path),
        "Last-Modified": format_datetime(modified, usegmt=True),
        "ocp-creation-time": format_datetime(created, usegmt=True),
        "ocp-batch-file-isdirectory": str(S_ISDIR(stat.st_mode)),
        "ocp-batch-file-url": quote(f"{root.url}/{path.relative_to(root.path.resolve()).as_posix()}", safe=""),
        "ocp-batch-file-mode": f"0o{stat.st_mode:o}",
    }


def _describe(call: Call, root: Root) -> web.Response:
    path = root.find(call.path_variable("path"))
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise BatchError("FileNotFound") from None
    preconditions.check_times(call.request.headers, stat.st_mtime, reading=True)
    size = 0 if S_ISDIR(stat.st_mode) else stat.st_size
    return web.Response(status=200, headers=_headers(root, path, stat) | {"Content-Length": str(size)})


async def _download(call: Call, root: Root) -> web.StreamResponse:
    path = root.find(call.path_variable("path"))
    if path.is_dir():
        raise BatchError("FileNotFound", "The specified path is a directory.")
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise BatchError("FileNotFound") from None
    with file:
        # A file that grows or is replaced meanwhile is sent as it is now.
        stat = os.fstat(file.fileno())
        preconditions.check_times(call.request.headers, stat.st_mtime, reading=True)
        header = call.request.headers.get("ocp-range") or call.request.headers.get("Range")
        start, end = ranges.parse(header, stat.st_size) if header else (0, stat.st_size)
        response = web.StreamResponse(status=200, headers=_headers(root, path, stat))
        response.content_length = end - start
        response.headers.update(call.request[STANDARD_HEADERS])
        await response.prepare(call.request)
        file.seek(start)
        left = end - start
        while left > 0 and (chunk := await asyncio.to_thread(file.read, min(_CHUNK_BYTES, left))):
            left -= len(chunk)
            await response.write(chunk)
        if left:  # it was truncated meanwhile: the client must not wait for the rest
            response.force_close()
    await response.write_eof()
    return response


def _delete(call: Call, root: Root) -> web.Response:
    path = root.find(call.path_variable("path"))
    if path == root.path.resolve():
        raise BatchError("FileNotFound")
    if not path.is_dir():
        path.unlink()
    elif call.request.query.get("recursive", "false").lower() == "true":
        shutil.rmtree(path)
    else:
        try:
            path.rmdir()
        except OSError:
            raise BatchError("OperationInvalidForCurrentState", "The specified directory is not empty.") from None
    return empty_response(200)


async def list_task_files(call: Call) -> web.Response:
    return _list(call, _task_root(call))


async def get_task_file_properties(call: Call) -> web.Response:
    return _describe(call, _task_root(call))


async def download_task_file(call: Call) -> web.StreamResponse:
    return await _download(call, _task_root(call))


async def delete_task_file(call: Call) -> web.Response:
    return _delete(call, _task_root(call))


async def list_node_files(call: Call) -> web.Response:
    return _list(call, _node_root(call))


async def get_node_file_properties(call: Call) -> web.Response:
    return _describe(call, _node_root(call))


async def download_node_file(call: Call) -> web.StreamResponse:
    return await _download(call, _node_root(call))


async def delete_node_file(call: Call) -> web.Response:
    return _delete(call, _node_root(call))
