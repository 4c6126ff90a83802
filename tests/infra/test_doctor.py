"""`deploy.sh doctor`: what it makes of a deployed group, and a run against the stand-ins."""

import json
import re
import threading
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.doctor import ACCESS, merge, read_health
from infra.doctor_checks import (
    FUNCTIONS,
    SUBSCRIPTIONS,
    Grant,
    check_app,
    check_deliveries,
    check_functions,
    check_package,
    check_pools,
    check_roles,
    check_schedule,
    check_subscriptions,
    duration,
    expected_grants,
)
from shared.api.health.finding import Finding
from tests.infra.bicep import INFRA, ROOT
from tests.infra.stand_ins import StandIns, stand_ins
from tests.support.fork_server import ForkServer

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GROUP_ID = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/pets"
PRINCIPALS = {"app": "app-id", "pool": "pool-id", "batch": "batch-id", "topic": "topic-id"}
ACCOUNTS = {"data": "gifdropabcdata", "host": "gifdropabchost", "packages": "gifdropabcpkgs", "batch": "gifdropabc"}


def pool(name: str = "gifdrop-new", **changed: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "allocationState": "Steady",
        "currentDedicatedNodes": 1,
        "taskSlotsPerNode": 2,
        "scaleSettings": {"autoScale": {"formula": "…", "evaluationInterval": "PT5M"}},
        "autoScaleRun": {"evaluationTime": "2026-11-21T11:58:00Z", "results": "$TargetDedicatedNodes=1"},
        "resizeOperationStatus": {"targetDedicatedNodes": 1, "startTime": "2026-11-21T11:50:00Z"},
    }
    return {"name": name, "properties": properties | changed}


def assignments() -> list[dict[str, Any]]:
    """Every role that the templates give."""
    result = []
    for grant in expected_grants(ACCESS.read_text(encoding="utf-8")):
        scope = f"{GROUP_ID}/providers/Microsoft.X/accounts/{ACCOUNTS[grant.account]}"
        if grant.container:
            scope += f"/blobServices/default/containers/{grant.container}"
        custom = " (gifdrop-abcdef)" if grant.role.startswith("gifdrop") else ""
        name = f"{grant.role}{custom}"
        result.append({"principalId": PRINCIPALS[grant.principal], "roleDefinitionName": name, "scope": scope})
    return result


def problems(findings: list[Finding]) -> list[str]:
    return [finding.message for finding in findings if not finding.ok]


