"""Who reaches the function app, how far it scales, and what is logged of storage."""

import re

import pytest

from infra.check.syntax import literal, property_of, text
from tests.infra.bicep import INFRA, ROOT, bounds, declaration, entries


def test_app_scales_to_a_limit_within_the_bounds_of_flex_consumption() -> None:
    assert bounds("main.bicep", "maxInstances") == (1, 1000)
    assert "maximumInstanceCount: maxInstances" in text(declaration("modules/app.bicep", "app").node)


@pytest.mark.parametrize(
    ("parameter", "rules", "default"),
    [
        ("apiIpRanges", "ipSecurityRestrictions", "ipSecurityRestrictionsDefaultAction"),
        ("publishIpRanges", "scmIpSecurityRestrictions", "scmIpSecurityRestrictionsDefaultAction"),
    ],
)
def test_ip_ranges_close_the_app_to_all_others(parameter: str, rules: str, default: str) -> None:
    value = declaration("main.bicep", parameter).value
    assert value is not None
    assert text(value) == "[]"
    config = entries(
        property_of(property_of(declaration("modules/app.bicep", "app").value, "properties"), "siteConfig")
    )
    assert text(config[default]) == f"empty({parameter}) ? 'Allow' : 'Deny'"
    assert text(config["scmIpSecurityRestrictionsUseMain"]) == "false"
    chosen = text(config[rules])
    variable = "callers" if parameter == "apiIpRanges" else "publishers"
    assert variable in chosen
    assert f"in {parameter}:" in text(declaration("modules/app.bicep", variable).node)
    assert "ipAddress: range" in text(declaration("modules/app.bicep", variable).node)


def test_event_grid_reaches_an_app_with_ip_ranges() -> None:
    rule = entries(declaration("modules/app.bicep", "eventGrid").value)
    assert {key: text(value).strip("'") for key, value in rule.items()} == {
        "name": "event-grid",
        "action": "Allow",
        "priority": "100",
        "tag": "ServiceTag",
        "ipAddress": "AzureEventGrid",
    }
    config = property_of(property_of(declaration("modules/app.bicep", "app").value, "properties"), "siteConfig")
    restrictions = text(entries(config)["ipSecurityRestrictions"])
    assert restrictions == "empty(apiIpRanges) ? [] : concat([eventGrid], callers)"


def test_reads_writes_and_deletions_of_blobs_are_logged_by_default() -> None:
    assert literal(declaration("main.bicep", "storageLogs").value) == "all"
    categories = text(declaration("modules/audit.bicep", "categories").node)
    assert "logs == 'all' ? ['StorageRead', 'StorageWrite', 'StorageDelete'] : ['StorageWrite'" in categories
    setting = text(declaration("modules/audit.bicep", "setting").node)
    assert "if (logs != 'none')" in setting
    assert "scope: blobs[i]" in setting
    for file, accounts in (
        ("main.bicep", "[data.outputs.name, packages.outputs.name]"),
        ("region.bicep", "[packages.outputs.name]"),
    ):
        params = entries(property_of(declaration(file, "audit").value, "params"))
        assert (text(params["accounts"]), text(params["logs"])) == (accounts, "storageLogs")


def test_alert_fires_when_the_identity_of_the_pool_does_what_nodes_never_do() -> None:
    query = (INFRA / "queries" / "node_identity.kql").read_text(encoding="utf-8")
    alerts = text(declaration("modules/alerts.bicep", "logAlerts").node)
    assert "replace(loadTextContent('../queries/node_identity.kql'), '{{pool}}', poolPrincipalId)" in alerts
    params = entries(property_of(declaration("main.bicep", "alerts").value, "params"))
    assert text(params["poolPrincipalId"]) == "identities.outputs.poolPrincipalId"
    # Columns that only the service writes: the name of a blob can neither match nor hide.
    conditions = [line for line in query.splitlines() if line.startswith("| where")]
    assert {column for line in conditions for column in re.findall(r"(\w+) (?:==|startswith)", line)} == {
        "RequesterObjectId",
        "OperationName",
    }
    usual = tuple(re.findall(r'startswith "(\w+)"', query))
    for operation in ("ListBlobs", "DeleteBlob", "DeleteContainer", "SetBlobTier", "LeaseBlob"):
        assert not operation.startswith(usual)
    for operation in ("GetBlob", "GetBlobProperties", "PutBlob", "PutBlock", "PutBlockList"):
        assert operation.startswith(usual)
    assert 'or OperationName == "GetUserDelegationKey"' in query


def test_every_control_in_the_threat_model_names_a_test_that_exists() -> None:
    model = (ROOT / "THREATS.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`", model))
    assert named
    for file, function in named:
        assert (ROOT / file).is_file(), file
        assert not function or f"def {function}(" in (ROOT / file).read_text(encoding="utf-8"), function
    assert "(THREATS.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
