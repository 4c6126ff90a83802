"""Names and settings agree between the app, Bicep and the local stack."""

import itertools
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tree_sitter import Node

import function_app
from infra.check.syntax import literal, parse, property_of, text, walk
from infra.package import PACKAGE_ID
from infra.package_upload import APPLICATION
from local import resources
from local.events.schema import COMPLETING_APIS, CREATED, subject
from local.events.subscription import Subscription
from local.functions.ncrontab import parse as parse_schedule
from shared.api.gifs import MAX_RESPONSE_BYTES
from shared.names import GIF_FILE, RESULT_FILE
from shared.settings import OPTION_VARIABLES, REQUIRED, VARIABLES, Settings, read_settings
from tests.infra.bicep import (
    INFRA,
    ROOT,
    app_settings,
    bounds,
    containers,
    declaration,
    entries,
    event_subscription,
    event_subscriptions,
    roles,
    strings,
)

# Settings of the Functions host and Azure SDKs, see https://learn.microsoft.com/azure/azure-functions/.
PLATFORM = {
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
}
# Azure's built-in roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
BUILT_IN = {
    "Azure Batch Job Submitter": "48e5e92e-a480-4e71-aa9c-2778f4c13781",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "EventGrid Data Sender": "d5a91429-5739-47e2-a06b-3470a27159e7",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Role Based Access Control Administrator": "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Blob Delegator": "db58b8e5-c6ad-4a2a-8342-4190687cbf4a",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}
CONTAINER_SETTINGS = {
    "GIFDROP_INPUT_CONTAINER": "input",
    "GIFDROP_OUTPUT_CONTAINER": "output",
    "GIFDROP_STAGING_CONTAINER": "staging",
    "GIFDROP_RECORDS_CONTAINER": "records",
    "GIFDROP_LOGS_CONTAINER": "logs",
    "GIFDROP_DEADLETTER_CONTAINER": "deadLetters",
}

BUDGETS = {"sweepSeconds": "sweep_seconds", "reconcileSeconds": "reconcile_seconds"}
# What the app logs: "transition " and a JSON object with these keys.
TRANSITION_KEYS = {"video", "conversion", "state", "attempt", "task", "job", "account", "error"}
STATES = {"queued", "running", "succeeded", "failed"}
MAX_TASKS_PER_REQUEST = 100
"""Batch's limit for adding tasks: https://learn.microsoft.com/rest/api/batchservice/tasks/create-task-collection"""
QUERIES = sorted((INFRA / "queries").glob("*.kql"))


def settings_the_code_knows() -> set[str]:
    schedules = set(re.findall(r"%(GIFDROP_\w+)%", (ROOT / "function_app.py").read_text(encoding="utf-8")))
    # Set by Bicep and the local stack, though only Event Grid writes to the container.
    known = {variable for variable, _ in VARIABLES.values()} | set(OPTION_VARIABLES.values()) | schedules
    return known | {"GIFDROP_DEADLETTER_CONTAINER"}


def settings_the_code_needs() -> set[str]:
    return {VARIABLES[name][0] for name in REQUIRED} | set(
        re.findall(r"%(GIFDROP_\w+)%", (ROOT / "function_app.py").read_text(encoding="utf-8"))
    )


def host_file() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    return found


def test_bicep_sets_every_required_setting() -> None:
    assert settings_the_code_needs() - set(app_settings()) == set()


def test_bicep_sets_no_unknown_setting() -> None:
    assert set(app_settings()) - settings_the_code_knows() - PLATFORM == set()


def test_local_settings_example_has_the_settings_that_the_code_reads() -> None:
    values = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]
    ours = {name for name in values if name.startswith("GIFDROP_")}
    assert settings_the_code_needs() <= ours <= settings_the_code_knows()
    read_settings(values)