def test_every_grant_of_the_template_is_expected() -> None:
    text = ACCESS.read_text(encoding="utf-8")
    found = expected_grants(text)
    # Those of conditional modules depend on parameters: the operator's and the canary's.
    always = re.sub(r"^module \w+ 'grants\.bicep' = if .*?^\}$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert len(found) == always.count("        principal: ") + 1
    assert Grant("pool", "gifdrop blob writer", "data", "staging") in found
    assert Grant("app", "Storage Blob Data Owner", "host") in found


def test_missing_role_is_named_with_its_place() -> None:
    expected = expected_grants(ACCESS.read_text(encoding="utf-8"))
    held = assignments()
    assert problems(check_roles(expected, held, PRINCIPALS, ACCOUNTS)) == []
    for number, grant in enumerate(expected):
        lacking = [item for n, item in enumerate(held) if n != number]
        (message,) = problems(check_roles(expected, lacking, PRINCIPALS, ACCOUNTS))
        assert f"The identity of the {grant.principal} lacks the role {grant.role!r}" in message
        assert (grant.container or ACCOUNTS[grant.account]) in message


def test_functions_are_those_of_the_app_with_a_trigger() -> None:
    source = (ROOT / "function_app.py").read_text(encoding="utf-8")
    for name in FUNCTIONS:
        assert f"async def {name}(" in source


def test_missing_and_disabled_functions_are_named() -> None:
    functions = [{"name": f"app/{name}", "isDisabled": False} for name in FUNCTIONS]
    assert problems(check_functions(functions, {})) == []
    assert problems(check_functions(functions[1:], {})) == ["The app has no function on_video_uploaded."]
    (message,) = problems(check_functions(functions, {"AzureWebJobs.reconcile_conversions.Disabled": "true"}))
    assert message == "The function reconcile_conversions is disabled. Its schedule is stopped."


def test_stopped_app_is_a_problem() -> None:
    assert check_app({"state": "Running", "enabled": True}).ok
    assert check_app({"state": "Stopped"}).message == "The function app is Stopped."


def test_subscriptions_are_those_of_the_template() -> None:
    text = (INFRA / "events.bicep").read_text(encoding="utf-8")
    for name, function in SUBSCRIPTIONS.items():
        assert f"name: '{name}'\n    function: '{function}'" in text


def test_subscription_that_is_missing_failed_or_misdirected_is_a_problem() -> None:
    items: list[dict[str, Any]] = [
        {
            "name": name,
            "provisioningState": "Succeeded",
            "destination": {"resourceId": f"/sites/a/functions/{function}"},
        }
        for name, function in SUBSCRIPTIONS.items()
    ]
    assert problems(check_subscriptions(items)) == []
    assert "no event subscription on-video-uploaded" in problems(check_subscriptions(items[1:]))[0]
    assert "is Failed" in problems(check_subscriptions([{**items[0], "provisioningState": "Failed"}, items[1]]))[0]
    astray = {**items[0], "destination": {"resourceId": "/sites/a/functions/other"}}
    assert "does not lead to on_video_uploaded" in problems(check_subscriptions([astray, items[1]]))[0]


def metrics(**totals: float) -> dict[str, Any]:
    return {
        "value": [
            {"name": {"value": name}, "timeseries": [{"data": [{"total": total}, {"total": None}]}]}
            for name, total in totals.items()
        ]
    }


def test_events_that_do_not_arrive_are_a_problem() -> None:
    assert problems(check_deliveries(metrics(DeliverySuccessCount=5, DeliveryAttemptFailCount=1))) == []
    assert problems(check_deliveries({"value": []})) == []
    assert "not delivering" in problems(check_deliveries(metrics(DeliveryAttemptFailCount=3)))[0]
    assert len(problems(check_deliveries(metrics(DeadLetteredCount=1, DroppedEventCount=2)))) == 2


@pytest.mark.parametrize(("state", "ok"), [("Active", True), ("Pending", False), (None, False)])
def test_package_must_be_active(state: str | None, ok: bool) -> None:
    assert check_package(state, "abc").ok is ok


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, None),
        ({"autoScaleRun": {"evaluationTime": "2026-11-21T11:00:00Z"}}, "The formula was last evaluated at"),
        (
            {
                "autoScaleRun": {
                    "evaluationTime": "2026-11-21T11:58:00Z",
                    "error": {"code": "AutoScalingFormulaEvaluationError", "message": "line 3"},
                }
            },
            "The formula fails: line 3",
        ),
        ({"scaleSettings": {"fixedScale": {}}, "autoScaleRun": None}, "Autoscale of the pool gifdrop-new is off"),
        (
            {
                "resizeOperationStatus": {
                    "targetDedicatedNodes": 2,
                    "errors": [{"code": "AccountCoreQuotaReached", "message": "no cores"}],
                }
            },
            "AccountCoreQuotaReached",
        ),
        (
            {"allocationState": "Resizing", "resizeOperationStatus": {"startTime": "2026-11-21T10:00:00Z"}},
            "The pool is stuck",
        ),
    ],
)
def test_pool_that_is_stuck_is_a_problem(changed: dict[str, Any], message: str | None) -> None:
    found = problems(check_pools([pool(**changed)], "gifdrop-new", NOW))
    assert (found == []) if message is None else any(message in item for item in found), found


def test_missing_pool_and_an_earlier_one_with_nodes_are_problems() -> None:
    assert problems(check_pools([], "gifdrop-new", NOW)) == ["The app's pool gifdrop-new does not exist."]
    (message,) = problems(check_pools([pool(), pool("gifdrop-old")], "gifdrop-new", NOW))
    assert message == "The earlier pool gifdrop-old still has 1 nodes."


def test_schedule_without_a_run_for_twenty_minutes_has_stopped() -> None:
    assert check_schedule(NOW - timedelta(minutes=6), NOW).ok
    assert "stopped" in check_schedule(NOW - timedelta(minutes=30), NOW).message
    assert "stopped" in check_schedule(None, NOW).message


