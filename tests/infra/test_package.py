"""The application package: reproducible bytes, complete contents, the pinned ffmpeg, checked before anything runs."""

import hashlib
import os
import re
import shlex
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from infra import package
from infra.package import ROOT, build, launcher, linux_binary, sources
from infra.package_check import FFMPEG_SHA256, listed_digests, main, problems
from shared.options import Options
from shared.services.batch.task_spec import command_line
from shared.settings import read_settings
from tests.infra.bicep import INFRA, bounds_of_length
from tests.support.settings import MINIMAL_SETTINGS

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00"
X86_64, ARM64, MAC = ELF + b"\x3e\x00", ELF + b"\xb7\x00", b"\xcf\xfa\xed\xfe" + bytes(16)


@pytest.fixture
def packages() -> Path:
    """The folder in which the local stack builds packages."""
    return ROOT / ".local" / "packages"


def test_two_builds_have_the_same_bytes(packages: Path, tmp_path: Path) -> None:
    first, second = build(packages), build(tmp_path)
    assert first.version == second.version
    assert re.fullmatch(r"[0-9a-f]{64}", first.version)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.path == packages / "gifdrop" / f"{first.version}.zip"


def test_second_build_leaves_the_file_unchanged(packages: Path) -> None:
    before = build(packages).path.stat()
    after = build(packages).path.stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_version_is_the_digest_of_the_launcher_which_has_those_of_all_other_files(packages: Path) -> None:
    built = build(packages)
    with zipfile.ZipFile(built.path) as archive:
        code = archive.read("launch.py")
        others = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    others.pop("launch.py")
    assert hashlib.sha256(code).hexdigest() == built.version
    assert listed_digests(code.decode()) == others
    assert others["ffmpeg"] == FFMPEG_SHA256


def test_version_has_the_length_that_bicep_and_the_settings_accept(packages: Path) -> None:
    assert bounds_of_length("main.bicep", "packageVersion") == (64, 64)
    version = build(packages).version
    assert read_settings({**MINIMAL_SETTINGS, "GIFDROP_PACKAGE_VERSION": version}).package_version == version


def test_version_changes_with_the_content(tmp_path: Path) -> None:
    files = sources()
    changed = tmp_path / "gif.py"
    changed.write_text(files["converter/formats/gif.py"].read_text() + "\n")
    assert launcher({**files, "converter/formats/gif.py": changed}) != launcher(files)


def test_package_is_not_built_with_another_ffmpeg(tmp_path: Path) -> None:
    other = tmp_path / "ffmpeg-linux-x86_64-v9.0.2"
    other.write_bytes(X86_64)
    with pytest.raises(OSError, match="is not the pinned ffmpeg"):
        launcher({**sources(), "ffmpeg": other})


def test_pinned_ffmpeg_is_the_one_of_the_pinned_wheel() -> None:
    locked = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    assert "imageio-ffmpeg==0.8.1 " in locked
    assert "imageio-ffmpeg 0.8.1" in (INFRA / "package_check.py").read_text(encoding="utf-8")


def test_package_has_every_module_and_an_executable_ffmpeg(packages: Path) -> None:
    with zipfile.ZipFile(build(packages).path) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert stat.S_IMODE(modes["ffmpeg"]) == 0o755
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "converter").rglob("*.py")} - {"converter/convert.py"}
    assert set(modes) == modules | {"ffmpeg", "convert.py", "launch.py"}


def test_ffmpeg_is_the_one_of_the_pinned_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/bin/sh")
    path = sources()["ffmpeg"]
    assert path.parent.name == "binaries"
    assert path.parent.parent.name == "imageio_ffmpeg"


def test_linux_binary_is_the_one_that_nodes_can_run(tmp_path: Path) -> None:
    for name, content in (("README.md", X86_64), ("ffmpeg-a", MAC), ("ffmpeg-b", ARM64), ("ffmpeg-c", X86_64)):
        (tmp_path / name).write_bytes(content)
    assert linux_binary(tmp_path).name == "ffmpeg-c"


