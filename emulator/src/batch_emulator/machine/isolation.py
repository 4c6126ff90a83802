"""`--isolate`: gives each command a file system of its own over that of the host, by Linux namespaces.

A command sees the host's files and may change all of them; what it changes outside its node's directory is in a layer
that is thrown away. Only that of the start task is kept until the node starts again: the layers of the node's other
commands begin as copies of it, because overlayfs cannot stack a layer on a file system that contains it. This keeps
accidents from the host, not attackers.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

# $1: the layer's directory, $2: that of the start task, $3: the node's directory, $4: the working directory.
_SCRIPT = """
set -e
layer=$1 start=$2 node=$3 wd=$4
shift 4
if [ "$start" != "$layer" ] && [ -d "$start/upper" ]; then cp -a --reflink=auto "$start/upper/." "$layer/upper"; fi
new=$layer/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$layer/upper,workdir=$layer/work" "$new"
mount --rbind /dev "$new/dev"
mount -t proc proc "$new/proc" 2>/dev/null || mount --rbind /proc "$new/proc"
mount --rbind /sys "$new/sys"
for file in /etc/resolv.conf /etc/hosts; do
  if [ -f "$file" ] && [ ! -L "$file" ]; then mount --bind "$file" "$new$file"; mount -o remount,bind,ro "$new$file"; fi
done
mkdir -p "$new$node"
mount --bind "$node" "$new$node"
exec chroot "$new" /bin/sh -c 'cd "$0" && exec "$@"' "$wd" "$@"
"""
_STARTUP = "startup"


class IsolationError(OSError):
    """`--isolate` on a system that does not permit it."""


@dataclass(frozen=True, slots=True)
class Isolation:
    """Wraps commands. `layers` is where the nodes' layers are: outside the directories that the nodes see."""

    layers: Path
    unshare: str

    def wrap(
        self, arguments: list[str], *, node: Path, working_directory: Path, startup: bool
    ) -> tuple[list[str], Path]:
        """The command that runs `arguments` isolated, and its layer."""
        base = self.layers / node.name
        layer = base / (_STARTUP if startup else secrets.token_hex(8))
        if startup:
            remove(layer)
        for name in ("upper", "work", "root"):
            (layer / name).mkdir(parents=True, exist_ok=True)
        places = [str(layer), str(base / _STARTUP), str(node), str(working_directory)]
        return [*_namespaces(self.unshare), "/bin/sh", "-c", _SCRIPT, "isolate", *places, *arguments], layer

    def remove_all(self, node: Path) -> None:
        """Remove the layers of a node."""
        remove(self.layers / node.name)


def _namespaces(unshare: str) -> list[str]:
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    return [unshare, *as_root, "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--propagation", "private"]


def open_in(root: Path) -> Isolation:
    """Isolation for the nodes in `root`. Raises IsolationError if the system does not permit it."""
    unshare = shutil.which("unshare")
    if unshare is None:
        raise IsolationError("--isolate needs unshare of util-linux, which is not in the search path")
    layers = root / ".layers"
    remove(layers)
    layers.mkdir(mode=0o700)
    isolation = Isolation(layers, unshare)
    with tempfile.TemporaryDirectory(dir=root, prefix=".probe-") as probe:
        command, layer = isolation.wrap(["/bin/true"], node=Path(probe), working_directory=Path("/"), startup=False)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    remove(layer.parent)
    if done.returncode:
        raise IsolationError(f"--isolate: this system does not permit namespaces with overlays: {done.stderr.strip()}")
    return isolation


def remove(layer: Path) -> None:
    """Remove a layer, or all of a node."""
    for work in layer.rglob("work/work"):
        work.chmod(0o700)  # overlayfs creates it without any permission
    shutil.rmtree(layer, ignore_errors=True)