def test_settings_as_bicep_sets_them_are_accepted() -> None:
    given = {
        "GIFDROP_STORAGE_URL": "https://gifdropabcdata.blob.core.windows.net/",
        "GIFDROP_BATCH_URL": "https://gifdropabc.westeurope.batch.azure.com",
        "GIFDROP_FALLBACK_BATCH_URLS": "https://a.northeurope.batch.azure.com https://b.eastus.batch.azure.com",
        "GIFDROP_AVOID_BATCH_URLS": "https://a.northeurope.batch.azure.com",
        "GIFDROP_SWEEP_SECONDS": "300",
        "GIFDROP_RECONCILE_SECONDS": "900",
        "GIFDROP_GIVE_UP_SECONDS": "3600",
        "GIFDROP_POOL_ID": "gifdrop-abcdefghijklm",
        "GIFDROP_POOL_IDENTITY": "/subscriptions/0/resourceGroups/g/providers/Microsoft.ManagedIdentity"
        "/userAssignedIdentities/gifdrop-abcdef-pool",
        "GIFDROP_PACKAGE_ID": "gifdrop",
        "GIFDROP_PACKAGE_VERSION": "0123456789abcdef" * 4,
        **{setting: containers()[role] for setting, role in CONTAINER_SETTINGS.items()},
    }
    presets = declaration("main.bicep", "preset").allowed
    assert set(given) <= set(app_settings())

    for preset in presets:
        assert read_settings({**given, "GIFDROP_GIF_PRESET": preset}).defaults.preset == preset


@pytest.mark.parametrize(("parameter", "field"), [*BUDGETS.items(), ("giveUpSeconds", "give_up_seconds")])
def test_seconds_in_bicep_have_the_default_of_the_app_and_bounds_that_it_accepts(parameter: str, field: str) -> None:
    _, parse_value = VARIABLES[field]
    value = declaration("main.bicep", parameter).value
    assert value is not None
    assert int(text(value)) == getattr(Settings, field)
    for bound in bounds("main.bicep", parameter):
        assert parse_value(str(bound)) == bound


def test_start_and_end_of_timers_are_not_logged_but_their_own_messages_are() -> None:
    levels = {name: level for name, level in host_file()["logging"]["logLevel"].items() if "Function" in name}
    timers = re.findall(r"@app\.timer_trigger\([^)]*\)\nasync def (\w+)", (ROOT / "function_app.py").read_text())
    assert timers
    assert levels == {f"Function.{timer}": "Warning" for timer in timers} | {
        f"Function.{timer}.User": "Information" for timer in timers
    }


@pytest.mark.parametrize("parameter", BUDGETS)
def test_time_budget_of_a_timer_ends_minutes_before_the_function_times_out(parameter: str) -> None:
    hours, minutes, seconds = (int(part) for part in host_file()["functionTimeout"].split(":"))
    timeout = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    assert timedelta(seconds=bounds("main.bicep", parameter)[1]) + timedelta(minutes=5) <= timeout


def test_http_concurrency_fits_into_the_memory_of_the_default_instance() -> None:
    used = text(declaration("modules/app.bicep", "app").node)
    assert re.search(r"triggers: \{\s+http: \{[^}]*perInstanceConcurrency: httpConcurrency", used)
    assert bounds("main.bicep", "httpConcurrency") == bounds("modules/app.bicep", "httpConcurrency")
    memory_mb = declaration("main.bicep", "memoryMb").value
    assert memory_mb is not None
    assert bounds("main.bicep", "httpConcurrency")[1] * MAX_RESPONSE_BYTES < int(text(memory_mb)) * 1024**2 / 2


def test_containers_have_the_same_names_everywhere() -> None:
    in_bicep = containers()
    given = app_settings()
    assert {setting: f"containers.{role}" for setting, role in CONTAINER_SETTINGS.items()}.items() <= given.items()
    assert {setting: in_bicep[role] for setting, role in CONTAINER_SETTINGS.items()} == resources.CONTAINERS
    assert in_bicep["input"] == Settings.input_container
    assert in_bicep["output"] == Settings.output_container
    assert in_bicep["staging"] == Settings.staging_container
    assert in_bicep["records"] == Settings.records_container
    assert in_bicep["logs"] == Settings.logs_container
    for role in ("input", "staging", "deadLetter"):
        name = literal(declaration("events.bicep", f"{role}Container").value)
        assert name == in_bicep["deadLetters" if role == "deadLetter" else role]


