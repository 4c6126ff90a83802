"""The Batch task of an attempt, and that a video's name reaches no command line."""

import json
import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.conversion import Conversion
from shared.options import Options
from shared.services.batch.task_spec import build_task, command_line
from shared.settings import read_settings
from tests.support.settings import MINIMAL_SETTINGS

SETTINGS = read_settings(MINIMAL_SETTINGS)


def conversion(video: str = "tom.mp4", **options: object) -> Conversion:
    return Conversion(video=video, etag="0x1", id="a" * 32, options=Options(**options))  # type: ignore[arg-type]


def test_command_line_runs_the_packaged_converter_in_one_shell_word() -> None:
    shell, flag, script = shlex.split(command_line(Options(width=320, fps=12.5, start=1), SETTINGS))
    assert (shell, flag) == ("/bin/bash", "-c")
    check, _, converter = script.partition("; exec ")
    assert check.startswith("sha256sum --check ")
    assert "$AZ_BATCH_APP_PACKAGE_gifdrop_0123456789ab/launch.py" in check
    assert shlex.split(converter) == [
        *("python3", "-I", "$AZ_BATCH_APP_PACKAGE_gifdrop_0123456789ab/launch.py"),
        *("--preset", "balanced", "--width", "320", "--fps", "12.5", "--start", "1", "--loop", "0"),
        *("--max-duration", "60", "--max-bytes", "104857600", "input.video"),
    ]


def flags(**options: object) -> str:
    script = shlex.split(command_line(Options(**options), SETTINGS))[2]  # type: ignore[arg-type]
    return script.rpartition('/launch.py" ')[2]


def test_options_that_are_set_have_flags() -> None:
    assert flags(height=240, fit="cover", crop="1:1", speed=0.25, reverse=True, boomerang=True, also=("poster",)) == (
        "--preset balanced --height 240 --fit cover --crop 1:1 --start 0 --speed 0.25 --reverse --boomerang --loop 0"
        " --also poster --max-duration 60 --max-bytes 104857600 input.video"
    )


def test_target_becomes_its_limits() -> None:
    assert flags(target="slack-emoji", max_bytes=1_000_000, also=("poster", "webp")) == (
        "--preset balanced --start 0 --loop 0 --also poster,webp --budget 128000 --max-width 128 --max-height 128"
        " --max-frames 50 --max-duration 60 --max-bytes 104857600 input.video"
    )


def test_owner_may_ask_for_less_than_the_target_allows() -> None:
    assert " --budget 50000 " in flags(target="slack-emoji", max_bytes=50_000)
    assert " --budget 50000 " in flags(max_bytes=50_000)


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_video_name_is_only_in_the_display_name_and_in_a_url(name: str) -> None:
    video = f"{name}\"$(x)'.mp4"
    task = build_task(conversion(video), SETTINGS)
    assert task.display_name == video
    assert task.resource_files
    url = task.resource_files[0].http_url or ""
    assert url.startswith("https://account.blob.core.windows.net/videos/")
    assert url.isascii()
    assert not set(url) & set(" \"'$()?#")
    assert task.command_line == build_task(conversion(), SETTINGS).command_line


def test_files_are_transferred_with_the_identity_of_the_pool() -> None:
    task = build_task(conversion(), SETTINGS)
    identities = [file.identity_reference for file in task.resource_files or ()]
    identities += [
        file.destination.container.identity_reference for file in task.output_files or () if file.destination.container
    ]
    assert len(identities) == 5
    assert {identity.resource_id for identity in identities if identity} == {SETTINGS.pool_identity}
    assert "sig=" not in json.dumps(task.as_dict())


@pytest.mark.parametrize(("attempt", "folder"), [(1, "a" * 32 + "-1"), (2, "a" * 32 + "-2")])
def test_each_attempt_has_its_own_folder_in_staging_and_logs(attempt: int, folder: str) -> None:
    task = build_task(Conversion(video="tom.mp4", etag="0x1", id="a" * 32, attempt=attempt), SETTINGS)
    assert task.id == folder
    outputs = {
        (file.destination.container.path, str(file.upload_options.as_dict()["uploadCondition"]))
        for file in task.output_files or ()
        if file.destination.container
    }
    assert outputs == {
        (f"{folder}/out.gif", "tasksuccess"),
        (f"{folder}/result.json", "tasksuccess"),
        (f"{folder}/stdout.txt", "taskfailure"),
        (f"{folder}/stderr.txt", "taskfailure"),
    }


def test_files_beside_the_gif_are_uploaded_only_if_they_are_asked_for() -> None:
    also = conversion().with_options(Options(also=("poster", "webp")))
    headers = {
        file.file_pattern: file.destination.container.upload_headers[0].value
        for file in build_task(also, SETTINGS).output_files or ()
        if file.destination.container and file.destination.container.upload_headers
    }
    assert (headers["out.jpg"], headers["out.webp"]) == ("image/jpeg", "image/webp")
    plain = {file.file_pattern for file in build_task(conversion(), SETTINGS).output_files or ()}
    assert plain & {"out.jpg", "out.webp"} == set()


def test_task_runs_without_privileges_and_with_a_time_limit() -> None:
    task = build_task(conversion(), SETTINGS)
    assert task.user_identity
    assert task.user_identity.auto_user
    assert task.user_identity.auto_user.elevation_level == "nonadmin"
    assert task.constraints
    assert task.constraints.max_wall_clock_time
    assert task.constraints.max_wall_clock_time.total_seconds() == 1800


def test_logs_of_every_task_are_uploaded_if_the_settings_say_so() -> None:
    task = build_task(conversion(), replace(SETTINGS, logs="always"))
    conditions = [str(file.upload_options.as_dict()["uploadCondition"]) for file in task.output_files or ()]
    assert conditions == ["tasksuccess", "tasksuccess", "taskcompletion", "taskcompletion"]


def test_converter_gets_the_name_of_the_video_percent_encoded() -> None:
    settings = build_task(conversion("cats/☃ \n.mp4"), SETTINGS).environment_settings or []
    assert [(each.name, each.value) for each in settings] == [
        ("GIFDROP_VIDEO", "cats/%E2%98%83%20%0A.mp4"),
        ("GIFDROP_SANDBOX", "required"),
    ]
