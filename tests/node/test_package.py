"""The application package: the same bytes each time, everything in it, nothing built twice."""

import stat
import subprocess
import sys
import zipfile
from pathlib import Path

from infra import package


def test_two_builds_are_the_same_bytes(packages: Path, tmp_path: Path) -> None:
    first, second = package.build(packages), package.build(tmp_path)
    assert first.version == second.version
    assert len(first.version) == 12
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.path == packages / "gifdrop" / f"{first.version}.zip"


def test_a_second_build_leaves_the_file_alone(packages: Path) -> None:
    before = package.build(packages).path.stat()
    after = package.build(packages).path.stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_the_version_follows_the_content(packages: Path, tmp_path: Path) -> None:
    files = package.sources()
    changed = tmp_path / "gif.py"
    changed.write_text(files["node/gif.py"].read_text() + "\n")
    cache = tmp_path / "digests.json"
    assert package.version_of(files, cache=cache) == package.build(packages).version
    assert package.version_of({**files, "node/gif.py": changed}, cache=cache) != package.build(packages).version


def test_ffmpeg_is_executable_and_every_module_is_there(packages: Path) -> None:
    with zipfile.ZipFile(package.build(packages).path) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert stat.S_IMODE(modes["ffmpeg"]) == 0o755
    modules = {f"node/{path.name}" for path in (package.ROOT / "node").glob("*.py")} - {"node/convert.py"}
    assert set(modes) == modules | {"ffmpeg", "convert.py"}


def test_the_converter_needs_nothing_but_the_standard_library(converter: Path, tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(converter.parent)!r}); import node.main; print(*sys.modules)"
    listed = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    roots = {name.partition(".")[0] for name in listed.stdout.split()}
    assert roots - set(sys.stdlib_module_names) - {"node", "__main__", "sitecustomize", "usercustomize"} == set()


def test_it_runs_where_unpacking_lost_the_executable_bit(converter: Path, tmp_path: Path) -> None:
    mode = converter.with_name("ffmpeg").stat().st_mode
    try:
        converter.with_name("ffmpeg").chmod(0o644)
        (tmp_path / "input.mp4").write_bytes(b"text")
        run = subprocess.run([sys.executable, "-I", str(converter), "input.mp4"], cwd=tmp_path, check=False)
    finally:
        converter.with_name("ffmpeg").chmod(mode)
    assert run.returncode == 0
    assert "NotAVideo" in (tmp_path / "result.json").read_text()
