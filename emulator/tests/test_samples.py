"""Microsoft's quickstart and ffmpeg tutorial for Python, unmodified, with the SDKs that they pin.

Only their config.py is written anew. Their storage account is Azurite under its name in Azure, behind a proxy.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from samples import FFMPEG_TUTORIAL, QUICKSTART, Sample
from support.connect_proxy import connect_proxy
from support.emulators import ACCOUNT, ROOT, Emulator, emulator
from support.secure import AZURITE_KEY
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from azure.storage.blob import BlobServiceClient

VENVS = ROOT / ".local/venvs"
STORAGE_ACCOUNT = "devstoreaccount1"
BLOB_DOMAIN = "blob.core.windows.net"
QUICKSTART_CONFIG = """
BATCH_ACCOUNT_NAME = {account!r}
BATCH_ACCOUNT_KEY = {key!r}
BATCH_ACCOUNT_URL = {url!r}
STORAGE_ACCOUNT_NAME = {storage_account!r}
STORAGE_ACCOUNT_KEY = {storage_key!r}
STORAGE_ACCOUNT_DOMAIN = {domain!r}
POOL_ID = "PythonQuickstartPool"
POOL_NODE_COUNT = 2
POOL_VM_SIZE = "STANDARD_DS1_V2"
JOB_ID = "PythonQuickstartJob"
STANDARD_OUT_FILE_NAME = "stdout.txt"
"""
TUTORIAL_CONFIG = """
_BATCH_ACCOUNT_NAME = {account!r}
_BATCH_ACCOUNT_KEY = {key!r}
_BATCH_ACCOUNT_URL = {url!r}
_STORAGE_ACCOUNT_NAME = {storage_account!r}
_STORAGE_ACCOUNT_KEY = {storage_key!r}
_POOL_ID = "LinuxFfmpegPool"
_DEDICATED_POOL_NODE_COUNT = 0
_LOW_PRIORITY_POOL_NODE_COUNT = 5
_POOL_VM_SIZE = "STANDARD_A1_v2"
_JOB_ID = "LinuxFfmpegJob"
"""
YES = "y\n"
ENTER = "\n"


@dataclass(frozen=True)
class Azure:
    """What a sample finds instead of Azure: an emulator, and Azurite as a storage account by its name there."""

    emulator: Emulator
    ca: Path
    proxy: str

    def run(self, sample: Sample, venv: str, program: str, config: str, *, answers: str, home: Path) -> str:
        """Run a copy of the sample with this configuration; returns its output."""
        shutil.copytree(sample.home / "src", home)
        values = {
            "account": ACCOUNT,
            "key": self.emulator.key,
            "url": self.emulator.url,
            "storage_account": STORAGE_ACCOUNT,
            "storage_key": AZURITE_KEY,
            "domain": BLOB_DOMAIN,
        }
        (home / "config.py").write_text(config.format(**values))
        done = subprocess.run(
            [VENVS / venv / "bin/python", "-W", "ignore", program],
            cwd=home,
            env=os.environ | proxied(self.proxy) | {"REQUESTS_CA_BUNDLE": str(self.ca)},
            input=answers,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def is_empty(self) -> bool:
        with self.emulator.client() as client:
            return not [*client.list_pools(), *client.list_jobs()]


def proxied(proxy: str) -> dict[str, str]:
    return {"HTTPS_PROXY": proxy, "NO_PROXY": "127.0.0.1"}


@contextlib.contextmanager
def azure(storage: BlobServiceClient, ca: Path, *, path: str = "") -> Iterator[Azure]:
    """Run an emulator whose nodes find programs in `path` first."""
    port = urlsplit(storage.url).port
    assert port is not None
    with connect_proxy({f"{STORAGE_ACCOUNT}.{BLOB_DOMAIN}": port}) as proxy:
        environment = proxied(proxy) | {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
        with emulator("--ca-bundle", ca, environment=environment) as started:
            yield Azure(started, ca, proxy)


def needs(sample: Sample, venv: str) -> pytest.MarkDecorator:
    missing = not sample.complete or not (VENVS / venv).exists()
    return pytest.mark.skipif(missing, reason=f"{sample.repository} is not there; make test-clients downloads it")


@needs(QUICKSTART, "quickstart")
def test_quickstart_prints_the_output_of_its_tasks(
    storage: BlobServiceClient, storage_ca: Path, tmp_path: Path
) -> None:
    with azure(storage, storage_ca) as services:
        printed = services.run(
            QUICKSTART,
            "quickstart",
            "python_quickstart_client.py",
            QUICKSTART_CONFIG,
            answers=ENTER + YES + YES,
            home=tmp_path / "quickstart",
        )
        wait_until(services.is_empty)
    assert "Success! All tasks reached the 'Completed' state" in printed
    for index in range(3):
        text = (tmp_path / f"quickstart/taskdata{index}.txt").read_text(encoding="utf-8-sig")
        assert text.strip() in printed


@needs(FFMPEG_TUTORIAL, "ffmpeg-tutorial")
def test_ffmpeg_tutorial_converts_its_video(storage: BlobServiceClient, storage_ca: Path, tmp_path: Path) -> None:
    # The nodes have ffmpeg already, and an apt-get that installs nothing on this machine.
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "apt-get").write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/apt-get.txt\n')
    (programs / "apt-get").chmod(0o755)
    python = VENVS / "ffmpeg-tutorial/bin/python"
    find = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())"
    found = subprocess.run([python, "-c", find], capture_output=True, text=True, check=True).stdout.strip()
    (programs / "ffmpeg").symlink_to(found)
    with azure(storage, storage_ca, path=str(programs)) as services:
        printed = services.run(
            FFMPEG_TUTORIAL,
            "ffmpeg-tutorial",
            "batch_python_tutorial_ffmpeg.py",
            TUTORIAL_CONFIG,
            answers=YES + YES + ENTER,
            home=tmp_path / "tutorial",
        )
        wait_until(services.is_empty)
    assert "Success! All tasks reached the 'Completed' state" in printed
    assert "install -y ffmpeg" in (tmp_path / "apt-get.txt").read_text()
    sound = storage.get_blob_client("output", "LowPriVMs-4.mp3").download_blob().readall()
    assert sound.startswith((b"ID3", b"\xff\xfb"))
    storage.delete_container("output")