def filters() -> dict[str, dict[str, str]]:
    """Beginning and ending of the subjects that each subscription in Bicep asks for, by the subscription's name."""
    asked = entries(property_of(event_subscription(), "filter"))
    found = {}
    assert text(asked["subjectEndsWith"]) == "item.subjectEndsWith"
    begins = text(asked["subjectBeginsWith"]).strip("'")
    for item in event_subscriptions():
        found[item["name"]] = {
            "begins": begins.replace("${item.container}", item["container"]),
            "ends": item["subjectEndsWith"],
        }
    return found


def test_event_subscriptions_are_those_of_the_local_stack() -> None:
    local = {
        item.name: {"begins": subject(resources.CONTAINERS[item.container], ""), "ends": item.subject_ends_with}
        for item in resources.EVENT_SUBSCRIPTIONS
    }
    assert filters() == local
    functions = {item["name"]: item["function"] for item in event_subscriptions()}
    assert functions == {item.name: item.function for item in resources.EVENT_SUBSCRIPTIONS}


def test_event_subscriptions_ask_for_the_event_type_that_the_code_expects() -> None:
    asked = entries(property_of(event_subscription(), "filter"))
    assert [literal(item) for item in asked["includedEventTypes"].named_children] == [CREATED]
    assert Subscription(name="", webhook="").event_types == {CREATED}
    assert f'"{CREATED}"' in (ROOT / "shared" / "lifecycle" / "events.py").read_text(encoding="utf-8")


def test_videos_and_results_each_reach_their_own_function() -> None:
    names = containers()
    function_of = {item["name"]: item["function"] for item in event_subscriptions()}

    def reached(container: str, name: str) -> list[str]:
        found = subject(container, name)
        asked = filters().items()
        return [function_of[key] for key, by in asked if found.startswith(by["begins"]) and found.endswith(by["ends"])]

    for name in ("tom.mp4", "task-1/result.json", "staging/task-1/result.json"):
        assert reached(names["input"], name) == ["on_video_uploaded"]
    assert reached(names["staging"], f"task-1/{RESULT_FILE}") == ["on_result_uploaded"]
    assert reached(names["staging"], f"task-1/{GIF_FILE}") == []
    for role in names.keys() - {"input", "staging"}:
        assert reached(names[role], f"task-1/{RESULT_FILE}") == []


def test_event_subscriptions_take_the_operations_that_complete_a_blob_and_no_others() -> None:
    advanced = entries(property_of(event_subscription(), "filter"))["advancedFilters"].named_children
    assert len(advanced) == 1
    asked = entries(advanced[0])
    assert (literal(asked["operatorType"]), literal(asked["key"])) == ("StringIn", "data.api")
    operations = {literal(item) for item in asked["values"].named_children}
    assert operations == {"PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit"} == COMPLETING_APIS


def test_event_subscriptions_retry_like_those_of_the_local_stack() -> None:
    asked = entries(property_of(event_subscription(), "retryPolicy"))
    retried = {name: int(text(value)) for name, value in asked.items()}
    policy = Subscription(name="", webhook="").policy
    assert retried == {
        "maxDeliveryAttempts": policy.max_attempts,
        "eventTimeToLiveInMinutes": policy.time_to_live / 60,
    }


def test_event_batches_fit_into_one_batch_request_and_the_limits_of_event_grid() -> None:
    for item in event_subscriptions():
        assert 1 <= int(item["maxEventsPerBatch"]) <= MAX_TASKS_PER_REQUEST
    destination = property_of(property_of(event_subscription(), "destination"), "properties")
    assert text(entries(destination)["maxEventsPerBatch"]) == "item.maxEventsPerBatch"
    assert 1 <= int(text(entries(destination)["preferredBatchSizeInKilobytes"])) <= 1024


