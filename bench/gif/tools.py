"""The programs that the converter is compared with, installed below .local/gif-tools by the first call."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.clips import ROOT

FOLDER: Final = ROOT / ".local" / "gif-tools"
GIFSKI: Final = "1.7.1"  # the newest on npm; newer ones are on crates.io only
PACKAGES: Final = ("numpy==2.4.6", "scipy==1.17.1", "pillow==13.0.0", "ssimulacra2==0.3.0")
VIPS: Final = ("pyvips==3.2.0", "pyvips-binary==8.18.7")


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Paths of the programs, None for what cannot be installed here. `versions` is name -> version."""

    python: Path
    """Has ssimulacra2 and pyvips."""
    gifski: Path | None
    gifsicle: Path | None
    versions: dict[str, str]


def install() -> Tools:
    """Install what is missing; Debian's gifsicle is unpacked, not installed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    python, gifsicle = FOLDER / "venv/bin/python", FOLDER / "gifsicle/usr/bin/gifsicle"
    gifski = FOLDER / "node_modules/gifski/bin/debian/gifski"
    if not (FOLDER / ".ready").exists():
        _run(sys.executable, "-m", "venv", "--clear", "venv")
        _run("venv/bin/pip", "install", "--quiet", *PACKAGES, *VIPS)
        (FOLDER / "package.json").write_text(json.dumps({"private": True}))
        npm = Path(sys.executable).with_name("npm")
        _run(str(npm), "install", "--silent", f"gifski@{GIFSKI}")
        if shutil.which("apt-get") and shutil.which("dpkg"):
            _run("apt-get", "download", "gifsicle", check=False)
            for archive in FOLDER.glob("gifsicle_*.deb"):
                _run("dpkg", "-x", archive.name, "gifsicle")
        (FOLDER / ".ready").touch()
    found = {"gifski": gifski, "gifsicle": gifsicle}
    versions = {name: _version(path) for name, path in found.items() if path.exists()}
    return Tools(
        python=python,
        gifski=gifski if gifski.exists() else None,
        gifsicle=gifsicle if gifsicle.exists() else None,
        versions={**versions, "libvips": VIPS[1].partition("==")[2]},
    )


def _run(*command: str, check: bool = True) -> None:
    subprocess.run(command, cwd=FOLDER, check=check, stdout=subprocess.DEVNULL)


def _version(program: Path) -> str:
    output = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True).stdout
    return output.split("\n")[0].split()[-1]
