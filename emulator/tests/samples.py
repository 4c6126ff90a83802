"""Downloads Microsoft's samples, which are not part of this repository: `python -m samples` in this folder.

Files of one commit each, checked against their SHA-256. Without a connection to GitHub nothing is downloaded, and the
tests of the samples are skipped.
"""

from __future__ import annotations

import hashlib
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".local/samples"
_URL = "https://raw.githubusercontent.com/Azure-Samples"
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Sample:
    """A repository of Azure-Samples at a commit, and the SHA-256 of the files that a test needs."""

    repository: str
    commit: str
    files: dict[str, str]

    @property
    def home(self) -> Path:
        return CACHE / self.repository / self.commit

    @property
    def complete(self) -> bool:
        """Whether all files were downloaded."""
        return all(self.intact(name) for name in self.files)

    def intact(self, name: str) -> bool:
        """Whether a file was downloaded and is the expected one."""
        path = self.home / name
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == self.files[name]

    def download(self) -> None:
        """Download the files that are missing. Raises URLError, or ValueError for a file that is not the expected."""
        for name, expected in self.files.items():
            if self.intact(name):
                continue
            url = f"{_URL}/{self.repository}/{self.commit}/{name}"
            with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as reply:  # noqa: S310 - https only
                content = reply.read()
            found = hashlib.sha256(content).hexdigest()
            if found != expected:
                raise ValueError(f"{url} has the SHA-256 {found}, not {expected}")
            (self.home / name).parent.mkdir(parents=True, exist_ok=True)
            (self.home / name).write_bytes(content)


QUICKSTART = Sample(
    "batch-python-quickstart",
    "cb340c01c43490f01b0a6b8c75dc04f2dbddd51a",
    {
        "src/python_quickstart_client.py": "a996755c23e646cd17827038fa2f211788ac1b3e1db0467a67cd7b3eb3bd71bd",
        "src/taskdata0.txt": "787cba5d69aba5ba0c1694f2258269c62a420f3d3584f4d29b21d2a2f8b2692c",
        "src/taskdata1.txt": "9e834517ef08f90e02ae184289f6d079f1e9b41ef88ae4f442144761b7fdd712",
        "src/taskdata2.txt": "cc4b0c3fb3798847f5359c63892b9d35528ac39254065fad268a87e3214c0891",
    },
)
# The tutorial takes every video of its folder; one of its five is enough.
FFMPEG_TUTORIAL = Sample(
    "batch-python-ffmpeg-tutorial",
    "62edc6194797e11e1104bbe155442a67ea97a201",
    {
        "src/batch_python_tutorial_ffmpeg.py": "b403102be0a0f3407616f84146bfa65628f807b07af0d91392aadb4cc92de192",
        "src/InputFiles/LowPriVMs-4.mp4": "9f4deb8274cbb8de66abfab19083c810801ae16f555fabf7f197dd29c096ddb1",
    },
)


def main() -> int:
    for sample in (QUICKSTART, FFMPEG_TUTORIAL):
        try:
            sample.download()
        except OSError as error:  # URLError is one
            print(f"{sample.repository} cannot be downloaded, its test is skipped: {error}", file=sys.stderr)
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