@pytest.mark.parametrize(
    ("text", "minutes"), [("PT5M", 5), ("PT1H", 60), ("PT1H30M", 90), (None, 15), ("PT", 15), ("P1D", 15)]
)
def test_interval_is_read_or_the_default(text: str | None, minutes: int) -> None:
    assert duration(text) == timedelta(minutes=minutes)


def test_finding_of_the_app_is_not_repeated() -> None:
    same = check_pools([pool()], "gifdrop-new", NOW)
    assert merge(same, same) == same


class Health(BaseHTTPRequestHandler):
    status, body = 200, b""

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
        """Logs nothing."""


@pytest.fixture
def app() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Health)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    Health.status = 200
    Health.body = json.dumps(
        {"checks": [{"name": "identity", "ok": True, "message": "Fine.", "what_to_do": None}]}
    ).encode()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_app_that_does_not_answer_is_a_problem(app: str) -> None:
    assert problems(read_health(app, "key")) == []
    Health.status = 503
    assert problems(read_health(app, "key")) == []  # the findings say what is wrong
    Health.body = b"host is not running"
    assert "without findings" in problems(read_health(app, "key"))[0]
    Health.status = 403
    assert "answered 403" in problems(read_health(app, "key"))[0]
    assert "did not answer" in problems(read_health("http://127.0.0.1:1", "key"))[0]


@pytest.fixture
def cloud(tmp_path: Path, app: str, python: ForkServer) -> Iterator[StandIns]:
    """A healthy deployment."""
    outputs = {
        "functionApp": "gifdrop-abcdef",
        "functionUrl": app,
        "dataAccount": "gifdropabcdata",
        "batchAccount": "gifdropabc",
        "packageId": "gifdrop",
        "pool": "gifdrop-new",
        "eventTopic": "gifdrop-abcdef-blobs",
    }
    deployment = {
        "name": "gifdrop-main-1",
        "properties": {
            "provisioningState": "Succeeded",
            "timestamp": "2026-11-21T10:00:00Z",
            "outputs": {name: {"value": value} for name, value in outputs.items()},
            "parameters": {"alertEmails": {"value": ["me@example.com"]}},
        },
    }
    settings = {"GIFDROP_POOL_ID": "gifdrop-new", "GIFDROP_PACKAGE_VERSION": "abc"}
    fresh = datetime.now(UTC).isoformat()
    live = pool(autoScaleRun={"evaluationTime": fresh}, resizeOperationStatus={})
    with stand_ins(tmp_path / "cloud", python) as tools:
        tools.answers |= {
            start: answer if isinstance(answer, str) else json.dumps(answer)
            for start, answer in {
                "az account show": {"id": GROUP_ID.split("/")[2]},
                "az deployment group list": [deployment],
                "az functionapp config appsettings": [
                    {"name": name, "value": value} for name, value in settings.items()
                ],
                "az functionapp keys list": {"functionKeys": {"default": "key"}},
                "az functionapp show": {"state": "Running"},
                "az functionapp function list": [{"name": f"a/{name}", "isDisabled": False} for name in FUNCTIONS],
                "az eventgrid system-topic event-subscription": [
                    {
                        "name": name,
                        "provisioningState": "Succeeded",
                        "destination": {"resourceId": f"/functions/{function}"},
                    }
                    for name, function in SUBSCRIPTIONS.items()
                ],
                "az eventgrid system-topic show": {"identity": {"principalId": "topic-id"}},
                "az monitor metrics": metrics(DeliverySuccessCount=1),
                "az monitor log-analytics": {"customerId": "workspace"},
                "az rest --method post": {"tables": [{"rows": [[fresh]]}]},
                "az rest --method get --url https://management.azure.com"
                f"{GROUP_ID}/providers/Microsoft.Batch/batchAccounts/gifdropabc/applications": {
                    "value": [{"name": "abc", "properties": {"state": "Active"}}]
                },
                "az rest --method get": {"value": [live]},
                "az role assignment list": assignments(),
                "az identity list": [
                    {"name": "gifdrop-abcdef-app", "principalId": "app-id"},
                    {"name": "gifdrop-abcdef-pool", "principalId": "pool-id"},
                ],
                "az batch account show": {"name": "gifdropabc", "identity": {"principalId": "batch-id"}},
            }.items()
        }
        yield tools


