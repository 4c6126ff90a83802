"""The deploy scripts, run for real against stand-ins for `az` and `func`."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.answers import carried, object_id
from infra.check.refresh import resource_types
from infra.smoke import make, wait
from tests.infra.bicep import INFRA, ROOT
from tests.infra.stand_in import OPERATOR, SECRET, TOKEN

VERSION = "0123456789ab"


class App(BaseHTTPRequestHandler):
    """The status endpoint of a deployed app: unknown at first, then queued, then what it was told."""

    asked: dict[str, int]
    ending = "succeeded"
    refusals = 0

    def do_GET(self) -> None:
        if self.headers["x-functions-key"] != SECRET or App.refusals > 0:
            App.refusals -= 1
            self.send_error(401)
            return
        count = self.asked[self.path] = self.asked.get(self.path, 0) + 1
        if count == 1:
            self.send_error(404)
            return
        video = self.path.removeprefix("/api/status/")
        body = json.dumps({"video": video, "state": "queued" if count == 2 else self.ending, "gif": None}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
        """Say nothing."""


@pytest.fixture
def app() -> Iterator[str]:
    App.asked, App.ending, App.refusals = {}, "succeeded", 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), App)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Cloud:
    """A pretended subscription: what the scripts called, and how to run them against it."""

    home: Path
    environment: dict[str, str]

    def run(self, script: str, *arguments: str, fail: str | None = None) -> subprocess.CompletedProcess[str]:
        (self.home / "fail").unlink(missing_ok=True)
        if fail is not None:
            (self.home / "fail").write_text(fail)
        command = [str(INFRA / script), *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )

    def deploy(self, *arguments: str, fail: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.run("deploy.sh", "-y", "-g", "pets", "-l", "westeurope", *arguments, fail=fail)

    def calls(self) -> list[str]:
        lines = (self.home / "calls").read_text(encoding="utf-8").splitlines()
        return [" ".join(json.loads(line)) for line in lines]

    def given(self) -> dict[str, object]:
        """The parameters that the last deployment of main.bicep came to."""
        known = json.loads((self.home / "deployments").read_text(encoding="utf-8"))
        last = [item for name, item in known.items() if name.startswith("gifdrop-main")][-1]
        return {name: item.get("value") for name, item in last["parameters"].items()}

    def changes(self) -> list[str]:
        """The calls that change something, shortened to what they do."""
        short = []
        for call in self.calls():
            words = call.split()
            does = [*itertools.takewhile(lambda word: not word.startswith("-"), words)]
            if "deployment" in does and "--name" in words:
                # Without the time that is a part of some names.
                does.append("-".join(words[words.index("--name") + 1].split("-")[:2]))
            if {"create", "register", "publish", "upload", "delete"} & set(does):
                short.append(" ".join(does))
        return short


@pytest.fixture
def cloud(tmp_path: Path, app: str) -> Cloud:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("az", "func", "azd"):
        shutil.copyfile(Path(__file__).with_name("stand_in.py"), tools / tool)
        (tools / tool).write_text(f"#!{sys.executable} -IS\n" + (tools / tool).read_text(encoding="utf-8"))
        (tools / tool).chmod(0o755)
    # The package is not what is tried here, and building it compresses a large binary.
    python = tools / "python"
    facts = f"id: gifdrop\\nversion: {VERSION}\\npath: /tmp/{VERSION}.zip\\n"
    python.write_text(
        f'#!/bin/sh\nif [ "$*" = "-m infra.package" ]; then printf "{facts}"; else exec {sys.executable} "$@"; fi\n'
    )
    python.chmod(0o755)
    video = tmp_path / "cat.mp4"
    video.write_bytes(b"video")
    environment = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHON": str(python),
        "STAND_IN": str(tmp_path),
        "STAND_IN_URL": app,
        "GIFDROP_WAIT_SECONDS": "0",
        "GIFDROP_ATTEMPTS": "2",
        "GIFDROP_PAUSE_SECONDS": "0",
    }
    return Cloud(tmp_path, environment)


def test_a_first_deployment_does_everything_in_order(cloud: Cloud) -> None:
    run = cloud.deploy("-v", str(cloud.home / "cat.mp4"))

    assert run.returncode == 0, run.stderr
    changes = cloud.changes()
    assert changes[:2] == ["az provider register", "az group create"]
    assert changes[2:] == [
        "az deployment group create gifdrop-main",
        "az batch application package create",
        "func azure functionapp publish gifdrop-abcdef",
        "az deployment group create gifdrop-events",
        "az storage blob upload",
    ]
    main = next(call for call in cloud.calls() if "gifdrop-main" in call and "create" in call)
    assert f"packageVersion={VERSION}" in main
    assert '"state": "succeeded"' in run.stdout


STEPS = [
    "az version",
    "az account show",
    "az provider list",
    "az provider register",
    "az group exists",
    "az group create",
    "az deployment group list",
    "az account get-access-token",
    "az deployment group create --resource-group pets --name gifdrop-main",
    "az batch account list",
    "az batch application package create",
    "func azure functionapp publish",
    "az functionapp function show",
    "az deployment group create --resource-group pets --name gifdrop-events",
    "az storage blob upload",
    "az functionapp keys list",
]


@pytest.mark.parametrize("fail", STEPS)
def test_after_a_failure_the_same_command_goes_on(cloud: Cloud, fail: str) -> None:
    arguments = ("-v", str(cloud.home / "cat.mp4"))

    first = cloud.deploy(*arguments, fail=fail)
    second = cloud.deploy(*arguments)

    assert first.returncode == 1
    assert "run the same command again" in first.stderr
    assert second.returncode == 0, second.stderr
    changes = cloud.changes()
    # What is there already is not made again; what was tried and failed is, and retried where that may help.
    assert changes.count("az batch application package create") == (3 if "package create" in fail else 1)
    assert changes.count("az group create") == (2 if fail == "az group create" else 1)


def test_a_failed_step_stops_the_ones_after_it(cloud: Cloud) -> None:
    cloud.deploy(fail="func azure functionapp publish")
    assert not any("gifdrop-events" in call or "blob upload" in call for call in cloud.calls())


def test_an_upgrade_uploads_the_package_before_the_settings_name_it(cloud: Cloud) -> None:
    cloud.deploy("-v", str(cloud.home / "cat.mp4"))
    (cloud.home / "package").unlink()
    (cloud.home / "calls").unlink()

    run = cloud.deploy("infra")

    assert run.returncode == 0, run.stderr
    assert cloud.changes() == ["az batch application package create", "az deployment group create gifdrop-main"]


def test_an_upgrade_by_azd_uploads_the_package_before_the_settings_name_it(cloud: Cloud) -> None:
    azd = (ROOT / "azure.yaml").read_text(encoding="utf-8")
    hook = re.search(r"^  preprovision:\n    shell: sh\n    run: \|\n((?: {6}.*\n)+)", azd, re.MULTILINE)
    assert hook
    command = ["/bin/sh", "-c", textwrap.dedent(hook[1])]
    environment = {**cloud.environment, "AZURE_RESOURCE_GROUP": "pets"}

    def provision() -> list[str]:
        subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True)
        return cloud.changes()

    assert provision() == []  # the first time: neither the group nor an account is there
    cloud.deploy("check", "infra")
    (cloud.home / "calls").unlink()
    assert provision() == ["az batch application package create"]
    assert f"azd env set GIFDROP_PACKAGE_VERSION {VERSION}" in cloud.calls()


def test_no_secret_is_printed_or_passed_as_an_argument(cloud: Cloud) -> None:
    run = cloud.deploy("-v", str(cloud.home / "cat.mp4"))
    assert any(call.startswith("az functionapp keys list") for call in cloud.calls())
    assert any(call.startswith("az account get-access-token") for call in cloud.calls())
    told = run.stdout + run.stderr + "".join(cloud.calls())
    assert SECRET not in told
    assert TOKEN.rpartition(".")[2] not in told


@pytest.mark.parametrize(("workflow", "kind"), [(False, "User"), (True, "ServicePrincipal")])
def test_who_deploys_may_use_it_though_nobody_may_ask_graph(cloud: Cloud, workflow: bool, kind: str) -> None:
    if workflow:
        (cloud.home / "workflow").touch()
    assert cloud.deploy("check", "infra").returncode == 0
    given = cloud.given()
    assert (given["operatorPrincipalId"], given["operatorPrincipalType"]) == (OPERATOR, kind)


def test_a_token_without_an_object_id_is_told_in_a_sentence() -> None:
    for token in ("", "opaque", "a.b.c", "a.bnVsbA.c", "a.e30.c"):
        with pytest.raises(LookupError, match="names no object id"):
            object_id(token)


def test_steps_can_be_chosen_and_keep_their_order(cloud: Cloud) -> None:
    cloud.deploy("-v", str(cloud.home / "cat.mp4"))
    (cloud.home / "calls").unlink()

    assert cloud.deploy("events", "publish").returncode == 0

    assert cloud.changes() == [
        "func azure functionapp publish gifdrop-abcdef",
        "az deployment group create gifdrop-events",
    ]


def test_a_step_without_what_it_needs_says_which_comes_first(cloud: Cloud) -> None:
    run = cloud.deploy("publish")
    assert run.returncode == 1
    assert "run the step 'infra' first" in run.stderr


def test_parameters_are_handed_on(cloud: Cloud) -> None:
    cloud.deploy("-p", "maxDedicatedNodes=9", "-p", "preset=best", "check", "infra")
    main = next(call for call in cloud.calls() if "gifdrop-main" in call and "create" in call)
    assert main.index("@infra/main.parameters.json") < main.index("maxDedicatedNodes=9 preset=best")


def test_parameters_stay_until_they_are_changed(cloud: Cloud) -> None:
    cloud.deploy("-p", "privateNetworking=true", "-p", "maxDedicatedNodes=9", "check", "infra")
    cloud.deploy("-p", "maxDedicatedNodes=5", "infra")

    assert cloud.deploy("infra").returncode == 0

    given = cloud.given()
    assert (given["privateNetworking"], given["maxDedicatedNodes"]) == ("true", "5")


def test_a_deployment_that_fails_changes_no_parameter_for_the_next_one(cloud: Cloud) -> None:
    cloud.deploy("-p", "privateNetworking=true", "check", "infra")
    cloud.deploy("-p", "privateNetworking=false", "infra", fail="az deployment group create")

    assert cloud.deploy("infra").returncode == 0

    assert cloud.given()["privateNetworking"] == "true"


def test_without_the_earlier_parameters_nothing_is_deployed(cloud: Cloud) -> None:
    cloud.deploy("-p", "privateNetworking=true", "check", "infra")
    (cloud.home / "calls").unlink()

    assert cloud.deploy("infra", fail="az deployment group show").returncode == 1

    assert not any("deployment group create" in call for call in cloud.calls())


def test_what_each_deployment_works_out_or_cannot_know_is_not_carried_over() -> None:
    earlier: dict[str, dict[str, object]] = {
        "packageVersion": {"type": "String", "value": "ba9876543210"},
        "operatorPrincipalId": {"type": "String", "value": "somebody else"},
        "name": {"type": "SecureString"},
        "takenByAnOlderTemplate": {"type": "Bool", "value": True},
        "privateNetworking": {"type": "Bool", "value": True},
        "alertEmails": {"type": "Array", "value": ["me@example.com"]},
    }
    assert carried(earlier)["parameters"] == {
        "alertEmails": {"value": ["me@example.com"]},
        "privateNetworking": {"value": True},
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["-x"], "infra/deploy.sh -g GROUP"), (["-g", "pets", "-y", "fly"], "no step 'fly'"), ([], "-g GROUP")],
)
def test_a_wrong_call_is_refused_before_anything_is_touched(cloud: Cloud, arguments: list[str], told: str) -> None:
    run = cloud.run("deploy.sh", *arguments)
    assert run.returncode in (1, 2)
    assert told in run.stderr
    assert not (cloud.home / "calls").exists()


@pytest.mark.parametrize("step", ["check", "upload"])
def test_the_az_that_uploads_paths_in_place_of_packages_is_refused(cloud: Cloud, step: str) -> None:
    cloud.deploy("check", "infra")
    (cloud.home / "broken").touch()

    run = cloud.deploy(step)

    assert run.returncode == 1
    assert "az 2.77.0 cannot upload packages" in run.stderr
    assert "az batch application package create" not in cloud.changes()


@pytest.mark.parametrize(("answer", "goes_on"), [("y\n", True), ("n\n", False), ("", False)])
def test_without_y_it_asks_even_where_nobody_sits_at_a_terminal(cloud: Cloud, answer: str, goes_on: bool) -> None:
    command = [str(INFRA / "deploy.sh"), "-g", "pets", "-l", "westeurope", "check"]
    run = subprocess.run(command, env=cloud.environment, input=answer, capture_output=True, text=True, check=False)
    assert (run.returncode == 0) is goes_on
    assert ("nothing was done" in run.stderr) is not goes_on
    assert (cloud.home / "calls").exists() is goes_on


def test_every_resource_provider_that_the_templates_use_is_registered() -> None:
    # Microsoft.Authorization is registered in every subscription.
    used = {name.partition("/")[0] for name in resource_types(INFRA)} - {"Microsoft.Authorization"}
    network = (INFRA / "modules/network.bicep").read_text(encoding="utf-8")
    used |= {name.partition("/")[0] for name in re.findall(r"serviceName: '(\S+)'", network)}
    script = (INFRA / "deploy.sh").read_text(encoding="utf-8")
    listed = re.search(r"^PROVIDERS=\((.*?)\)$", script, re.MULTILINE | re.DOTALL)
    assert listed
    assert set(listed[1].split()) == used


def test_a_smoke_test_that_ends_in_failure_fails_the_deployment(cloud: Cloud) -> None:
    App.ending = "failed"
    run = cloud.deploy("-v", str(cloud.home / "cat.mp4"))
    assert run.returncode == 1
    assert "The step 'smoke' failed" in run.stderr


def test_the_smoke_test_tells_a_wrong_key_from_a_missing_video(app: str) -> None:
    with pytest.raises(PermissionError):
        wait(app, "cat.mp4", "wrong", pause=0, keys=0.1)
    assert wait(app, "cat.mp4", SECRET, pause=0)["state"] == "succeeded"


def test_the_smoke_test_waits_for_an_app_that_has_not_loaded_its_keys_yet(app: str) -> None:
    App.refusals = 3
    assert wait(app, "cat.mp4", SECRET, pause=0)["state"] == "succeeded"


def test_the_smoke_test_gives_up(app: str) -> None:
    App.ending = "running"
    with pytest.raises(TimeoutError, match="running"):
        wait(app, "cat.mp4", SECRET, pause=0.01, patience=0.2)


def test_the_video_of_the_smoke_test_is_a_real_one(tmp_path: Path) -> None:
    make(tmp_path / "smoke.mp4")
    assert (tmp_path / "smoke.mp4").read_bytes()[4:8] == b"ftyp"


def test_destroy_asks_for_the_name_of_the_group(cloud: Cloud) -> None:
    (cloud.home / "group").touch()
    command = [str(INFRA / "destroy.sh"), "-g", "pets"]
    refused = subprocess.run(command, env=cloud.environment, input="yes\n", capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "gifdropabc" in refused.stdout
    assert (cloud.home / "group").exists()

    subprocess.run(command, env=cloud.environment, input="pets\n", capture_output=True, text=True, check=True)

    assert not (cloud.home / "group").exists()


def test_the_scripts_are_clean() -> None:
    scripts = sorted(INFRA.glob("*.sh"))
    assert scripts
    shellcheck = Path(sys.executable).with_name("shellcheck")
    run = subprocess.run([str(shellcheck), *map(str, scripts)], capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.stdout == ""
