"""Every package that is installed has a version and hashes, whoever installs it."""

import json
import re
from pathlib import Path

import pytest

from tests.infra.bicep import ROOT

LOCKS = sorted([*ROOT.glob("requirements*.txt"), *ROOT.glob("emulator/tests/requirements*.txt")])
INSTALLERS = [ROOT / "Makefile", *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]


def requirements(path: Path) -> list[str]:
    """The requirements of a file, each on one line with its hashes and without comments."""
    content = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in content.splitlines() if line and not line.lstrip().startswith("#")]


def pins(path: Path) -> set[str]:
    return {item.partition(" --hash")[0].strip() for item in requirements(path)}


def test_every_requirements_file_is_found() -> None:
    names = {path.name.removeprefix("requirements").removesuffix(".txt") for path in LOCKS}
    assert names == {"", "-dev", "-worker", "-az", "-batch14", "-ffmpeg-tutorial", "-quickstart", "-snakemake"}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_requirement_has_a_version_and_sha_256_hashes(path: Path) -> None:
    expected = re.compile(r"[\w.-]+==[\w.]+( ; .+?)?( +--hash=sha256:[0-9a-f]{64})+ *")
    found = requirements(path)
    assert found
    assert [item for item in found if not expected.fullmatch(item)] == []


def test_developers_install_what_is_deployed() -> None:
    """Not only the same versions: a hash that one file lacks would be accepted in one place only."""
    deployed = set(requirements(ROOT / "requirements.txt"))
    assert deployed <= set(requirements(ROOT / "requirements-dev.txt"))


@pytest.mark.parametrize("path", INSTALLERS, ids=lambda path: path.name)
def test_pip_always_requires_hashes(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    options = re.search(r"^PIP_OPTIONS := (.*)$", content, re.MULTILINE)
    editable = re.search(r"^EDITABLE := (.*)$", content, re.MULTILINE)
    for line in re.findall(r".*pip install.*", content):
        used = line.replace("$(PIP_OPTIONS)", options[1] if options else "")
        used = used.replace("$(EDITABLE)", editable[1] if editable else "")
        if "--no-index --no-deps --no-build-isolation --editable" in used:
            continue  # the project's own, which fetches nothing
        assert "--require-hashes" in used
        assert re.search(r"--requirement (requirements[\w$-]*\.txt|\$\$pins)", used)


def test_lock_writes_every_requirements_file_with_hashes() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^COMPILE := .*--generate-hashes", makefile, re.MULTILINE)
    written = re.findall(r"\$\(COMPILE\).* -o (\S+)", makefile)
    assert sorted(ROOT / path for path in written) == LOCKS


@pytest.mark.parametrize(
    ("variable", "folder"), [("WORKER", ""), ("BATCH14", "emulator/tests/"), ("AZ", "emulator/tests/")]
)
def test_versions_in_the_makefile_are_those_of_the_locks(variable: str, folder: str) -> None:
    found = re.search(rf"^{variable} := (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    assert found[1] in pins(ROOT / f"{folder}requirements-{variable.lower()}.txt")


def test_npm_packages_have_integrity_hashes() -> None:
    for lock in (
        ROOT / folder / "package-lock.json" for folder in ("local/storage", "tests/browser", "emulator/tests/node")
    ):
        packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
        assert [name for name, item in packages.items() if name and not item.get("integrity")] == []
