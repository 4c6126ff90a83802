"""Runs Microsoft's tests of azure-batch against the emulator, and compares what passes with the committed table.

Needs the package index on the first run. `make conformance ARGS=--write` replaces the table.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import trustme

from conformance.exceptions import REASONS

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".local/conformance"
STANDINS = Path(__file__).parent / "standins"
TABLE = ROOT / "CONFORMANCE.md"
REPLACED = ("batch_preparers.py",)
"""Files of the tests for which a stand-in is used."""
SETTINGS = """\
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
timeout = 300
addopts = -p no:cacheprovider -p no:xdist
markers =
    live_test_only: runs live only
"""
_VIRTUAL_MACHINE = (
    "virtual_machine_configuration=models.VirtualMachineConfiguration("
    "image_reference=models.ImageReference(publisher='Canonical', offer='0001-com-ubuntu-server-jammy',"
    " sku='22_04-lts'), node_agent_sku_id='batch.node.ubuntu 22.04')"
)
RETIRED = {
    r"UbuntuServer": "0001-com-ubuntu-server-jammy",
    r"18\.04-LTS": "22_04-lts",
    r"ubuntu 18\.04": "ubuntu 22.04",
    r"cloud_service_configuration=models\.CloudServiceConfiguration\(\s*os_family='5'\s*\)": _VIRTUAL_MACHINE,
    r"pool\.cloud_service_configuration\.os_family == '5'": "pool.virtual_machine_configuration is not None",
}
"""Patterns of what the service has retired -> what the tests use instead."""


@dataclass(frozen=True)
class Release:
    """A release of azure-batch: its sdist, and what its tests need to run.

    requirements: Pinned requirements of the release, if they are not those of the project.
    """

    version: str
    archive: str
    sha256: str
    requirements: Path | None = None

    @property
    def home(self) -> Path:
        return HOME / self.version


RELEASES = (
    Release(
        "15.1.0",
        "azure_batch-15.1.0.tar.gz",
        "2f684d176b457b7213535e145180a914ed6844b2d1066fcc22ac88c3ac9e3fa5",
    ),
    Release(
        "14.2.0",
        "azure-batch-14.2.0.tar.gz",
        "c79267d6c3d3fe14a16a422ab5bbfabcbd68ed0b58b6bbcdfa0c8345c4c78532",
        ROOT / "tests/requirements-batch14.txt",
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table instead of comparing")
    parser.add_argument("--only", default="", metavar="TEXT", help="run the tests with this in their name; no table")
    options = parser.parse_args()
    results = {}
    for release in RELEASES:
        _install(release)
        results[release.version] = outcomes = _run(release, only=options.only)
        print(
            f"azure-batch {release.version}: {list(outcomes.values()).count(True)} of {len(outcomes)} pass", flush=True
        )
        print(*(f"  failed: {name}" for name, passed in outcomes.items() if not passed), sep="\n", flush=True)
    if options.only:
        return 0
    table = _table(results)
    if options.write:
        TABLE.write_text(table)
    elif TABLE.read_text() != table:
        print(f"This is not what {TABLE.relative_to(ROOT)} says.")
        return 1
    return 0


def _install(release: Release) -> None:
    """Download the sdist, unpack its tests, and install the release if the project has another."""
    if (release.home / "ready").exists():
        return
    shutil.rmtree(release.home, ignore_errors=True)
    (release.home / "tests").mkdir(parents=True)
    pip: list[str | Path] = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check"]
    pinned = release.home / "sdist.txt"
    pinned.write_text(f"azure-batch=={release.version} --hash=sha256:{release.sha256}\n")
    download = ["download", "--no-deps", "--no-binary", ":all:", "--require-hashes", "--requirement"]
    subprocess.run([*pip, *download, pinned, "--dest", release.home], check=True)
    with tarfile.open(release.home / release.archive) as archive:
        for member in archive.getmembers():
            path = Path(member.name)
            if path.parent.name == "tests" and path.suffix == ".py" and path.name not in REPLACED:
                content = archive.extractfile(member)
                assert content is not None
                (release.home / "tests" / path.name).write_text(_modern(content.read().decode()))
    if release.requirements is not None:
        target: list[str | Path] = ["--target", release.home / "lib"]
        subprocess.run(
            [*pip, "install", "--require-hashes", "--requirement", release.requirements, *target], check=True
        )
    (release.home / "tests/pytest.ini").write_text(SETTINGS)
    (release.home / "ready").touch()


def _modern(text: str) -> str:
    for pattern, new in RETIRED.items():
        text = re.sub(pattern, new, text)
    return text


def _run(release: Release, *, only: str) -> dict[str, bool]:
    """Test -> whether it passes, in the order of the files."""
    report = release.home / "report.xml"
    path = [str(STANDINS), *([str(release.home / "lib")] if release.requirements is not None else [])]
    _make_certificates()
    trust = dict.fromkeys(["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"], str(HOME / "ca.pem")) | {
        "CONFORMANCE_TLS": str(HOME)
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "test_batch.py",
        "--quiet",
        "--tb=short",
        f"--junitxml={report}",
        "-k",
        only,
    ]
    with (release.home / "output.txt").open("w") as output:
        subprocess.run(
            command,
            cwd=release.home / "tests",
            env=os.environ | trust | {"PYTHONPATH": os.pathsep.join(path)},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    cases = ET.parse(report).getroot().iter("testcase")  # noqa: S314
    return {f"{each.get('classname', '').split('.')[0]}::{each.get('name')}": len(each) == 0 for each in cases}


def _make_certificates() -> None:
    """The certificates of the accounts: SDKs read their trust once for each process."""
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(HOME / "ca.pem"))
    server.cert_chain_pems[0].write_to_path(str(HOME / "cert.pem"))
    server.private_key_pem.write_to_path(str(HOME / "key.pem"))


def _table(results: dict[str, dict[str, bool]]) -> str:
    lines = [
        "# Conformance",
        "",
        "Microsoft's own tests of azure-batch, from the sdists on PyPI, run live against the emulator.",
        "`make conformance` runs them and fails if the result differs from this table; with `ARGS=--write` it",
        "writes it. Their utilities for recordings and ARM are replaced by stand-ins",
        "(`tests/conformance/standins`), which give each test an account of its own. What the service has retired",
        "(Ubuntu 18.04, cloud service pools) is replaced in the tests of 14.2.0 by what it offers today",
        "(`RETIRED` in `tests/conformance/__main__.py`).",
    ]
    for version, outcomes in results.items():
        passed = list(outcomes.values()).count(True)
        lines += ["", f"## azure-batch {version}: {passed} of {len(outcomes)}", "", "| test | passes |", "|---|---|"]
        for name, passes in outcomes.items():
            reason = REASONS.get((version, name.partition("[")[0]), "unexpected")
            lines.append(f"| `{name}` | {'yes' if passes else f'no: {reason}'} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
