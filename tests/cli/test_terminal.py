"""`gifdrop` on a pseudo-terminal: what a person sees of progress, errors and Ctrl-C. One `gifdrop up` serves most."""

import json
import re
import shlex
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from azure.storage.blob import ContainerClient

from local.layout import Layout, write_connection_files
from local.lock import is_locked
from local.orphans import STACK_VARIABLE
from local.pause import paused
from local.ports import free_ports
from tests.cli.commands import GIFDROP, Terminal, environment, processes_of, run, terminal
from tests.support.videos import make_video
from tests.support.waiting import wait_until

SERVICES = ("storage", "identity", "batch", "functions", "events")
RED = "\x1b[31m"


@dataclass(frozen=True, kw_only=True)
class Up:
    """A stack that `gifdrop up` runs on a terminal."""

    directory: Path
    terminal: Terminal
    ports: dict[str, int]

    @property
    def arguments(self) -> tuple[str, str]:
        return "--dir", str(self.directory)


def service(directory: Path, name: str) -> psutil.Process:
    """The process of a service of the stack in a directory."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            own = process.environ().get(STACK_VARIABLE) == str(directory)
            if own and f"local.{name}" in process.cmdline():
                return process
    raise LookupError(name)


def service_ports() -> dict[str, int]:
    return dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))


def port_arguments(ports: dict[str, int]) -> list[str]:
    return [argument for name, port in ports.items() for argument in (f"--port-{name}", str(port))]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    directory = tmp_path_factory.mktemp("stack")
    home = tmp_path_factory.mktemp("home")
    ports = service_ports()
    with terminal("up", "--dir", str(directory), *port_arguments(ports), cwd=home, HOME=str(home)) as shown:
        shown.wait_for("Convert a video:")
        yield Up(directory=directory, terminal=shown, ports=ports)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("video") / "video.mp4", seconds=1)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Takes some seconds to upload."""
    path = tmp_path / "large.mp4"
    with path.open("wb") as file:
        file.truncate(300_000_000)
    return path


def delete_videos(up: Up, names: Sequence[str]) -> None:
    """Delete uploaded videos."""
    endpoints = json.loads((up.directory / "endpoints.json").read_text())
    bundle = Layout(up.directory).tls / "ca.pem"
    with ContainerClient(
        endpoints["storage"], "videos", endpoints["storage_key"], connection_verify=str(bundle)
    ) as videos:
        for name in names:
            videos.delete_blob(name)


def assert_stopped(shown: Terminal, *, code: int) -> None:
    """Press Ctrl-C: the command ends with one line, and no process is left."""
    stopped = shown.press_ctrl_c()
    assert stopped.code == code
    assert len(stopped.lines) <= 1, stopped.lines
    assert "Traceback" not in shown.text
    wait_until(lambda: not processes_of(shown.marker), within=5)


# What `up` prints


