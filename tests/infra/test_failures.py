"""What the failure of a command means: exit code and error output to a kind and to what to do."""

import io

import pytest

from infra import failures, rights
from infra.az_output import azd_resets
from infra.failures import Kind, explain, kind_of
from infra.rights import right_commands
from tests.infra.stand_ins import DENIED, NEW_ROLE

PUBLISH = ["func", "azure", "functionapp", "publish", "app"]


@pytest.mark.parametrize(
    ("code", "output", "kind"),
    [
        (124, "", Kind.TIMED_OUT),
        (137, "Killed", Kind.TIMED_OUT),
        (1, "(TooManyRequests) The request is being throttled.", Kind.THROTTLED),
        (1, "Operation returned an invalid status 'Too Many Requests'", Kind.THROTTLED),
        (1, DENIED, Kind.DENIED),
        (1, "ERROR: Insufficient privileges to complete the operation.", Kind.DENIED),
        (1, NEW_ROLE, Kind.REFUSED),
        (1, "Error calling sync triggers (Forbidden).", Kind.REFUSED),
        (1, "You do not have the required permissions needed to perform this operation.", Kind.REFUSED),
        (1, "ERROR: Please run 'az login' to setup account.", Kind.SIGNED_OUT),
        (1, "AADSTS700082: The refresh token has expired", Kind.SIGNED_OUT),
        (1, "(MissingSubscriptionRegistration) The subscription is not registered", Kind.UNREGISTERED),
        (1, "HTTP 503: the service is unavailable", Kind.UNAVAILABLE),
        (1, "Encountered an error (ServiceUnavailable) from host runtime.", Kind.UNAVAILABLE),
        (1, "ConnectionError: Max retries exceeded with url", Kind.UNAVAILABLE),
        (1, "ERROR: unrecognized arguments: --fast", Kind.OTHER),
        (1, "(InvalidTemplate) a name of 500 characters in line 503", Kind.OTHER),
        (3, "", Kind.OTHER),
    ],
)
def test_kind_is_read_from_the_exit_code_and_the_output(code: int, output: str, kind: Kind) -> None:
    assert kind_of(code, output) == kind


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_is_explained_with_the_command(kind: Kind) -> None:
    outputs = {
        Kind.TIMED_OUT: "",
        Kind.THROTTLED: "429",
        Kind.UNAVAILABLE: "ServiceUnavailable",
        Kind.DENIED: DENIED,
        Kind.REFUSED: NEW_ROLE,
        Kind.SIGNED_OUT: "az login",
        Kind.UNREGISTERED: "MissingSubscriptionRegistration",
        Kind.OTHER: "no",
    }
    text = explain(124 if kind is Kind.TIMED_OUT else 1, [*PUBLISH, "--python"], outputs[kind])
    assert "az provider register" in text if kind is Kind.UNREGISTERED else f"'{' '.join(PUBLISH)}'" in text


def test_unregistered_provider_is_named() -> None:
    text = explain(1, ["az"], "(MissingSubscriptionRegistration) is not registered to use namespace 'Microsoft.Batch'.")
    assert "az provider register --namespace Microsoft.Batch --wait" in text


def test_refused_right_names_action_scope_and_who_has_to_run_what() -> None:
    command = ["az", "deployment", "group", "create", "--resource-group", "pets"]
    lines = "\n".join(right_commands(command, DENIED))
    assert "It refused the action Microsoft.Example/things/write on /subscriptions/" in lines
    assert "--resource-group pets --template-file infra/deployer.bicep" in lines
    assert "deployerPrincipalId=11111111-2222-3333-4444-555555555555" in lines


def test_kind_and_explanation_are_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(NEW_ROLE))
    assert failures.main(["kind", "1"]) == 0
    assert capsys.readouterr().out == "refused\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("429"))
    assert failures.main(["explain", "1", *PUBLISH]) == 0
    assert "throttles" in capsys.readouterr().out
    assert failures.main([]) == 2


def test_commands_for_an_owner_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    setup = ["commands", "--subscription", "S", "--group", "pets", "Microsoft.Web"]
    assert rights.main(setup) == 0
    assert "az provider register --subscription S --namespace Microsoft.Web --wait" in capsys.readouterr().out
    assert rights.main(["providers", "monthlyBudget=50"]) == 0
    assert "Microsoft.Consumption" in capsys.readouterr().out.split()
    assert rights.main(["providers", "monthlyBudget=0"]) == 0
    assert "Microsoft.Consumption" not in capsys.readouterr().out.split()


def test_azd_resets_what_differs_from_the_default_and_is_not_in_its_file() -> None:
    deployed: dict[str, dict[str, object]] = {
        "privateNetworking": {"value": True},
        "apiIpRanges": {"value": ["192.0.2.0/24"]},
        "maxDedicatedNodes": {"value": 9},
        "minNodes": {"value": 0},
        "vmSize": {"value": "Standard_D4s_v5"},
        "tags": {"value": {}},
        "location": {"value": "westeurope"},
        "operatorPrincipalId": {"value": "somebody"},
        "takenByAnOlderTemplate": {"value": True},
    }
    assert azd_resets(deployed, {"maxDedicatedNodes": {"value": 4}}) == [
        '"vmSize": { "value": "Standard_D4s_v5" }',
        '"apiIpRanges": { "value": ["192.0.2.0/24"] }',
        '"privateNetworking": { "value": true }',
    ]
