"""Names and settings agree between the app, Bicep and the local stack."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import function_app
from infra.check.syntax import literal, parse, property_of, text, walk
from infra.package import PACKAGE_ID
from local import resources
from local.events.schema import CREATED, subject
from shared.api.gifs import MAX_RESPONSE_BYTES
from shared.settings import OPTION_VARIABLES, REQUIRED, VARIABLES, Settings, read_settings
from tests.infra.bicep import (
    INFRA,
    ROOT,
    app_settings,
    bounds,
    containers,
    declaration,
    entries,
    roles,
    strings,
    subscription,
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
    "EventGrid Data Sender": "d5a91429-5739-47e2-a06b-3470a27159e7",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Blob Delegator": "db58b8e5-c6ad-4a2a-8342-4190687cbf4a",
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
        "GIFDROP_PACKAGE_VERSION": "0123456789ab",
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
    events = {name: declaration("events.bicep", name).value for name in ("inputContainer", "deadLetterContainer")}
    assert literal(events["inputContainer"]) == in_bicep["input"]
    assert literal(events["deadLetterContainer"]) == in_bicep["deadLetters"]


def test_event_subscription_matches_the_events_of_the_code_and_the_local_stack() -> None:
    asked = entries(property_of(subscription(), "filter"))
    types = [literal(item) for item in asked["includedEventTypes"].named_children]
    assert types == [CREATED]
    assert f'"{CREATED}"' in (ROOT / "shared" / "lifecycle" / "events.py").read_text(encoding="utf-8")
    begins = text(asked["subjectBeginsWith"]).strip("'").replace("${inputContainer}", containers()["input"])
    assert begins == subject(containers()["input"], "")


def test_event_subscription_takes_the_operations_that_complete_a_blob_and_no_others() -> None:
    filters = entries(property_of(subscription(), "filter"))["advancedFilters"].named_children
    assert len(filters) == 1
    asked = entries(filters[0])
    assert (literal(asked["operatorType"]), literal(asked["key"])) == ("StringIn", "data.api")
    operations = {literal(item) for item in asked["values"].named_children}
    assert operations == {"PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit"}


def test_function_named_in_bicep_exists_in_the_app() -> None:
    resource_id = text(entries(property_of(property_of(subscription(), "destination"), "properties"))["resourceId"])
    name = resource_id.strip("'").rpartition("/")[2]
    assert callable(getattr(function_app, name))
    always_ready = [text(node) for node in walk(parse(INFRA / "modules/app.bicep").root) if "function:" in text(node)]
    assert f"'function:{name}'" in always_ready
    deploy = (INFRA / "deploy.sh").read_text(encoding="utf-8")
    assert f"--function-name {name} " in deploy


def test_application_package_has_the_same_name_everywhere() -> None:
    assert literal(declaration("main.bicep", "packageId").value) == PACKAGE_ID == Settings.package_id
    region = property_of(property_of(declaration("region.bicep", "batch").value, "params"), "packageId")
    assert literal(region) == PACKAGE_ID
    deploy = (INFRA / "deploy.sh").read_text(encoding="utf-8")
    assert set(re.findall(r"--application-name (\S+)", deploy)) == {PACKAGE_ID}


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
    assert "blockMetadataService" in text(declaration("modules/pool.bicep", "startCommand").node)


def test_pool_in_a_second_region_can_have_the_same_name() -> None:
    home, there = (
        {name: text(value) for name, value in entries(property_of(declaration(file, "pool").value, "params")).items()}
        for file in ("main.bicep", "region.bicep")
    )
    # The subnet differs: a second region excludes private networking.
    may_differ = {"batchAccount", "identityId", "subnetId"}
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


def test_telemetry_that_queries_count_is_not_sampled() -> None:
    kept = host_file()["logging"]["applicationInsights"]["samplingSettings"]["excludedTypes"].split(";")
    read = "".join(path.read_text(encoding="utf-8") for path in (INFRA / "queries").glob("*.kql"))
    types = {"AppTraces": "Trace", "AppRequests": "Request", "AppExceptions": "Exception"}
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
    line = 'transition {"video": "a succeeded after attempt 1.mp4", "state": "queued"}'
    for start in re.findall(r'Message startswith "([^"]+)"', query):
        assert line.startswith(start)
    for offset in re.findall(r"substring\(Message, (\d+)\)", query):
        assert json.loads(line[int(offset) :])["state"] == "queued"
    assert set(re.findall(r"\bTransition\.(\w+)", query)) <= TRANSITION_KEYS
    compared = re.findall(r'[sS]tate\)? (?:==|in) \(?((?:"\w+"(?:, )?)+)', query)
    assert {state for states in compared for state in re.findall(r"\w+", states)} <= STATES


def test_app_logs_transitions_as_queries_read_them() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "shared").rglob("*.py"))
    assert '"transition %s"' in code
    assert '"PublishRefused"' in code


def test_operations_guide_covers_every_alert() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    alerts = []
    for name in ("metricAlerts", "logAlerts"):
        value = declaration("modules/alerts.bicep", name).value
        assert value is not None
        alerts += [str(literal(property_of(item, "name"))) for item in value.named_children]
    assert len(alerts) == 11
    assert [alert for alert in alerts if f"| `{alert}` |" not in guide] == []


def test_operations_guide_names_existing_parameters_and_all_steps() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    named = set(re.findall(r"-p '?(\w+)=", guide)) | set(re.findall(r"`(\w+)=[^`]+`", guide))
    assert named <= set(parse(INFRA / "main.bicep").of("param"))
    steps = re.search(r"^STEPS=\((.*)\)$", (INFRA / "deploy.sh").read_text(encoding="utf-8"), re.MULTILINE)
    assert steps
    assert [step for step in steps[1].split() if f"| `{step}` |" not in guide] == []
