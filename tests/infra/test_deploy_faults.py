"""deploy.sh with each fault at each of its commands: it says what to do, and running it again finishes."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.infra.fake_az import OPERATOR
from tests.infra.stand_ins import FAULTS, StandIns, fingerprint, stand_ins
from tests.support.fork_server import ForkServer

COMMANDS = [
    "az account show --query name",
    "az provider list",
    "az provider register",
    "az group exists",
    "az group create",
    "az deployment group list",
    "az account show --query user.type",
    "az account get-access-token",
    "az deployment group create gifdrop-main",
    "az batch account list --resource-group pets --query",
    "az batch application package show",
    "az batch application package list",
    "az rest --method put",
    "az storage account show",
    "az account show --only-show-errors",
    "az role assignment create",
    "az storage blob upload --account-name gifdroppkgs",
    "az batch application package activate",
    "func azure functionapp publish",
    "az deployment group create gifdrop-release",
    "az functionapp function show",
    "az deployment group create gifdrop-events",
    "az storage blob upload --auth-mode",
    "az functionapp keys list",
    "az batch account list --resource-group pets --only-show-errors",
    "az rest --method get",
]
"""Every command of a first deployment; a test compares them with what the stand-ins saw."""

TOLERATED = {
    # The upload of the package is repeated as a whole, and finds what was done.
    "az batch application package show",
    "az batch application package list",
    "az rest --method put",
    "az storage account show",
    "az account show --only-show-errors",
    "az account get-access-token",
    "az role assignment create",
    "az storage blob upload --account-name gifdroppkgs",
    "az batch application package activate",
    # A release that is not recorded cannot be rolled back to; the deployment itself is complete.
    "az deployment group create gifdrop-release",
}
SENTENCES = {
    "failure": "failed; its error is above",
    "time-out": "did not end within its time limit",
    "throttling": "throttles",
    "denial": "Ask ",
    "refusal": "was refused (403)",
}


def _named(name: str, call: str) -> bool:
    start, _, deployment = name.rpartition(" ")
    return call.startswith(start) and f"--name {deployment}" in call


def at(name: str) -> Callable[[str], bool]:
    return lambda call: call.startswith(name) or _named(name, call)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, python: ForkServer) -> Iterator[StandIns]:
    with stand_ins(tmp_path_factory.mktemp("cloud"), python) as tools:
        yield tools


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("video") / "cat.mp4"
    path.write_bytes(b"video")
    return str(path)


@pytest.fixture(autouse=True)
def _new_subscription(cloud: StandIns) -> None:
    cloud.restore({})


_finished: set[str] = set()
"""States from which a run has been seen to finish: it need not be seen again."""


def test_the_list_names_every_command_of_a_deployment(cloud: StandIns, video: str) -> None:
    assert cloud.deploy("-v", video).returncode == 0
    for call in cloud.calls:
        assert any(at(name)(call) for name in COMMANDS), call
    for name in COMMANDS:
        assert any(at(name)(call) for call in cloud.calls), name


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_ends_with_what_to_do_and_the_same_command_finishes(
    cloud: StandIns, video: str, fault: str, command: str
) -> None:
    cloud.inject(fault, at(command))

    first = cloud.deploy("-v", video)

    message = first.stderr
    if first.returncode == 0:
        denied_list = (command, fault) == ("az provider list", "denial")
        assert command in TOLERATED or denied_list, first.stdout
    else:
        no_function = command == "az functionapp function show" and "did the step 'publish' succeed?" in message
        assert SENTENCES[fault] in message or no_function, message
        assert "run the same command again" in message
    state = cloud.state()
    if (key := fingerprint(state)) not in _finished:
        cloud.restore(state)
        second = cloud.deploy("-v", video)
        assert second.returncode == 0, second.stderr
        _finished.add(key)


def test_each_command_may_be_throttled_twice(cloud: StandIns, video: str) -> None:
    seen: dict[str, int] = {}

    def first_two(call: str) -> bool:
        seen[call.partition(" --name gifdrop-")[0]] = count = seen.get(call.partition(" --name gifdrop-")[0], 0) + 1
        return count <= 2

    cloud.inject("throttling", first_two)

    run = cloud.deploy("-v", video)

    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "command",
    [
        "func azure functionapp publish",
        "az deployment group create gifdrop-events",
        "az storage blob upload --auth-mode",
    ],
)
def test_commands_that_depend_on_a_new_role_wait_for_it(cloud: StandIns, video: str, command: str) -> None:
    cloud.inject("refusal", at(command), times=2)

    run = cloud.deploy("-v", video)

    assert run.returncode == 0, run.stderr
    assert "Trying again" in run.stderr


def test_command_that_does_not_end_is_stopped(cloud: StandIns, tmp_path: Path) -> None:
    slow = tmp_path / "az"
    slow.write_text("#!/bin/bash\nsleep 60\n")
    slow.chmod(0o755)

    run = cloud.run(
        "-y", "-g", "pets", "check", GIFDROP_READ_SECONDS="0.2", PATH=f"{tmp_path}:{cloud.home}/bin:/usr/bin:/bin"
    )

    assert run.returncode != 0
    assert "'az account show' did not end within its time limit" in run.stderr


def test_refusals_above_the_group_name_all_commands_for_an_owner(cloud: StandIns) -> None:
    cloud.inject("denial", lambda call: call.startswith(("az provider register", "az group create")))

    run = cloud.deploy("check")

    assert run.returncode == 1
    assert "az provider register --subscription" in run.stderr
    assert "--namespace Microsoft.Batch --wait" in run.stderr
    assert "az group create --subscription" in run.stderr
    assert f"infra/deployer.bicep --parameters deployerPrincipalId={OPERATOR} deployerPrincipalType=User" in run.stderr
    assert all(name.startswith("Microsoft.") for name in re.findall(r"--namespace (\S+)", run.stderr))
    assert "-p createRoles=false" in run.stderr


def test_only_providers_of_the_parameters_are_registered(cloud: StandIns) -> None:
    unregistered = "\n".join(f"Microsoft.{name}" for name in ("App", "KeyVault", "Network", "Storage"))
    cloud.answers["az provider list"] = unregistered

    assert cloud.deploy("check").returncode == 0
    registered = [call for call in cloud.calls if call.startswith("az provider register")]
    assert registered == ["az provider register --namespace Microsoft.Storage --wait"]

    cloud.calls.clear()
    assert cloud.deploy("-p", "privateNetworking=true", "check").returncode == 0
    registered = [call.split()[4] for call in cloud.calls if call.startswith("az provider register")]
    assert registered == ["Microsoft.App", "Microsoft.Network", "Microsoft.Storage"]


@pytest.mark.parametrize("given", [["privateNetworking=true"], ['apiIpRanges=["192.0.2.0/24"]']])
def test_azd_refuses_to_reset_a_parameter_of_the_deployment(cloud: StandIns, given: list[str]) -> None:
    assert cloud.deploy("-p", given[0], "check", "infra").returncode == 0
    before = cloud.state()

    run = cloud.run("-y", "-g", "pets", "preprovision")

    assert run.returncode == 1
    name, _, value = given[0].partition("=")
    assert f'"{name}": {{ "value": {value} }}' in run.stderr
    assert "infra/main.parameters.json" in run.stderr
    assert cloud.state() == before


def test_azd_continues_after_a_deployment_with_its_own_parameters(cloud: StandIns) -> None:
    assert cloud.run("-y", "-g", "pets", "preprovision").returncode == 0
    assert cloud.deploy("-p", "minNodes=0", "-p", "privateNetworking=false", "check", "infra").returncode == 0
    assert cloud.run("-y", "-g", "pets", "preprovision").returncode == 0