def test_functions_named_in_bicep_exist_in_the_app() -> None:
    resource_id = text(
        entries(property_of(property_of(event_subscription(), "destination"), "properties"))["resourceId"]
    )
    assert resource_id.strip("'").endswith("/functions/${item.function}")
    always_ready = [text(node) for node in walk(parse(INFRA / "modules/app.bicep").root) if "function:" in text(node)]
    deploy = (INFRA / "deploy.sh").read_text(encoding="utf-8")
    names = [item["function"] for item in event_subscriptions()]
    for name in names:
        assert callable(getattr(function_app, name))
        assert f"'function:{name}'" in always_ready
    listed = re.search(r"^EVENT_FUNCTIONS=\((.*)\)$", deploy, re.MULTILINE)
    assert listed
    assert listed[1].split() == names


def test_staged_files_expire_after_a_day_but_outlive_the_attempts_to_publish_them() -> None:
    """An attempt is given up after `giveUpSeconds`; the rule deletes a blob that is older than its days."""
    days, give_up = (declaration("main.bicep", name).value for name in ("stagingDays", "giveUpSeconds"))
    assert days is not None
    assert give_up is not None
    assert text(days) == "1 + giveUpSeconds / 86400"
    assert int(text(give_up)) // 86400 == 0
    expiry = property_of(property_of(declaration("main.bicep", "data").value, "params"), "expiryDays")
    assert expiry is not None
    assert re.findall(r"'\$\{containers\.(\w+)\}': (\w+)", text(expiry)) == [
        ("staging", "stagingDays"),
        ("logs", "30"),
        ("deadLetters", "30"),
    ]
    rule = text(declaration("modules/storage.bicep", "lifecycle").node)
    assert "prefixMatch: ['${item.key}/']" in rule
    assert "delete: { daysAfterModificationGreaterThan: item.value }" in rule


def test_default_schedules_have_six_fields_and_the_local_example_follows_them() -> None:
    values = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]
    for parameter, setting in {
        "completeSchedule": "GIFDROP_COMPLETE_SCHEDULE",
        "reconcileSchedule": "GIFDROP_RECONCILE_SCHEDULE",
    }.items():
        default = literal(declaration("main.bicep", parameter).value)
        assert default == values[setting]
        parse_schedule(str(default))


def test_application_package_has_the_same_name_everywhere() -> None:
    assert literal(declaration("main.bicep", "packageId").value) == PACKAGE_ID == Settings.package_id
    region = property_of(property_of(declaration("region.bicep", "batch").value, "params"), "packageId")
    assert literal(region) == PACKAGE_ID
    assert PACKAGE_ID == APPLICATION


def test_local_pool_has_the_image_of_the_pool_in_azure() -> None:
    local = resources.pool_definition()["virtualMachineConfiguration"]
    assert local["imageReference"] == strings(declaration("modules/pool.bicep", "image").value)
    assert local["nodeAgentSKUId"] == literal(declaration("modules/pool.bicep", "nodeAgent").value)


def test_pool_name_changes_with_the_start_task() -> None:
    fixed = declaration("modules/pool.bicep", "fixed").value
    assert fixed is not None
    hashed = {text(item) for item in fixed.named_children}
    start = property_of(property_of(declaration("modules/pool.bicep", "pool").value, "properties"), "startTask")
    assert text(entries(start)["commandLine"]) in hashed
    assert "${closed}" in text(declaration("modules/pool.bicep", "startCommand").node)


def test_pool_in_a_second_region_can_have_the_same_name() -> None:
    home, there = (
        {name: text(value) for name, value in entries(property_of(declaration(file, "pool").value, "params")).items()}
        for file in ("main.bicep", "region.bicep")
    )
    # The subnet differs: a second region excludes private networking.
    may_differ = {"batchAccount", "identityId", "subnetId", "network"}
    assert set(home) == set(there)
    assert {name for name in home if home[name] != there[name]} <= may_differ


def test_parameters_set_by_azd_exist_in_the_template() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    assert set(given) <= set(parse(INFRA / "main.bicep").of("param"))


def test_bicep_fills_in_every_placeholder_of_the_autoscale_formula() -> None:
    wanted = set(re.findall(r"\{\{\w+\}\}", (INFRA / "autoscale.txt").read_text(encoding="utf-8")))
    filled = set(re.findall(r"\{\{\w+\}\}", (INFRA / "modules/pool.bicep").read_text(encoding="utf-8")))
    assert wanted - {"{{...}}"} == filled