def test_up_prints_a_command_that_works_outside_the_virtual_environment(up: Up, video: Path, tmp_path: Path) -> None:
    [command] = re.findall(r"Convert a video: +(.+?) VIDEO\.mp4", up.terminal.text)
    done = subprocess.run(
        ["/bin/sh", "-c", f"{command} {shlex.quote(str(video))}"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out" / "video.gif").exists()


def test_up_names_the_stack_that_holds_a_port(up: Up, tmp_path: Path) -> None:
    port = str(up.ports["functions"])
    with terminal("up", "--dir", str(tmp_path / "other"), "--port-functions", port, cwd=tmp_path) as shown:
        assert shown.wait() == 5
    assert f"Port {port} is in use by the stack in {up.directory}" in flat(shown.text)
    assert "choose another port" in flat(shown.text)
    assert "401" not in shown.text
    assert not processes_of(shown.marker)


def test_up_reports_a_stack_that_runs_in_the_same_directory(up: Up, tmp_path: Path) -> None:
    done = run("up", *up.arguments, cwd=tmp_path)
    assert (done.code, done.stdout) == (5, "")
    assert done.stderr.count("\n") == 1
    assert f"A stack is already running in {up.directory} (process {up.terminal.process.pid})" in done.stderr


def flat(text: str) -> str:
    """The text without the line ends that a terminal's width may have caused."""
    return re.sub(r"\s+", " ", text)


# Progress


def test_progress_of_one_video_moves(up: Up, tmp_path: Path) -> None:
    make_video(tmp_path / "moving.mp4", seconds=20, size="1280x720")
    with terminal("drop", *up.arguments, "moving.mp4", cwd=tmp_path) as shown:
        assert shown.wait() == 0
    percentages = [int(number) for number in re.findall(r"(\d+)%", shown.text)]
    assert len(set(percentages)) >= 3
    assert percentages == sorted(percentages)
    for word in ("Uploading", "Converting"):
        assert word in shown.text
    assert "moving.mp4 -> out/moving.gif" in flat(shown.text)


def test_progress_of_many_videos_moves_before_the_first_is_done(up: Up, video: Path, tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    for number in range(40):
        (tmp_path / "many" / f"{number}.mp4").symlink_to(video)
    # No conversion begins without the app.
    with paused(service(up.directory, "functions")), terminal("drop", *up.arguments, "many", cwd=tmp_path) as shown:
        shown.wait_for("40 Waiting")
        assert max(int(number) for number in re.findall(r"40 videos.*?(\d+)%", shown.text)) > 0
        assert_stopped(shown, code=130)
        # Before the app sees them: the other tests would wait for their conversions.
        delete_videos(up, [f"{number}.mp4" for number in range(40)])


# Ctrl-C


@pytest.mark.parametrize("command", ["drop", "list", "doctor"])
def test_ctrl_c_while_a_command_starts(command: str, up: Up, video: Path, tmp_path: Path) -> None:
    videos = [str(video)] if command == "drop" else []
    with terminal(command, *up.arguments, *videos, cwd=tmp_path) as shown:
        process = psutil.Process(shown.process.pid)
        # By then it handles Ctrl-C, and imports the rest.
        wait_until(lambda: process.cpu_times().user > 0.15, within=30)
        assert_stopped(shown, code=130)


@pytest.mark.parametrize("percentage", [1, 40])
def test_ctrl_c_during_a_large_upload(percentage: int, up: Up, large: Path, tmp_path: Path) -> None:
    with terminal("drop", *up.arguments, str(large), cwd=tmp_path) as shown:
        # Uploading fills the first fifth of the bar.
        wait_until(lambda: uploaded(shown) >= percentage / 5, within=60)
        assert_stopped(shown, code=130)


def uploaded(shown: Terminal) -> int:
    return max((int(number) for number in re.findall(r"(\d+)% Uploading", shown.text)), default=0)


def test_ctrl_c_while_a_video_waits(up: Up, video: Path, tmp_path: Path) -> None:
    with paused(service(up.directory, "functions")), terminal("drop", *up.arguments, str(video), cwd=tmp_path) as shown:
        shown.wait_for("Waiting")
        assert_stopped(shown, code=130)


def test_ctrl_c_ends_watching_with_success(up: Up, tmp_path: Path) -> None:
    (tmp_path / "watched").mkdir()
    with terminal("drop", *up.arguments, "--watch", "watched", cwd=tmp_path) as shown:
        shown.wait_for("Press Ctrl-C to stop")
        assert_stopped(shown, code=0)


def test_ctrl_c_while_the_stack_starts_and_while_it_runs(tmp_path: Path) -> None:
    with terminal("up", "--dir", str(tmp_path / "starting"), cwd=tmp_path) as shown:
        wait_until(lambda: len(processes_of(shown.marker)) > 2, within=60)
        assert_stopped(shown, code=0)
    ports = service_ports()
    with terminal("up", "--dir", str(tmp_path / "running"), *port_arguments(ports), cwd=tmp_path) as shown:
        shown.wait_for("Convert a video:")
        assert_stopped(shown, code=0)
    assert not is_locked(tmp_path / "running")


# Failures


def test_drop_repeats_failures_at_the_end_in_colour(up: Up, video: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_text("no video")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "good.mp4").symlink_to(video)
    names = ("broken.mp4", "empty.mp4", "good.mp4")
    with terminal("drop", *up.arguments, *names, cwd=tmp_path) as shown:
        assert shown.wait() == 1
    end = shown.raw[shown.raw.index("Created 1 of 3 GIFs") :]
    assert f"{RED}broken.mp4" in end
    assert f"{RED}empty.mp4" in end
    assert "good.mp4" not in end


def test_no_color_and_pipes_have_no_colours(up: Up, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_text("no video")
    with terminal("drop", *up.arguments, "broken.mp4", cwd=tmp_path, NO_COLOR="1") as shown:
        assert shown.wait() == 1
    assert "broken.mp4 failed" in shown.text
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", shown.raw)
    done = run("drop", *up.arguments, "broken.mp4", cwd=tmp_path)
    assert "\x1b" not in done.stdout + done.stderr


def test_demo_repeats_failures_at_the_end_and_leaves_no_process(video: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "broken.mp4").write_text("no video")
    (tmp_path / "clips" / "good.mp4").symlink_to(video)
    with terminal("demo", "--dir", str(tmp_path / "demo"), "clips", cwd=tmp_path, HOME=str(tmp_path)) as shown:
        assert shown.wait() == 1
        wait_until(lambda: not processes_of(shown.marker), within=5)
    lines = [line for line in shown.text.replace("\r", "").split("\n") if line.strip()]
    assert lines[-2:][0].startswith("1 video failed")
    assert lines[-1].strip().startswith("broken.mp4: ")
    assert f"{RED}broken.mp4" in shown.raw


def test_drop_does_not_trust_the_files_of_a_stack_that_was_killed(up: Up, video: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "killed")
    layout.directory.mkdir()
    dead = free_ports(1)[0]
    endpoints = json.loads((up.directory / "endpoints.json").read_text()) | {"functions": f"http://127.0.0.1:{dead}"}
    env = {"GIFDROP_STORAGE_URL": f"https://127.0.0.1:{dead}/devstoreaccount1"}
    write_connection_files(layout, endpoints=endpoints, env=env)
    done = run("drop", "--dir", str(layout.directory), str(video), cwd=tmp_path)
    assert (done.code, done.stdout) == (3, "")
    assert done.stderr.startswith("The stack in killed was killed or has crashed. Start it with `")
    assert done.stderr.count("\n") == 1


def test_drop_and_all_services_end_when_their_stack_is_killed(video: Path, tmp_path: Path) -> None:
    directory = tmp_path / "stack"
    command = [*GIFDROP, "up", "--json", "--dir", str(directory), *port_arguments(ports := service_ports())]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as stack:
        try:
            assert stack.stdout
            addresses = json.loads(stack.stdout.readline())
            with terminal("drop", "--dir", str(directory), str(video), cwd=tmp_path) as shown:
                with paused(service(directory, "functions")):
                    shown.wait_for("Waiting")
                    processes = psutil.Process(stack.pid).children(recursive=True)
                    assert len(processes) > 5  # the services, and Azurite under storage
                    stack.kill()
                assert shown.wait() == 3
                _, alive = psutil.wait_procs(processes, timeout=20)
                assert alive == []
        finally:
            stack.kill()
    assert addresses["functions"] == f"http://127.0.0.1:{ports['functions']}"
    assert "was killed or has crashed. Start it with `" in flat(shown.text)
    assert "Traceback" not in shown.text


def test_a_port_held_by_a_stranger_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = run("up", "--dir", str(tmp_path / "stack"), "--port-batch", str(port), cwd=tmp_path)
    assert done.code == 5
    assert f"Port {port} is in use by process " in done.stderr
    assert done.stderr.count("\n") == 1
