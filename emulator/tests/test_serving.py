"""Where and how the emulator serves: addresses, its own certificates, health, reset, isolation."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from azure.batch import models

from support.emulators import Emulator, call, emulator
from support.faults import control_state, inject
from support.resources import add_task, file_text, make_job, make_pool, pool_options, run_task, wait_for_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.batch import BatchClient


def test_health_needs_no_key_and_no_control_endpoint() -> None:
    with emulator() as started, urllib.request.urlopen(f"{started.url}/_control/health") as reply:  # noqa: S310
        assert (reply.status, json.load(reply)) == (200, {"status": "ok"})


def test_reset_deletes_everything_and_lifts_faults(tmp_path: Path) -> None:
    with emulator("--control", "--data", tmp_path) as started, started.client() as client:
        pool = make_pool(client, "p")
        job = make_job(client, "j", pool)
        add_task(client, job, "t", "sleep 60")
        schedule = {
            "id": "s",
            "schedule": {"recurrenceInterval": "PT1H"},
            "jobSpecification": {"poolInfo": {"poolId": pool}},
        }
        assert call(started, "POST", "/jobschedules", body=schedule)[0] == 201
        inject(started, operation="delete_job", deleting=-1)
        assert call(started, "DELETE", "/jobs/j")[0] == 202
        inject(started, operation="get_pool", code="PoolNotFound", times=-1)
        assert call(started, "POST", "/_control/reset")[0] == 204
        assert control_state(started)["faults"] == []
        for path in ("/pools", "/jobs", "/jobschedules"):
            assert call(started, "GET", path)[2]["value"] == []
        # The same ids can be used again.
        make_job(client, "j", make_pool(client, "p"))
        run_task(client, "j", "t", "true")


def test_reset_needs_the_key(plain: Emulator) -> None:
    request = urllib.request.Request(f"{plain.url}/_control/reset", method="POST")  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)  # noqa: S310
    assert refused.value.code == 401
    refused.value.close()


def test_links_and_the_environment_of_tasks_have_the_public_url() -> None:
    port = _free_port()
    with emulator("--port", port, "--public-url", "http://batch.example.com") as started:
        local = f"http://127.0.0.1:{port}"
        started.url = local
        with started.client() as client:
            client.create_pool(pool_options("p"))
            assert client.get_pool("p").url == "http://batch.example.com/pools/p"
            make_job(client, "j", "p")
            add_task(client, "j", "t", "/bin/sh -c 'echo $AZ_BATCH_ACCOUNT_URL'")
            wait_for_task(client, "j", "t")
            assert file_text(client, "j", "t", "stdout.txt") == "http://batch.example.com/\n"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_tls_auto_serves_with_certificates_that_a_second_start_keeps_trusted(tmp_path: Path) -> None:
    trusted: list[bytes] = []
    for _ in range(2):
        with emulator("--tls", "auto", "--tls-dir", tmp_path, "--tls-name", "batch.test") as started:
            ca = Path(started.ready["ca"])
            trusted.append(ca.read_bytes())
            context = ssl.create_default_context(cadata=trusted[0].decode())
            with urllib.request.urlopen(f"{started.url}/_control/health", context=context) as reply:  # noqa: S310
                assert reply.status == 200
            assert urlsplit(started.url).scheme == "https"
    assert trusted[0] == trusted[1]
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("*.key")}
    assert modes == {"ca.key": 0o600, "server.key": 0o600}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tls", "auto"], "--tls-dir"),
        (["--tls", "auto", "--tls-dir", "d", "--tls-cert", "c"], "exclude each other"),
        (["--containers", "docker"], "invalid choice"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments: list[str], message: str) -> None:
    command = [sys.executable, "-m", "batch_emulator", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="not root")
def test_start_as_root_is_logged() -> None:
    command = [sys.executable, "-m", "batch_emulator", "--port", "0", "--exit-with-stdin"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "started as root" in done.stderr


def test_isolation_that_the_system_lacks_ends_the_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "batch_emulator", "--port", "0", "--isolate"]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "--isolate needs unshare" in done.stderr


@pytest.fixture(scope="module")
def isolated() -> Iterator[Emulator]:
    command = [sys.executable, "-m", "batch_emulator", "--port", "0", "--exit-with-stdin", "--isolate"]
    probe = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if "does not permit namespaces" in probe.stderr:
        pytest.skip("this system does not permit namespaces with overlays")
    with emulator("--isolate") as started:
        yield started


@pytest.fixture
def isolated_client(isolated: Emulator) -> Iterator[BatchClient]:
    with isolated.client() as client:
        yield client


def test_isolated_commands_do_not_change_the_host(isolated_client: BatchClient) -> None:
    marker = Path(f"/usr/isolated-{uuid.uuid4()}")
    start = models.BatchStartTask(command_line=f"/bin/sh -c 'echo installed > {marker}'", wait_for_success=True)
    pool = make_pool(isolated_client, f"p-{uuid.uuid4()}", start_task=start)
    job = make_job(isolated_client, f"j-{uuid.uuid4()}", pool)
    # A task sees what the start task installed, but not what another task did.
    command = f"/bin/sh -c 'cat {marker}; ls {marker}.task; touch {marker}.task; echo done > out.txt; pwd'"
    for task in ("a", "b"):
        run_task(isolated_client, job, task, command)
        assert file_text(isolated_client, job, task, "stdout.txt").startswith("installed\n/")
        assert "No such file" in file_text(isolated_client, job, task, "stderr.txt")
        assert file_text(isolated_client, job, task, "wd/out.txt") == "done\n"
    assert not marker.exists()
    isolated_client.begin_delete_pool(pool, polling_interval=0).wait()


def test_isolated_commands_keep_their_exit_code_and_end_when_terminated(isolated_client: BatchClient) -> None:
    pool = make_pool(isolated_client, f"p-{uuid.uuid4()}")
    job = make_job(isolated_client, f"j-{uuid.uuid4()}", pool)
    add_task(isolated_client, job, "seven", "/bin/sh -c 'exit 7'")
    info = wait_for_task(isolated_client, job, "seven").execution_info
    assert info is not None
    assert info.exit_code == 7
    add_task(isolated_client, job, "long", "sleep 600")
    isolated_client.terminate_task(job, "long")
    wait_for_task(isolated_client, job, "long")
