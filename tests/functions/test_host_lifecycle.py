"""Start and shutdown of the host, and the apps it rejects."""

from __future__ import annotations

import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.functions.host_process import APPS, ROOT, command, environment, running_host
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = APPS / "everything"


def startup_error(app: Path, *arguments: str, **settings: str) -> str:
    """The error output of a host that fails to start."""
    done = subprocess.run(
        command(app, *arguments),
        cwd=ROOT,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        ("wrong_annotation", "The 'on_event' function is in error: 'event' of type eventGridTrigger does not match"),
        ("wrong_argument", "The 'tick' function is in error: the arguments ['clock'] are declared in Python"),
        ("duplicate", "Function twin does not have a unique function name"),
        ("two_apps", "exactly one FunctionApp at its top level, not 2"),
        ("setting_at_import", "KeyError: 'THE_SCHEDULE'"),
        ("bad_route", "The 'broken' function is in error: unbalanced braces in the route 'a/{b'"),
        ("reserved_route", "the route 'admin/mine' of 'mine' is reserved by the host"),
        ("missing", "host.json"),
    ],
)
def test_host_rejects_an_app_that_azure_cannot_run(app: str, reason: str) -> None:
    assert reason in startup_error(APPS / app)


def test_host_rejects_a_binding_with_a_missing_setting() -> None:
    message = "The 'tick' function is in error: '%TICK%' does not resolve to a value: set the app setting TICK"
    assert message in startup_error(EVERYTHING)


def test_host_rejects_an_invalid_schedule() -> None:
    assert "The 'tick' function is in error: 61 is not a valid second" in startup_error(EVERYTHING, TICK="61 * * * * *")


def test_timer_fails_when_it_returns_a_value(tmp_path: Path) -> None:
    with running_host(APPS / "timer_returns", "--master-key", "m", directory=tmp_path) as host:
        assert host.request("POST", "/admin/functions/tick?code=m") == (202, b"")
        wait_until(lambda: "returned a non-None value" in host.log.read_text())


def test_less_specific_route_of_an_earlier_name_wins_and_is_logged(tmp_path: Path) -> None:
    with running_host(APPS / "shadowed", directory=tmp_path) as host:
        assert "'zoo' (zoo/list) is never reached: 'any' (zoo/{name}) receives its requests" in host.log.read_text()
        assert host.request("GET", "/zoo/list") == (200, b"any")


def test_keys_are_random_by_default(tmp_path: Path) -> None:
    with running_host(EVERYTHING, directory=tmp_path, TICK="0 0 0 1 1 *") as host:
        keys = [host.first_line[name] for name in ("function_key", "master_key", "eventgrid_key")]
        assert len(set(keys)) == 3
        assert all(len(key) > 40 for key in keys)
        assert not any(key in host.log.read_text() for key in keys)


def test_disabled_functions_run_only_with_the_master_key(tmp_path: Path) -> None:
    disabled = {"AzureWebJobs.text.Disabled": "true", "AzureWebJobs__on_event__Disabled": "1"}
    disabled["AzureWebJobs.tick.Disabled"] = "1"
    keys = ("--master-key", "m", "--eventgrid-key", "e")
    with running_host(EVERYTHING, *keys, directory=tmp_path, TICK="* * * * * *", **disabled) as host:
        assert host.request("GET", "/api/text") == (404, b"")
        assert host.request("GET", "/api/text?code=m") == (200, b"plain")
        hook = "/runtime/webhooks/eventgrid?functionName=on_event&code=e"
        assert host.request("POST", hook, **{"aeg-event-type": "Notification"})[0] == 404
        assert b'"isDisabled": true' in host.request("GET", "/admin/functions/tick?code=m")[1]
        time.sleep(1.1)
        assert not host.notes_with(tick="began")
        assert host.request("POST", "/admin/functions/tick?code=m")[0] == 202
        wait_until(lambda: host.notes_with(tick="ended"))


def test_output_of_an_app_goes_to_the_log(tmp_path: Path) -> None:
    with running_host(APPS / "endless", directory=tmp_path) as host:
        assert "written by print" in host.log.read_text()


def test_every_route_of_gifdrop_is_reachable(tmp_path: Path) -> None:
    keys = ("--function-key", "f")
    never = dict.fromkeys(("GIFDROP_COMPLETE_SCHEDULE", "GIFDROP_RECONCILE_SCHEDULE"), "0 0 0 1 1 *")
    with running_host(ROOT, *keys, directory=tmp_path, **never) as host:
        assert "never reached" not in host.log.read_text()
        assert host.request("GET", "/api/status")[0] == 401
        assert host.request("GET", "/api/status/cats/tom.mp4")[0] == 401
        assert host.request("DELETE", "/api/status?code=f")[0] == 404


def test_shutdown_waits_for_running_invocations(tmp_path: Path) -> None:
    with running_host(EVERYTHING, directory=tmp_path, TICK="0 0 0 1 1 *") as host:
        with ThreadPoolExecutor() as pool:
            request = pool.submit(host.request, "GET", "/api/slow?seconds=1")
            wait_until(lambda: host.notes_with(slow="began"))
            host.process.send_signal(signal.SIGTERM)
            assert request.result() == (200, b"done")
        assert host.process.wait(timeout=20) == 0
        with pytest.raises(ConnectionRefusedError):
            host.request("GET", "/")


def test_shutdown_cancels_invocations_that_do_not_finish(tmp_path: Path) -> None:
    with running_host(APPS / "endless", directory=tmp_path) as host:
        with ThreadPoolExecutor() as pool:
            request = pool.submit(host.request, "GET", "/api/sleep")
            wait_until(lambda: host.notes_with(sleep="began"))
            host.process.send_signal(signal.SIGTERM)
            assert request.result() == (500, b"")
        assert host.process.wait(timeout=20) == 0
        assert host.notes_with(sleep="cancelled")


def test_host_exits_when_its_stdin_closes(tmp_path: Path) -> None:
    with running_host(EVERYTHING, "--exit-with-stdin", directory=tmp_path, TICK="0 0 0 1 1 *") as host:
        assert host.process.stdin is not None
        host.process.stdin.close()
        assert host.process.wait(timeout=20) == 0
