"""The deploy scripts, run against fakes of `az`, `func` and `azd`."""

import itertools
import json
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.az_output import object_id, parameters_file
from infra.check.refresh import resource_types
from infra.rights import OPTIONAL_PROVIDERS, providers
from infra.smoke import make, wait
from tests.infra.bicep import INFRA, ROOT
from tests.infra.fake_az import OPERATOR, SECRET, TOKEN
from tests.infra.stand_ins import FACTS, VERSION, stand_ins
from tests.support.fork_server import ForkServer


class App(BaseHTTPRequestHandler):
    """The status endpoint of a deployed app: a video is unknown at first, then queued, then in the state `ending`."""

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
        """Logs nothing."""


@pytest.fixture
def app() -> Iterator[str]:
    App.asked, App.ending, App.refusals = {}, "succeeded", 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), App)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Cloud:
    """A fake subscription: runs the scripts against it and reads their calls."""

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
        """The parameters of the last deployment of main.bicep."""
        known = json.loads((self.home / "deployments").read_text(encoding="utf-8"))
        last = [item for name, item in known.items() if name.startswith("gifdrop-main")][-1]
        return {name: item.get("value") for name, item in last["parameters"].items()}

    def changes(self) -> list[str]:
        """The calls that change something, without their options."""
        short = []
        for call in self.calls():
            words = call.split()
            command = [*itertools.takewhile(lambda word: not word.startswith("-"), words)]
            if "deployment" in command and "--name" in words:
                # Without the timestamp that is part of some names.
                command.append("-".join(words[words.index("--name") + 1].split("-")[:2]))
            if "gifdrop-release" in command[-1]:
                continue
            if {"create", "register", "publish", "upload", "delete"} & set(command):
                short.append(" ".join(command))
        return short


@pytest.fixture
def cloud(tmp_path: Path, app: str, python: ForkServer) -> Iterator[Cloud]:
    (tmp_path / "cat.mp4").write_bytes(b"video")
    # Skips the real package, which holds a large binary.
    stubs = FACTS | {"-m infra.package_check *": '! [ -s "$3" ]'}
    with stand_ins(tmp_path, python, stubs) as tools:
        environment = tools.environment | {"FAKE_AZ_APP_URL": app, "GIFDROP_ATTEMPTS": "2"}
        del environment["GIFDROP_COMMIT"]
        yield Cloud(tmp_path, environment)


def test_first_deployment_runs_all_steps_in_order(cloud: Cloud) -> None:
    run = cloud.deploy("-v", str(cloud.home / "cat.mp4"))

    assert run.returncode == 0, run.stderr
    changes = cloud.changes()
    assert changes[:2] == ["az provider register", "az group create"]
    assert changes[2:] == [
        "az deployment group create gifdrop-main",
        "az role assignment create",
        "az storage blob upload",
        "func azure functionapp publish gifdrop-abcdef",
        "az deployment group create gifdrop-events",
        "az storage blob upload",
    ]
    main = next(call for call in cloud.calls() if "gifdrop-main" in call and "create" in call)
    assert f"packageVersion={VERSION}" in main
    assert '"state": "succeeded"' in run.stdout


@pytest.fixture
def artifact(cloud: Cloud) -> Path:
    """What infra.artifact builds, with empty files and without ffmpeg."""
    folder = cloud.home / "artifact"
    (folder / "gifdrop").mkdir(parents=True)
    for name in (f"gifdrop/{VERSION}.zip", "app.zip", "smoke.mp4", "main.json", "events.json"):
        (folder / name).touch()
    return folder


def test_artifact_is_deployed_without_building_or_core_tools(cloud: Cloud, artifact: Path) -> None:
    (cloud.home / "bin" / "func").unlink()

    run = cloud.deploy("-a", str(artifact))

    assert run.returncode == 0, run.stderr
    calls = cloud.calls()
    for wanted in (
        f"--template-file {artifact}/main.json",
        f"packageVersion={VERSION}",
        f"--file {artifact}/gifdrop/{VERSION}.zip",
        f"config-zip --resource-group pets --name gifdrop-abcdef --src {artifact}/app.zip --build-remote true",
        f"--template-file {artifact}/events.json",
        f"--file {artifact}/smoke.mp4",
    ):
        assert any(wanted in call for call in calls), wanted
    assert not any(call.startswith("func") for call in calls)