def test_roles_are_built_into_azure() -> None:
    assert roles() == BUILT_IN


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.name)
def test_query_is_used_by_an_alert_or_the_workbook(path: Path) -> None:
    users = [(INFRA / "modules" / name).read_text(encoding="utf-8") for name in ("alerts.bicep", "workbook.bicep")]
    assert any(f"queries/{path.name}" in user for user in users)


def test_alert_of_two_queries_fires_for_one_row_of_the_first_and_for_many_of_the_second() -> None:
    template = str(literal(declaration("modules/alerts.bicep", "combined").value))
    assert template.splitlines()[-1] == ("union Single, (Repeated | where toscalar(Repeated | count) > {{tolerated}})")
    alerts = declaration("modules/alerts.bicep", "logAlerts").value
    assert alerts is not None
    pairs = [
        (queries, placeholders)
        for item in alerts.named_children
        if len(queries := re.findall(r"queries/(\w+)\.kql", text(item))) == 2
        and (placeholders := re.findall(r"\{\{(\w+)\}\}", text(item)))
    ]
    assert [queries for queries, _ in pairs] == [
        ["log_cap", "heartbeat"],
        ["publish_refused", "failed_videos"],
        ["function_timeouts", "function_failures"],
        ["resize_errors", "autoscale_errors"],
    ]
    for _, placeholders in pairs:
        assert (
            [name for name in placeholders if name != "minutes"]
            == ["single", "repeated", "tolerated"]
            == re.findall(r"\{\{(\w+)\}\}", template)
        )


def test_telemetry_that_queries_count_is_not_sampled() -> None:
    kept = host_file()["logging"]["applicationInsights"]["samplingSettings"]["excludedTypes"].split(";")
    read = "".join(path.read_text(encoding="utf-8") for path in (INFRA / "queries").glob("*.kql"))
    types = {"AppTraces": "Trace", "AppRequests": "Request", "AppExceptions": "Exception"}
    # Host.Aggregator, which host.json switches off, writes AppMetrics.
    assert "AppMetrics" not in read
    counted = {kind for table, kind in types.items() if re.search(rf"\b{table}\b", read)}
    assert counted == set(types.values()) <= set(kept)


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.name)
def test_query_matches_log_lines_by_how_they_begin(path: Path) -> None:
    """The name of a video stands within a line, so it cannot make the line match or hide it."""
    query = path.read_text(encoding="utf-8")
    conditions = re.findall(r"\b(?:Message|Text)\s+(\w+(?: regex)?)\s+@?\"([^\"]*)\"", query)
    for operator, value in conditions:
        assert operator == "startswith" or (operator == "matches regex" and value.startswith("^"))
    assert bool(conditions) == ("AppTraces" in query)


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.name)
def test_query_reads_transitions_as_the_app_logs_them(path: Path) -> None:
    query = path.read_text(encoding="utf-8")
    lines = {
        "transition {": 'transition {"video": "a succeeded after attempt 1.mp4", "state": "queued"}',
        "canary {": 'canary {"state": "queued", "seconds": 60}',
    }
    for start in re.findall(r'Message startswith "([^"]+)"', query):
        for offset in re.findall(r"substring\(Message, (\d+)\)", query):
            assert json.loads(lines[start][int(offset) :])["state"] == "queued"
        assert start in lines or (path.stem, start) == ("heartbeat", "reconciled {")
    assert set(re.findall(r"\bTransition\.(\w+)", query)) <= TRANSITION_KEYS
    compared = re.findall(r'[sS]tate\)? (?:==|in) \(?((?:"\w+"(?:, )?)+)', query)
    assert {state for states in compared for state in re.findall(r"\w+", states)} <= STATES


def test_app_logs_transitions_as_queries_read_them() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "shared").rglob("*.py"))
    assert '"transition %s"' in code
    assert '"PublishRefused"' in code


def alerts_in(file: str, variable: str) -> dict[str, Node]:
    """Alerts by name."""
    value = declaration(file, variable).value
    assert value is not None
    return {str(literal(property_of(item, "name"))): item for item in value.named_children if item.type == "object"}


