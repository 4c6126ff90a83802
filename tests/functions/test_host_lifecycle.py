"""How the host starts, refuses to start, and stops."""

from __future__ import annotations

import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.functions.host_process import APPS, ROOT, command, environment, eventually, running_host

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = APPS / "everything"


def refuse(app: Path, *arguments: str, **settings: str) -> str:
    """What the host says when it does not start."""
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
        ("wrong_annotation", "The 'on_event' function is in error: 'event' of type eventGridTrigger does not fit"),
        ("wrong_argument", "The 'tick' function is in error: the arguments ['clock'] are declared in Python"),
        ("duplicate", "Function twin does not have a unique function name"),
        ("two_apps", "exactly one FunctionApp at its top level, not 2"),
        ("setting_at_import", "KeyError: 'THE_SCHEDULE'"),
        ("bad_route", "The 'broken' function is in error: unbalanced braces in the route 'a/{b'"),
        ("reserved_route", "the route 'admin/mine' of 'mine' is reserved by the host"),
        ("missing", "host.json"),
    ],
)
def test_an_app_that_azure_would_not_run_is_refused(app: str, reason: str) -> None:
    assert reason in refuse(APPS / app)


def test_a_setting_that_a_binding_names_must_be_there() -> None:
    message = "The 'tick' function is in error: '%TICK%' does not resolve to a value: set the app setting TICK"
    assert message in refuse(EVERYTHING)


def test_a_wrong_schedule_is_refused() -> None:
    assert "The 'tick' function is in error: 61 is no second" in refuse(EVERYTHING, TICK="61 * * * * *")


def test_a_timer_that_returns_something_fails(tmp_path: Path) -> None:
    with running_host(APPS / "timer_returns", "--master-key", "m", directory=tmp_path) as host:
        assert host.ask("POST", "/admin/functions/tick?code=m") == (202, b"")
        eventually(lambda: "returned a non-None value" in host.log.read_text())


def test_a_less_specific_route_of_an_earlier_name_is_warned_of_and_wins(tmp_path: Path) -> None:
    with running_host(APPS / "shadowed", directory=tmp_path) as host:
        assert "'zoo' (zoo/list) is never reached: 'any' (zoo/{name}) takes its requests" in host.log.read_text()
        assert host.ask("GET", "/zoo/list") == (200, b"any")


def test_keys_are_made_up_when_none_are_given(tmp_path: Path) -> None:
    with running_host(EVERYTHING, directory=tmp_path, TICK="0 0 0 1 1 *") as host:
        keys = [host.first[name] for name in ("function_key", "master_key", "eventgrid_key")]
        assert len(set(keys)) == 3
        assert all(len(key) > 40 for key in keys)
        assert not any(key in host.log.read_text() for key in keys)


def test_disabled_functions_run_for_the_master_key_alone(tmp_path: Path) -> None:
    disabled = {"AzureWebJobs.text.Disabled": "true", "AzureWebJobs__on_event__Disabled": "1"}
    disabled["AzureWebJobs.tick.Disabled"] = "1"
    keys = ("--master-key", "m", "--eventgrid-key", "e")
    with running_host(EVERYTHING, *keys, directory=tmp_path, TICK="* * * * * *", **disabled) as host:
        assert host.ask("GET", "/api/text") == (404, b"")
        assert host.ask("GET", "/api/text?code=m") == (200, b"plain")
        hook = "/runtime/webhooks/eventgrid?functionName=on_event&code=e"
        assert host.ask("POST", hook, **{"aeg-event-type": "Notification"})[0] == 404
        assert b'"isDisabled": true' in host.ask("GET", "/admin/functions/tick?code=m")[1]
        time.sleep(1.1)
        assert not host.noted(tick="began")
        assert host.ask("POST", "/admin/functions/tick?code=m")[0] == 202
        eventually(lambda: host.noted(tick="ended"))


def test_what_an_app_prints_goes_to_the_log(tmp_path: Path) -> None:
    with running_host(APPS / "endless", directory=tmp_path) as host:
        assert "said by print" in host.log.read_text()


def test_our_app_is_served_with_every_route_in_reach(tmp_path: Path) -> None:
    keys = ("--function-key", "f")
    never = dict.fromkeys(("GIFDROP_COMPLETE_SCHEDULE", "GIFDROP_RECONCILE_SCHEDULE"), "0 0 0 1 1 *")
    with running_host(ROOT, *keys, directory=tmp_path, **never) as host:
        assert "never reached" not in host.log.read_text()
        assert host.ask("GET", "/api/status")[0] == 401
        assert host.ask("GET", "/api/status/cats/tom.mp4")[0] == 401
        assert host.ask("DELETE", "/api/status?code=f")[0] == 404


def test_a_stop_lets_running_invocations_end(tmp_path: Path) -> None:
    with running_host(EVERYTHING, directory=tmp_path, TICK="0 0 0 1 1 *") as host:
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(host.ask, "GET", "/api/slow?seconds=1")
            eventually(lambda: host.noted(slow="began"))
            host.process.send_signal(signal.SIGTERM)
            assert asked.result() == (200, b"done")
        assert host.process.wait(timeout=20) == 0
        with pytest.raises(ConnectionRefusedError):
            host.ask("GET", "/")


def test_a_stop_cancels_what_does_not_end(tmp_path: Path) -> None:
    with running_host(APPS / "endless", directory=tmp_path) as host:
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(host.ask, "GET", "/api/sleep")
            eventually(lambda: host.noted(sleep="began"))
            host.process.send_signal(signal.SIGTERM)
            assert asked.result() == (500, b"")
        assert host.process.wait(timeout=20) == 0
        assert host.noted(sleep="cancelled")


def test_the_host_ends_with_its_stdin(tmp_path: Path) -> None:
    with running_host(EVERYTHING, "--exit-with-stdin", directory=tmp_path, TICK="0 0 0 1 1 *") as host:
        assert host.process.stdin is not None
        host.process.stdin.close()
        assert host.process.wait(timeout=20) == 0
