"""gifdrop's function_app.py in Azure's own Python worker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.functions.worker_process import ROOT, run_worker

if TYPE_CHECKING:
    from pathlib import Path

# Unreachable addresses; the driver blocks network access anyway.
SETTINGS = {
    "GIFDROP_STORAGE_URL": "https://storage.invalid",
    "GIFDROP_TABLE_URL": "https://tables.invalid",
    "GIFDROP_BATCH_URL": "https://batch.invalid",
    "GIFDROP_POOL_ID": "gifdrop",
    "GIFDROP_POOL_IDENTITY": (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/pool"
    ),
    "GIFDROP_PACKAGE_VERSION": "0123456789ab",
}


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The worker's report on indexing gifdrop without any app settings."""
    report = run_worker(ROOT, cwd=tmp_path_factory.mktemp("elsewhere"))
    assert report["status"] == "Success", report["exception"]
    return report


def event(*, subject: str) -> dict[str, Any]:
    content = {
        "id": "1",
        "topic": "t",
        "subject": subject,
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-11-21T00:00:00Z",
        "data": {"api": "PutBlob"},
        "dataVersion": "",
    }
    return {"function": "on_video_uploaded", "argument": "event", "type": "json", "value": json.dumps(content)}


def request(function: str, **value: Any) -> dict[str, Any]:
    base = {"method": "GET", "url": "https://app.invalid/api/status"}
    return {"function": function, "argument": "req", "type": "http", "value": base | value}


def test_app_has_exactly_these_functions_and_bindings(indexed: dict[str, Any]) -> None:
    found = {function["name"]: function["bindings"] for function in indexed["functions"]}
    output = {"direction": "OUT", "type": "http", "name": "$return"}
    get = {"direction": "IN", "type": "httpTrigger", "name": "req", "methods": ["GET", "HEAD"], "authLevel": "FUNCTION"}
    user = get | {"route": "user/{*path}", "authLevel": "ANONYMOUS"}
    assert found == {
        "on_video_uploaded": [{"direction": "IN", "type": "eventGridTrigger", "name": "event"}],
        "on_result_uploaded": [{"direction": "IN", "type": "eventGridTrigger", "name": "event"}],
        "complete_conversions": [
            {"direction": "IN", "type": "timerTrigger", "name": "timer", "schedule": "%GIFDROP_COMPLETE_SCHEDULE%"}
        ],
        "reconcile_conversions": [
            {"direction": "IN", "type": "timerTrigger", "name": "timer", "schedule": "%GIFDROP_RECONCILE_SCHEDULE%"}
        ],
        "show_methods": [get | {"route": "{*path}", "methods": ["OPTIONS"], "authLevel": "ANONYMOUS"}, output],
        "list_videos": [get | {"route": "status"}, output],
        "show_video": [get | {"route": "status/{*video}"}, output],
        "retry_failed": [get | {"route": "retry", "methods": ["POST"]}, output],
        "retry_video": [get | {"route": "retry/{*video}", "methods": ["POST"]}, output],
        "show_gif": [get | {"route": "gifs/{*gif}"}, output],
        "create_upload": [get | {"route": "uploads", "methods": ["POST"]}, output],
        "show_original": [get | {"route": "videos/{*video}"}, output],
        "delete_video": [get | {"route": "videos/{*video}", "methods": ["DELETE"]}, output],
        "share_gif": [get | {"route": "links/{*gif}"}, output],
        "show_log": [get | {"route": "logs/{*video}"}, output],
        "show_stats": [get | {"route": "stats"}, output],
        "show_health": [get | {"route": "health"}, output],
        "show_contract": [get | {"route": "openapi.json"}, output],
        "show_page": [get | {"route": "dashboard", "authLevel": "ANONYMOUS"}, output],
        "show_page_file": [get | {"route": "dashboard/{file}", "authLevel": "ANONYMOUS"}, output],
        "user_reads": [user, output],
        "user_changes": [user | {"methods": ["POST"]}, output],
        "user_deletes": [user | {"methods": ["DELETE"]}, output],
    }
    assert {function["script"] for function in indexed["functions"]} == {"function_app.py"}


def test_package_shared_is_the_apps_own(indexed: dict[str, Any]) -> None:
    assert indexed["shared"] == str(ROOT / "shared" / "__init__.py")


@pytest.mark.parametrize(
    "package", ["azure.batch", "azure.storage", "azure.identity", "azure.core", "azure.eventgrid", "aiohttp", "msal"]
)
def test_importing_the_app_loads_no_sdk(indexed: dict[str, Any], package: str) -> None:
    loaded = [name for name in indexed["modules"] if name == package or name.startswith(f"{package}.")]
    assert loaded == []


def test_event_for_another_blob_is_accepted_without_calling_any_service(tmp_path: Path) -> None:
    notes = event(subject="/blobServices/default/containers/videos/blobs/notes.txt")
    elsewhere = event(subject="/blobServices/default/containers/other/blobs/tom.mp4")
    report = run_worker(ROOT, notes, elsewhere, cwd=tmp_path, **SETTINGS)
    expected = {"ok": True, "type": None, "value": None, "error": None}
    assert report["results"] == [expected, expected]


def test_missing_settings_fail_the_invocation_and_are_all_listed(tmp_path: Path) -> None:
    notes = event(subject="/blobServices/default/containers/videos/blobs/notes.txt")
    (result,) = run_worker(ROOT, notes, cwd=tmp_path)["results"]
    assert not result["ok"]
    for name in SETTINGS.keys() - {"GIFDROP_TABLE_URL"}:  # derived from the storage account's address
        assert f"{name} is not set" in result["error"]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (request("list_videos", query={"limit": "0"}), "InvalidLimit"),
        (request("show_video", params={"video": "../tom.mp4"}), "InvalidName"),
    ],
)
def test_http_function_returns_json(call: dict[str, Any], code: str, tmp_path: Path) -> None:
    (result,) = run_worker(ROOT, call, cwd=tmp_path, **SETTINGS)["results"]
    assert (result["ok"], result["type"]) == (True, "http")
    assert result["value"]["status"] == "400"
    assert json.loads(result["value"]["body"])["error"]["code"] == code
