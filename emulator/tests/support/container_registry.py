"""A container registry with one small image, over TLS and with a password, and the settings for podman to use it."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import re
import shutil
import ssl
import subprocess
import tarfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from typing import Self

USER, PASSWORD = "reader", "p@ss word"
IDENTITY_USER, REFRESH_TOKEN = "00000000-0000-0000-0000-000000000000", "refresh-token"
MARKER = "/etc/test-image"
"""A file that only the image has."""
_PROGRAMS = ("sh", "cat", "env", "ls", "sleep", "id")
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def _layer() -> bytes:
    """A file system with some programs of this machine and their libraries."""
    programs = {f"bin/{name}": Path(str(shutil.which(name))).resolve() for name in _PROGRAMS}
    linked = subprocess.run(
        [str(shutil.which("ldd")), *programs.values()], check=True, capture_output=True, text=True
    ).stdout
    libraries = {path.lstrip("/"): Path(path).resolve() for path in re.findall(r"(/\S+) \(0x", linked)}
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for folder in ("etc", "usr"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name, text in ((MARKER.lstrip("/"), b"test image\n"), ("etc/passwd", b"root:x:0:0::/root:/bin/sh\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
        for name, path in (programs | libraries).items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = path.stat().st_size, 0o755
            with path.open("rb") as source:
                archive.addfile(entry, source)
    return content.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class ContainerRegistry:
    """The registry. `pulls` has the paths of the manifests that were sent; images in `private/` need the password."""

    certificate: Path
    key: Path
    pulls: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        layer = _layer()
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/bin/cat", MARKER], "User": "1234", "WorkingDir": "/usr"},
                "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
            }
        ).encode()
        self.blobs = {_digest(blob): blob for blob in (layer, config)}
        parts: list[dict[str, Any]] = [
            {"mediaType": kind, "digest": _digest(blob), "size": len(blob)}
            for kind, blob in ((_CONFIG, config), (_LAYER, layer))
        ]
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": parts[0], "layers": parts[1:]}
        self.manifest = json.dumps(manifest).encode()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.registry = self  # type: ignore[attr-defined]
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def name(self) -> str:
        """Its name in references to images."""
        return f"127.0.0.1:{self._server.server_port}"

    def podman_settings(self, folder: Path) -> dict[str, str]:
        """Environment variables that give podman a storage in `folder` and let it trust this registry."""
        registries, storage = folder / "registries.conf", folder / "storage.conf"
        registries.write_text(f'[[registry]]\nlocation = "{self.name}"\ninsecure = true\n')
        storage.write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/storage-run"\n'
        )
        return {"CONTAINERS_REGISTRIES_CONF": str(registries), "CONTAINERS_STORAGE_CONF": str(storage)}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def registry(self) -> ContainerRegistry:
        return cast("ContainerRegistry", self.server.registry)  # type: ignore[attr-defined]

    def do_GET(self) -> None:
        path = self.path
        if not path.startswith("/v2/public/") and not self._authenticated():
            self._send(401, b"{}", {"WWW-Authenticate": 'Basic realm="test"'})
        elif path == "/v2/":
            self._send(200, b"{}")
        elif found := re.fullmatch(r"/v2/(?:public|private)/image\S*/manifests/\S+", path):
            self.registry.pulls.append(found[0])
            self._send(200, self.registry.manifest, {"Content-Type": _MANIFEST})
        elif blob := self.registry.blobs.get(path.rpartition("/")[2]):
            self._send(200, blob)
        else:
            self._send(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}')

    do_HEAD = do_GET  # noqa: N815 - named by its base class

    def do_POST(self) -> None:
        """Exchange a token of Entra ID, as Azure Container Registry does."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        payload = form["access_token"][0].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        good = self.path == "/oauth2/exchange" and form["service"] == [self.registry.name]
        accepted = good and claims["aud"].rstrip("/") == "https://management.azure.com"
        self._send(200 if accepted else 400, json.dumps({"refresh_token": REFRESH_TOKEN}).encode())

    def _authenticated(self) -> bool:
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        given = base64.b64decode(credentials).decode() if scheme == "Basic" else ""
        return given in (f"{USER}:{PASSWORD}", f"{IDENTITY_USER}:{REFRESH_TOKEN}")

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on the console."""
