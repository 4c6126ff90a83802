"""What a deployment from an artifact uploads."""

import zipfile
from pathlib import Path

import pytest

from infra.artifact import app_files, main
from infra.package_check import problems
from tests.infra.bicep import ROOT


def test_artifact_holds_converter_app_and_a_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0

    package, app, video = (Path(line) for line in capsys.readouterr().out.splitlines())
    assert package.parent == tmp_path / "gifdrop"
    assert problems(package) == []
    assert (app.name, video.name) == ("app.zip", "smoke.mp4")
    assert video.read_bytes()[4:8] == b"ftyp"
    with zipfile.ZipFile(app) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            name: (ROOT / name).read_bytes() for name in app_files()
        }
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_artifact_needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "infra.artifact DIR" in capsys.readouterr().err