@pytest.mark.parametrize("content", [MAC, ARM64, X86_64[:10], b""], ids=["macOS", "ARM", "truncated", "empty"])
def test_package_is_not_built_without_a_binary_for_the_nodes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ffmpeg-v9").write_bytes(content)
    with pytest.raises(OSError, match="no ffmpeg for Linux on x86-64"):
        linux_binary(tmp_path)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of an unpacked package with a converter that only prints, named after its version."""
    files = {
        "ffmpeg": "binary",
        "convert.py": "import sys, tempfile; print('ran', *sys.argv[1:])",
        "converter/a.py": "",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(package, "FFMPEG_SHA256", hashlib.sha256(b"binary").hexdigest())
    code = launcher({name: tmp_path / name for name in files})
    target = tmp_path / hashlib.sha256(code).hexdigest()
    for name in files:
        (target / name).parent.mkdir(exist_ok=True, parents=True)
        shutil.move(tmp_path / name, target / name)
    (target / "launch.py").write_bytes(code)
    return target


def run_task(directory: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line of a task, as Batch does, with the package in a directory."""
    version = directory.name
    settings = replace(read_settings(MINIMAL_SETTINGS), package_version=version)
    environment = {"PATH": os.environ["PATH"], f"AZ_BATCH_APP_PACKAGE_gifdrop_{version}": str(directory)}
    command = shlex.split(command_line(Options(), settings))
    return subprocess.run(command, env=environment, cwd=directory.parent, capture_output=True, text=True, check=False)


def test_task_runs_the_converter_of_an_intact_package_and_leaves_no_files(small: Path) -> None:
    before = sorted(small.rglob("*"))
    for _ in range(2):
        run = run_task(small)
        assert (run.returncode, run.stderr) == (0, "")
        assert run.stdout.startswith("ran --preset balanced")
        assert run.stdout.endswith("input.video\n")
    assert sorted(small.rglob("*")) == before


def append(path: Path) -> None:
    path.write_text(path.read_text() + "\n# changed\n")


def replace_by_link(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def add(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch()


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "ffmpeg changed": (lambda at: append(at / "ffmpeg"), "ffmpeg has been changed"),
    "module changed": (lambda at: append(at / "converter/a.py"), "converter/a.py has been changed"),
    "launcher changed": (lambda at: append(at / "launch.py"), "launch.py: FAILED"),
    "launcher missing": (lambda at: (at / "launch.py").unlink(), "No such file"),
    "file missing": (lambda at: (at / "ffmpeg").unlink(), "ffmpeg is missing"),
    "link": (lambda at: replace_by_link(at / "ffmpeg"), "ffmpeg is missing"),
    "shadowed module": (lambda at: add(at / "tempfile.py"), "tempfile.py is not part of the package"),
    "shadowed by a link": (
        lambda at: (at / "tempfile").symlink_to(at.parent),
        "tempfile is not part of the package",
    ),
    "bytecode": (lambda at: add(at / "converter/__pycache__/a.pyc"), "a.pyc is not part of the package"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_task_fails_before_anything_of_a_damaged_package_runs(
    small: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(small)
    run = run_task(small)
    assert run.returncode == 1
    assert message in run.stderr
    assert run.stdout == ""


def test_built_package_passes_its_check_and_a_changed_one_does_not(
    packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built = build(packages)
    assert problems(built.path) == []
    assert main([str(built.path)]) == 0

    renamed = tmp_path / f"{'0' * 64}.zip"
    renamed.hardlink_to(built.path)
    assert main([str(renamed)]) == 1
    assert "launch.py is not the one of version 0000" in capsys.readouterr().err

    with zipfile.ZipFile(built.path) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name != "ffmpeg"}
    changed = tmp_path / built.path.name
    with zipfile.ZipFile(changed, "w") as archive:
        for name, content in {**files, "ffmpeg": b"x", "extra.py": b""}.items():
            archive.writestr(name, content)
    assert problems(changed) == [
        "the files are not those listed in launch.py",
        "extra.py has been changed",
        "ffmpeg has been changed",
    ]


def test_package_without_the_pinned_ffmpeg_fails_its_check(small: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{small.name}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in ("launch.py", "ffmpeg", "convert.py", "converter/a.py"):
            archive.write(small / file, file)
    assert problems(path) == ["ffmpeg is not the pinned one"]
    assert "no application package" in problems(tmp_path / "missing.zip")[0]