def test_healthy_group_has_no_problem_and_nothing_is_changed(cloud: StandIns) -> None:
    run = cloud.run("-g", "pets", "doctor")

    assert run.returncode == 0, run.stdout + run.stderr
    assert "Nothing is wrong." in run.stdout
    changing = {"create", "delete", "update", "set", "start", "disable", "upload", "publish"}
    assert not [call for call in cloud.calls if changing & set(call.partition(" --")[0].split())]


def test_planted_faults_are_all_found(cloud: StandIns) -> None:
    broken = deepcopy(cloud.answers)
    broken["az functionapp show"] = json.dumps({"state": "Stopped"})
    broken["az role assignment list"] = json.dumps(assignments()[1:])
    broken["az eventgrid system-topic event-subscription"] = "[]"
    broken["az monitor metrics"] = json.dumps(metrics(DeliveryAttemptFailCount=2))
    broken["az rest --method post"] = json.dumps({"tables": [{"rows": [[None]]}]})
    package = next(start for start in broken if start.endswith("/applications"))
    broken[package] = json.dumps({"value": [{"name": "abc", "properties": {"state": "Pending"}}]})
    broken["az rest --method get"] = json.dumps({"value": []})
    cloud.answers = broken

    run = cloud.run("-g", "pets", "doctor")

    assert run.returncode == 1
    for sentence in (
        "The function app is Stopped.",
        "lacks the role 'Azure Batch Job Submitter'",
        "There is no event subscription on-video-uploaded",
        "Event Grid is not delivering",
        "The schedule has stopped",
        "is pending, not active",
        "The app's pool gifdrop-new does not exist.",
        "Run 'infra/deploy.sh -g pets infra'.",
    ):
        assert sentence in run.stdout, run.stdout


def test_what_may_not_be_read_is_said(cloud: StandIns) -> None:
    cloud.inject("denial", lambda call: "role assignment" in call)
    run = cloud.run("-g", "pets", "doctor")
    assert run.returncode == 1
    assert "PROBLEM  roles: It could not be read." in run.stdout
    assert "1 problem(s)." in run.stdout


def test_group_without_a_deployment_says_so(cloud: StandIns) -> None:
    cloud.answers["az deployment group list"] = "[]"
    run = cloud.run("-g", "pets", "doctor")
    assert run.returncode == 1
    assert "No deployment has succeeded in pets: run 'infra/deploy.sh -g pets'." in run.stderr


def test_sign_in_is_checked_where_it_is_on(cloud: StandIns) -> None:
    deployment = json.loads(cloud.answers["az deployment group list"])
    properties = deployment[0]["properties"]
    properties["outputs"]["appPrincipalId"] = {"value": "app-id"}
    properties["parameters"]["signInClientId"] = {"value": "client-id"}
    cloud.answers |= {
        "az deployment group list": json.dumps(deployment),
        "az account show": json.dumps({"id": GROUP_ID.split("/")[2], "tenantId": "tenant-id"}),
        "az functionapp config appsettings": json.dumps(
            [
                {"name": "GIFDROP_POOL_ID", "value": "gifdrop-new"},
                {"name": "GIFDROP_PACKAGE_VERSION", "value": "abc"},
                {"name": "GIFDROP_SIGN_IN", "value": "on"},
            ]
        ),
        "az ad app list": "[]",
    }
    # The most specific answer is the first that fits.
    site = f"{GROUP_ID}/providers/Microsoft.Web/sites/gifdrop-abcdef/config/authsettingsV2"
    required = {"platform": {"enabled": True}, "globalValidation": {"requireAuthentication": True}}
    auth = {f"az rest --method get --url https://management.azure.com{site}": json.dumps({"properties": required})}
    cloud.answers = auth | cloud.answers

    run = cloud.run("-g", "pets", "doctor")

    assert run.returncode == 1
    for sentence in (
        "Event Grid and callers with keys are refused.",
        "The app registration that signInClientId names does not exist.",
        "uses the app registration None, not client-id.",
        "A forged sign-in is refused.",
    ):
        assert sentence in run.stdout, run.stdout