def test_operations_guide_covers_every_alert() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    alerts = [
        *alerts_in("modules/alerts.bicep", "metricAlerts"),
        *alerts_in("modules/alerts.bicep", "logAlerts"),
        *alerts_in("modules/pool_alerts.bicep", "poolMetrics"),
    ]
    assert len(alerts) == 13
    assert [alert for alert in alerts if f"| `{alert}` |" not in guide] == []


def test_dead_app_raises_alerts_that_need_no_line_of_its_own() -> None:
    """An app that cannot start logs nothing: its silence, Event Grid's failures and the platform's 5xx are counted."""
    query = (INFRA / "queries" / "heartbeat.kql").read_text(encoding="utf-8")
    # `summarize count()` gives a row of 0 for an empty table, `union isfuzzy` accepts a missing one.
    assert "summarize Reconciliations = count()\n| where Reconciliations < 1" in query
    assert "isfuzzy=true (datatable(" in query
    logged = (ROOT / "shared" / "lifecycle" / "reconciliation" / "reconcile.py").read_text(encoding="utf-8")
    assert '"reconciled %s"' in logged
    heartbeat = alerts_in("modules/alerts.bicep", "logAlerts")["no-heartbeat"]
    assert literal(property_of(heartbeat, "window")) == "PT1H"
    metrics = alerts_in("modules/alerts.bicep", "metricAlerts")
    watched = {
        name: (literal(property_of(item, "metric")), text(entries(item)["tolerated"])) for name, item in metrics.items()
    }
    assert watched == {
        "dead-letters": ("DeadLetteredCount", "0"),
        "dropped-events": ("DroppedEventCount", "0"),
        "delivery-failures": ("DeliveryAttemptFailCount", "4"),
        "http-errors": ("Http5xx", "10"),
    }


def test_heartbeat_allows_for_missed_reconciliations() -> None:
    minutes = declaration("main.bicep", "heartbeatMinutes").value
    schedule = str(literal(declaration("main.bicep", "reconcileSchedule").value))
    every = re.fullmatch(r"\d+ \*/(\d+) \* \* \* \*", schedule)
    assert minutes is not None
    assert every
    assert int(text(minutes)) >= 3 * int(every[1])


def test_one_failing_delivery_of_a_video_to_a_dead_app_is_enough_for_an_alert() -> None:
    """Event Grid's documented waits between attempts, in seconds, and those within the alert's 15 minutes."""
    within = [second for second in itertools.accumulate((0, 10, 30, 60, 300, 600)) if second < 15 * 60]
    tolerated = entries(alerts_in("modules/alerts.bicep", "metricAlerts")["delivery-failures"])["tolerated"]
    assert len(within) > int(text(tolerated))


@pytest.mark.parametrize("file", ["modules/alerts.bicep", "region.bicep"])
def test_nodes_of_every_account_are_watched(file: str) -> None:
    module = next(item for item in parse(INFRA / file).declarations if item.target.endswith("pool_alerts.bicep"))
    params = entries(property_of(module.value, "params"))
    assert text(params["actionGroup"]) in ("people.name", "fullName")
    assert text(params["batchAccountId"]) in ("batchAccountId", "batch.outputs.id")


def test_recipients_are_asked_for_at_deployment() -> None:
    warnings = text(declaration("main.bicep", "warnings").node)
    assert "empty(alertEmails) ? ['alertEmails is empty" in warnings
    assert "outputs.warnings.value" in (INFRA / "deploy.sh").read_text(encoding="utf-8")


def test_operators_pages_name_existing_parameters_and_all_steps() -> None:
    pages = ("operations", "access", "azure", "costs", "first-deployment")
    guide = "\n".join((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(r"-p '?(\w+)=", guide)) | set(re.findall(r"`(\w+)=[^`]+`", guide))
    assert named <= set(parse(INFRA / "main.bicep").of("param"))
    steps = re.search(r"^STEPS=\((.*)\)$", (INFRA / "deploy.sh").read_text(encoding="utf-8"), re.MULTILINE)
    assert steps
    assert [step for step in steps[1].split() if f"| `{step}` |" not in guide] == []