@pytest.mark.parametrize("damage", ["changed", "missing", "two"])
def test_artifact_with_a_damaged_package_is_not_deployed(cloud: Cloud, artifact: Path, damage: str) -> None:
    package = artifact / "gifdrop" / f"{VERSION}.zip"
    if damage == "changed":
        package.write_text("changed")
    elif damage == "missing":
        package.unlink()
    else:
        package.with_name("other.zip").touch()

    run = cloud.deploy("-a", str(artifact))

    assert run.returncode == 1
    assert ("was changed after it was built" if damage == "changed" else "must hold one package") in run.stderr
    assert not any("deployment group create" in call for call in cloud.calls())


STEPS = ["az group create", "az batch application package activate", "func azure functionapp publish"]
"""One command of each kind; tests/infra/test_deploy_faults.py has all."""


@pytest.mark.parametrize("fail", STEPS)
def test_same_command_succeeds_after_a_failure(cloud: Cloud, fail: str) -> None:
    arguments = ("-v", str(cloud.home / "cat.mp4"))

    first = cloud.deploy(*arguments, fail=fail)
    second = cloud.deploy(*arguments)

    assert first.returncode == 1
    assert "run the same command again" in first.stderr
    assert second.returncode == 0, second.stderr
    changes = cloud.changes()
    # Only what failed is done again.
    assert changes.count("az group create") == (2 if fail == "az group create" else 1)


@pytest.mark.parametrize("missing", ["on_video_uploaded", "on_result_uploaded"])
def test_events_step_needs_every_function_with_an_event_subscription(cloud: Cloud, missing: str) -> None:
    cloud.deploy("check", "infra", "publish")
    (cloud.home / "calls").unlink()
    (cloud.home / "missing").write_text(missing)

    run = cloud.deploy("events")

    assert run.returncode == 1
    assert f"the app has no function {missing}: did the step 'publish' succeed?" in run.stderr
    assert cloud.changes() == []

    (cloud.home / "missing").unlink()
    assert cloud.deploy("events").returncode == 0
    assert cloud.changes() == ["az deployment group create gifdrop-events"]
    checked = [call for call in cloud.calls() if call.startswith("az functionapp function show")]
    assert {call.partition("--function-name ")[2].split()[0] for call in checked} == {
        "on_video_uploaded",
        "on_result_uploaded",
    }


def test_failed_step_stops_the_later_ones(cloud: Cloud) -> None:
    cloud.deploy(fail="func azure functionapp publish")
    assert not any("gifdrop-events" in call or "--container-name videos" in call for call in cloud.calls())


def test_upgrade_uploads_the_package_before_the_settings_name_it(cloud: Cloud) -> None:
    cloud.deploy("-v", str(cloud.home / "cat.mp4"))
    (cloud.home / "packages").unlink()
    (cloud.home / "calls").unlink()

    run = cloud.deploy("infra")

    assert run.returncode == 0, run.stderr
    assert cloud.changes() == [
        "az role assignment create",
        "az storage blob upload",
        "az deployment group create gifdrop-main",
    ]


def test_azd_upgrade_uploads_the_package_before_the_settings_name_it(cloud: Cloud) -> None:
    azd = (ROOT / "azure.yaml").read_text(encoding="utf-8")
    hook = re.search(r"^  preprovision:\n    shell: sh\n    run: \|\n((?: {6}.*\n)+)", azd, re.MULTILINE)
    assert hook
    command = ["/bin/sh", "-c", textwrap.dedent(hook[1])]
    environment = {**cloud.environment, "AZURE_RESOURCE_GROUP": "pets"}

    def provision() -> list[str]:
        subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True)
        return cloud.changes()

    assert provision() == []  # first run: no resource group, no Batch account
    cloud.deploy("check", "infra")
    (cloud.home / "calls").unlink()
    assert provision() == ["az role assignment create", "az storage blob upload"]
    assert f"azd env set GIFDROP_PACKAGE_VERSION {VERSION}" in cloud.calls()


def test_no_secret_is_printed_or_passed_as_an_argument(cloud: Cloud) -> None:
    run = cloud.deploy("-v", str(cloud.home / "cat.mp4"))
    assert any(call.startswith("az functionapp keys list") for call in cloud.calls())
    assert any(call.startswith("az account get-access-token") for call in cloud.calls())
    output = run.stdout + run.stderr + "".join(cloud.calls())
    assert SECRET not in output
    assert TOKEN.rpartition(".")[2] not in output


