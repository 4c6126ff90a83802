"""Programs in ffmpeg's place that try to leave the sandbox; `attempts.py` has the table."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from converter.sandbox import landlock, seccomp
from tests.converter.escape import attempts
from tests.converter.escape.attempts import ATTEMPTS, THROUGH, Surroundings

pytestmark = pytest.mark.skipif(
    os.environ.get("GIFDROP_SANDBOX") == "optional", reason="this kernel lacks a part of the sandbox"
)


@pytest.fixture
def around(tmp_path: Path) -> Iterator[Surroundings]:
    """Another task's GIF, another process, and an empty scratch directory."""
    with attempts.surroundings(tmp_path) as made:
        yield made


@pytest.mark.parametrize("name", ATTEMPTS)
def test_attempt_is_refused_and_changes_nothing(around: Surroundings, name: str) -> None:
    assert attempts.run(ATTEMPTS[name], around) in ATTEMPTS[name].safe
    assert not around.changed()


@pytest.mark.parametrize("name", [name for name, one in ATTEMPTS.items() if one.landlock_alone])
def test_attempt_on_files_is_refused_by_landlock_alone(
    around: Surroundings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise OSError(errno.ENOSYS, "no seccomp")

    monkeypatch.setattr(seccomp, "restrict", absent)
    monkeypatch.setenv("GIFDROP_SANDBOX", "optional")
    assert attempts.run(ATTEMPTS[name], around) in ATTEMPTS[name].safe


@pytest.mark.parametrize("version", [1, 4], ids=["Linux 5.15", "Linux 6.8"])
@pytest.mark.parametrize(
    "name", ["rename_over_output", "hard_link", "truncate_outside", "execute_output", "stop_another", "unix_socket"]
)
def test_attempt_is_refused_with_an_older_landlock(
    around: Surroundings, name: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "version", lambda: version)
    assert attempts.run(ATTEMPTS[name], around) in ATTEMPTS[name].safe
    assert not around.changed()


@pytest.mark.parametrize("name", [name for name, one in ATTEMPTS.items() if one.unconfined])
def test_attempt_succeeds_without_the_sandbox(around: Surroundings, name: str) -> None:
    assert attempts.run_unconfined(ATTEMPTS[name], around) == THROUGH
