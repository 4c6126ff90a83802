"""Who gets into an emulator: keys and tokens, and what happens without them."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError

from support.emulators import ACCOUNT, Emulator, call, emulator
from support.faults import inject
from support.resources import make_job
from support.tokens import make_token

if TYPE_CHECKING:
    from pathlib import Path

BATCH = "https://batch.core.windows.net/"
FORMER_DEFAULT_KEY = "Z2lmZHJvcC1iYXRjaC1lbXVsYXRvci1wdWJsaWMta2V5LW5vdC1hLXNlY3JldA=="
"""The key of every emulator that was started without one, before it was random."""
NO_TOKEN_KEY = {"BATCH_TOKEN_KEY": ""}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def forged() -> dict[str, str]:
    """A token with all the right claims, signed with another key."""
    return bearer(make_token(BATCH, key="x" * 32))


def test_forged_token_cannot_add_a_task(plain: Emulator, job: str, forged: dict[str, str]) -> None:
    task = {"id": "intruder", "commandLine": "true"}
    status, headers, body = call(plain, "POST", f"/jobs/{job}/tasks", body=task, headers=forged)
    assert (status, body["code"]) == (401, "AuthenticationFailed")
    assert body["values"] == [{"key": "AuthenticationErrorDetail", "value": "Signature verification failed"}]
    assert headers["WWW-Authenticate"].startswith("Bearer ")
    assert call(plain, "GET", f"/jobs/{job}/tasks/intruder")[0] == 404


def test_unsigned_token_is_refused(plain: Emulator) -> None:
    header, claims, _ = make_token(BATCH).split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for token in (f"{none}.{claims}.", f"{header}.{claims}."):
        assert call(plain, "GET", "/jobs", headers=bearer(token))[0] == 401


def test_forged_token_is_refused_after_a_valid_one(plain: Emulator, forged: dict[str, str]) -> None:
    assert call(plain, "GET", "/jobs")[0] == 200
    assert call(plain, "GET", "/jobs", headers=forged)[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/_control", None),
        ("POST", "/_control/faults", {"faults": [{"status": 503}]}),
        ("DELETE", "/_control/faults", None),
        ("DELETE", "/_control/faults/name", None),
        ("POST", "/_control/uploads", {"fail": 1}),
        ("POST", "/_control/quota", {"activeJobs": 0}),
        ("POST", "/_control/pools/p/nodes/n/lose", None),
        ("POST", "/_control/pools/p/nodes/n/preempt", None),
        ("POST", "/_control/pools/p/nodes/n/restore", None),
    ],
)
def test_control_endpoint_needs_credentials(
    plain: Emulator, forged: dict[str, str], method: str, path: str, body: object
) -> None:
    for headers in ({"Authorization": ""}, forged):
        assert call(plain, method, path, body=body, headers=headers)[0] == 401


def test_fault_is_not_used_up_by_an_unauthenticated_request(
    plain: Emulator, forged: dict[str, str], clear_faults: None
) -> None:
    inject(plain, operation="list_jobs", status=503)
    assert call(plain, "GET", "/jobs", headers=forged)[0] == 401
    assert call(plain, "GET", "/jobs")[0] == 503


def test_emulator_without_a_key_chooses_a_random_one() -> None:
    with emulator() as first, emulator() as second:
        assert first.ready["account"] == ACCOUNT
        assert len(base64.b64decode(first.key)) == 64
        assert first.key != second.key
        for key in (FORMER_DEFAULT_KEY, second.key):
            with (
                BatchClient(first.url, AzureNamedKeyCredential(ACCOUNT, key)) as client,
                pytest.raises(HttpResponseError) as refused,
            ):
                make_job(client, "j", "p")
            assert refused.value.status_code == 403


def test_random_key_is_kept_with_the_data_and_private(tmp_path: Path) -> None:
    data = tmp_path / "data"
    umask = os.umask(0)
    try:
        with emulator("--data", data) as first:
            key = first.key
    finally:
        os.umask(umask)
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "account-key").stat().st_mode & 0o777 == 0o600
    with emulator("--data", data) as second:
        assert second.key == key


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_given_key_is_used_and_not_printed(how: str) -> None:
    key = base64.b64encode(b"k" * 64).decode()
    arguments = ["--key", key] if how == "argument" else []
    with emulator(*arguments, environment={"BATCH_ACCOUNT_KEY": key} if not arguments else None) as started:
        assert list(started.ready) == ["url"]
        with BatchClient(started.url, AzureNamedKeyCredential(ACCOUNT, key)) as client:
            assert list(client.list_pools()) == []


def test_emulator_without_a_token_key_accepts_no_token(forged: dict[str, str]) -> None:
    with emulator(environment=NO_TOKEN_KEY) as started:
        status, _, body = call(started, "GET", "/jobs", headers=forged)
        assert status == 401
        assert "--unsigned-tokens" in body["values"][0]["value"]


def test_unsigned_tokens_are_accepted_only_on_request(forged: dict[str, str]) -> None:
    with emulator("--unsigned-tokens", environment=NO_TOKEN_KEY) as started:
        assert call(started, "GET", "/jobs", headers=forged)[0] == 200
        for token in (make_token("https://storage.azure.com"), make_token(BATCH, lifetime=-60), "nonsense"):
            assert call(started, "GET", "/jobs", headers=bearer(token))[0] == 401