@pytest.mark.parametrize(("workflow", "kind"), [(False, "User"), (True, "ServicePrincipal")])
def test_operator_is_found_without_access_to_graph(cloud: Cloud, workflow: bool, kind: str) -> None:
    if workflow:
        (cloud.home / "workflow").touch()
    assert cloud.deploy("check", "infra").returncode == 0
    given = cloud.given()
    assert (given["operatorPrincipalId"], given["operatorPrincipalType"]) == (OPERATOR, kind)


def test_token_without_an_object_id_raises_lookup_error() -> None:
    for token in ("", "opaque", "a.b.c", "a.bnVsbA.c", "a.e30.c"):
        with pytest.raises(LookupError, match="has no object id"):
            object_id(token)


def test_chosen_steps_run_in_their_usual_order(cloud: Cloud) -> None:
    cloud.deploy("-v", str(cloud.home / "cat.mp4"))
    (cloud.home / "calls").unlink()

    assert cloud.deploy("events", "publish").returncode == 0

    assert cloud.changes() == [
        "func azure functionapp publish gifdrop-abcdef",
        "az deployment group create gifdrop-events",
    ]


def test_step_names_the_missing_earlier_step(cloud: Cloud) -> None:
    run = cloud.deploy("publish")
    assert run.returncode == 1
    assert "run the step 'infra' first" in run.stderr


def test_parameters_are_passed_to_the_deployment(cloud: Cloud) -> None:
    cloud.deploy("-p", "maxDedicatedNodes=9", "-p", "preset=best", "check", "infra")
    main = next(call for call in cloud.calls() if "gifdrop-main" in call and "create" in call)
    assert main.index("@infra/main.parameters.json") < main.index("maxDedicatedNodes=9 preset=best")


def test_parameters_are_kept_until_changed(cloud: Cloud) -> None:
    first = cloud.deploy("-p", "privateNetworking=true", "-p", "maxDedicatedNodes=9", "check", "infra")
    assert (first.returncode, first.stderr) == (0, "")
    cloud.deploy("-p", "maxDedicatedNodes=5", "infra")

    assert cloud.deploy("infra").returncode == 0

    given = cloud.given()
    assert (given["privateNetworking"], given["maxDedicatedNodes"]) == ("true", "5")


def test_each_deployment_keeps_parameters_in_a_file_of_its_own(cloud: Cloud) -> None:
    cloud.deploy("check", "infra")
    cloud.deploy("infra")
    cloud.deploy("infra")

    creations = [call for call in cloud.calls() if "gifdrop-main" in call and "create" in call]
    files = [word for call in creations for word in call.split() if word.startswith("@") and "main." not in word]
    assert len(set(files)) == 2
    assert not [file for file in files if Path(file[1:]).exists()]


def test_failed_deployment_changes_no_kept_parameter(cloud: Cloud) -> None:
    first = cloud.deploy("-p", "privateNetworking=true", "check", "infra")
    assert (first.returncode, first.stderr) == (0, "")
    cloud.deploy("-p", "privateNetworking=false", "infra", fail="az deployment group create")

    assert cloud.deploy("infra").returncode == 0

    assert cloud.given()["privateNetworking"] == "true"


def test_nothing_is_deployed_without_the_earlier_parameters(cloud: Cloud) -> None:
    cloud.deploy("-p", "privateNetworking=true", "check", "infra")
    (cloud.home / "calls").unlink()

    assert cloud.deploy("infra", fail="az deployment group show").returncode == 1

    assert not any("deployment group create" in call for call in cloud.calls())


def test_computed_secure_and_obsolete_parameters_are_not_kept() -> None:
    earlier: dict[str, dict[str, object]] = {
        "packageVersion": {"type": "String", "value": "ba9876543210"},
        "operatorPrincipalId": {"type": "String", "value": "somebody else"},
        "name": {"type": "SecureString"},
        "takenByAnOlderTemplate": {"type": "Bool", "value": True},
        "privateNetworking": {"type": "Bool", "value": True},
        "alertEmails": {"type": "Array", "value": ["me@example.com"]},
    }
    assert parameters_file(earlier)["parameters"] == {
        "alertEmails": {"value": ["me@example.com"]},
        "privateNetworking": {"value": True},
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["-x"], "infra/deploy.sh -g GROUP"), (["-g", "pets", "-y", "fly"], "no step 'fly'"), ([], "-g GROUP")],
)
def test_wrong_usage_fails_before_any_call(cloud: Cloud, arguments: list[str], message: str) -> None:
    run = cloud.run("deploy.sh", *arguments)
    assert run.returncode in (1, 2)
    assert message in run.stderr
    assert not (cloud.home / "calls").exists()


