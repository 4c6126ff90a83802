"""`local.settings.json`: the settings with which `func start` joins a stack."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from local.func_settings import FUNC_SETTINGS, func_settings
from shared.settings import read_settings
from tests.support.settings import MINIMAL_SETTINGS

ENDPOINTS = {
    "storage": "https://127.0.0.1:10000/devstoreaccount1",
    "tables": "https://127.0.0.1:10002/devstoreaccount1",
    "storage_key": "a2V5",
}
ENV = MINIMAL_SETTINGS | {
    "GIFDROP_STORAGE_URL": ENDPOINTS["storage"],
    "GIFDROP_TABLE_URL": ENDPOINTS["tables"],
    "IDENTITY_HEADER": "secret",
}


def test_settings_are_those_of_the_stack_and_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "local.settings.json"
    with func_settings(path, endpoints=ENDPOINTS, env=ENV) as written:
        assert written
        assert path.stat().st_mode & 0o777 == 0o600
        written_settings = json.loads(path.read_text())
        values = written_settings["Values"]
        assert values.items() >= ENV.items()
        assert written_settings["Host"] == {"LocalHttpPort": 7072}  # the stack's own host has 7071
        assert read_settings(values).storage_url == ENDPOINTS["storage"]
        with BlobServiceClient.from_connection_string(values["AzureWebJobsStorage"]) as client:
            assert client.url.rstrip("/") == ENDPOINTS["storage"]
    assert not path.exists()


def test_settings_of_a_stack_that_was_killed_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "local.settings.json"
    path.write_text(json.dumps({"Values": {"GIFDROP_STORAGE_URL": "https://127.0.0.1:9/devstoreaccount1"}}))
    with func_settings(path, endpoints=ENDPOINTS, env=ENV) as written:
        assert written


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"Values": {}}', '{"Values": {"GIFDROP_STORAGE_URL": "https://a.blob.core.windows.net"}}'],
)
def test_settings_of_somebody_else_are_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "local.settings.json"
    path.write_text(content)
    with func_settings(path, endpoints=ENDPOINTS, env=ENV) as written:
        assert not written
    assert path.read_text() == content


def test_git_ignores_the_file() -> None:
    git = shutil.which("git") or "git"
    done = subprocess.run([git, "check-ignore", "--quiet", str(FUNC_SETTINGS)], cwd=FUNC_SETTINGS.parent, check=False)
    assert done.returncode == 0