@pytest.mark.parametrize(("reply", "continues"), [("y\n", True), ("n\n", False), ("", False)])
def test_confirmation_is_required_without_y_even_without_a_terminal(cloud: Cloud, reply: str, continues: bool) -> None:
    command = [str(INFRA / "deploy.sh"), "-g", "pets", "-l", "westeurope", "check"]
    run = subprocess.run(command, env=cloud.environment, input=reply, capture_output=True, text=True, check=False)
    assert (run.returncode == 0) is continues
    assert ("nothing was done" in run.stderr) is not continues
    assert (cloud.home / "calls").exists() is continues


def test_all_resource_providers_of_the_templates_are_registered() -> None:
    # Microsoft.Authorization is registered in every subscription.
    used = {name.partition("/")[0] for name in resource_types(INFRA)} - {"Microsoft.Authorization"}
    # Batch creates nodes in the subscription in user subscription mode.
    used |= {"Microsoft.Compute"}
    network = (INFRA / "modules/network.bicep").read_text(encoding="utf-8")
    used |= {name.partition("/")[0] for name in re.findall(r"serviceName: '(\S+)'", network)}
    every = {name: value for name, (value, _) in OPTIONAL_PROVIDERS.items()}
    # In user subscription mode the nodes are virtual machines of the subscription.
    assert set(providers(every)) == used | {"Microsoft.Compute"}


def test_failed_smoke_test_fails_the_deployment(cloud: Cloud) -> None:
    App.ending = "failed"
    run = cloud.deploy("-v", str(cloud.home / "cat.mp4"))
    assert run.returncode == 1
    assert "The step 'smoke' failed" in run.stderr


def test_smoke_test_distinguishes_a_wrong_key_from_a_missing_video(app: str) -> None:
    with pytest.raises(PermissionError):
        wait(app, "cat.mp4", "wrong", interval=0, key_grace=0.1)
    assert wait(app, "cat.mp4", SECRET, interval=0)["state"] == "succeeded"


def test_smoke_test_waits_for_the_app_to_load_its_keys(app: str) -> None:
    App.refusals = 3
    assert wait(app, "cat.mp4", SECRET, interval=0)["state"] == "succeeded"


def test_smoke_test_times_out(app: str) -> None:
    App.ending = "running"
    with pytest.raises(TimeoutError, match="running"):
        wait(app, "cat.mp4", SECRET, interval=0.01, timeout=0.2)


def test_smoke_test_video_is_an_mp4(tmp_path: Path) -> None:
    make(tmp_path / "smoke.mp4")
    assert (tmp_path / "smoke.mp4").read_bytes()[4:8] == b"ftyp"


def test_destroy_requires_the_name_of_the_group(cloud: Cloud) -> None:
    (cloud.home / "group").touch()
    command = [str(INFRA / "destroy.sh"), "-g", "pets"]
    refused = subprocess.run(command, env=cloud.environment, input="yes\n", capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "gifdropabc" in refused.stdout
    assert (cloud.home / "group").exists()

    subprocess.run(command, env=cloud.environment, input="pets\n", capture_output=True, text=True, check=True)

    assert not (cloud.home / "group").exists()


def test_destroy_removes_the_lock(cloud: Cloud) -> None:
    (cloud.home / "group").touch()
    (cloud.home / "lock").touch()
    run = cloud.run("destroy.sh", "-g", "pets", "-y")
    assert run.returncode == 0, run.stderr
    assert not (cloud.home / "group").exists()


@pytest.mark.parametrize("name", ["-pets", "1pets", "pe_ts", "pets-", "pe--ts", "pe ts", "ütz"])
def test_invalid_name_is_refused_before_any_call(cloud: Cloud, name: str) -> None:
    run = cloud.deploy("-p", f"name={name}")
    assert run.returncode == 1
    assert "letters, digits and single hyphens only" in run.stderr
    assert not (cloud.home / "calls").exists()


def test_deployment_warns_that_nobody_gets_the_alerts(cloud: Cloud) -> None:
    assert "alertEmails is empty" in cloud.deploy("check", "infra").stdout
    assert "alertEmails is empty" not in cloud.deploy("-p", 'alertEmails=["me@example.com"]', "infra").stdout


def test_scripts_pass_shellcheck() -> None:
    scripts = sorted(INFRA.glob("*.sh"))
    assert scripts
    shellcheck = Path(sys.executable).with_name("shellcheck")
    run = subprocess.run([str(shellcheck), *map(str, scripts)], capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.stdout == ""
