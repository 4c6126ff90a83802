"""Zones, the account of packages, the results topic, the key vault, the lock and the budget."""

import re

import pytest

from infra.az_output import parameters_file
from infra.check.syntax import parse, property_of, text
from tests.infra.bicep import INFRA, ROOT, declaration, entries

GUIDE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def params(file: str, module: str) -> dict[str, str]:
    """The parameters that a template gives to a module."""
    node = property_of(declaration(file, module).value, "params")
    return {name: text(value) for name, value in entries(node).items()}


def resource(file: str, name: str) -> str:
    return text(declaration(file, name).node)


def test_one_parameter_makes_app_storage_and_nodes_zone_redundant() -> None:
    assert resource("main.bicep", "zonal").endswith("'Standard_ZRS'")
    for account in ("host", "packages"):
        assert params("main.bicep", account)["sku"] == "zoneRedundant ? zonal : 'Standard_LRS'"
    assert params("main.bicep", "data")["sku"] == ("zoneRedundant && storageSku == 'Standard_LRS' ? zonal : storageSku")
    for module in ("app", "pool"):
        assert params("main.bicep", module)["zoneRedundant"] == "zoneRedundant"
    assert "zoneRedundant: zoneRedundant" in resource("modules/app.bicep", "plan")
    assert resource("modules/pool.bicep", "placement").endswith("zoneRedundant ? 'Zonal' : 'Regional'")
    assert "nodePlacementConfiguration: { policy: placement }" in resource("modules/pool.bicep", "pool")
    # Batch cannot change the placement of a pool.
    assert ", placement, " in resource("modules/pool.bicep", "fixed")


def test_fallback_region_has_the_same_choice_of_zones() -> None:
    assert params("region.bicep", "pool")["zoneRedundant"] == "zoneRedundant"
    assert "Standard_ZRS" in params("region.bicep", "packages")["sku"]


def test_account_of_packages_has_no_firewall_rules() -> None:
    """Documented: Batch does not support application packages in an account that has any."""
    given = params("main.bicep", "packages")
    assert given["private"] == "false"
    assert "allowedIpRanges" not in given
    # Nodes without internet access reach it all the same.
    assert "packagesAccountId: packages.outputs.id" in resource("main.bicep", "endpoints")


def test_results_topic_is_closed_under_private_networking() -> None:
    topic = entries(property_of(declaration("modules/topics.bicep", "results").value, "properties"))
    assert text(topic["publicNetworkAccess"]) == "private && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'"
    assert text(topic["inboundIpRules"]) == "private ? allowed : []"
    assert params("main.bicep", "topics")["private"] == "privateNetworking"
    # The app publishes through a private endpoint.
    assert "resource: resultsTopicId\n  group: 'topic'\n  zone: 3" in resource("modules/endpoints.bicep", "topicTarget")
    zones = re.findall(r"'(privatelink[^']*)'", resource("modules/endpoints.bicep", "basicZones"))
    assert len(zones) == 3
    assert "privatelink.eventgrid.azure.net" in resource("modules/endpoints.bicep", "zoneNames")


def test_key_vault_is_protected_against_purging() -> None:
    vault = entries(property_of(declaration("modules/vault.bicep", "vault").value, "properties"))
    assert text(vault["enablePurgeProtection"]) == "true"
    assert text(vault["softDeleteRetentionInDays"]) == "7"


@pytest.mark.parametrize("file", ["main.bicep", "region.bicep", "deployer.bicep"])
def test_name_is_made_lower_case(file: str) -> None:
    content = (INFRA / file).read_text(encoding="utf-8")
    assert "toLower(name)" in content
    assert not re.search(r"\$\{(replace\()?name\b", content)


def test_containers_can_be_restored() -> None:
    retention = re.search(
        r"containerDeleteRetentionPolicy: \{\s+enabled: true", resource("modules/storage.bicep", "blobs")
    )
    assert retention


def test_lock_protects_the_account_of_videos_and_is_an_option() -> None:
    assert resource("main.bicep", "deleteLock").endswith("= false")
    lock = resource("modules/storage.bicep", "lock")
    assert "if (deleteLock)" in lock
    assert "scope: account" in lock
    assert "level: 'CanNotDelete'" in lock
    locked = [
        item.name for item in parse(INFRA / "main.bicep").declarations if "deleteLock: deleteLock" in text(item.node)
    ]
    # A lock on other accounts or the group would stop the deletion of package versions and replaced pools.
    assert locked == ["data"]


def test_budget_of_the_group_warns_before_and_at_its_amount() -> None:
    budget = resource("modules/alerts.bicep", "budget")
    assert "if (monthlyBudget > 0)" in budget
    assert "amount: monthlyBudget" in budget
    assert re.findall(r"threshold: (\d+)\n\s+thresholdType: '(\w+)'", budget) == [
        ("80", "Actual"),
        ("100", "Actual"),
        ("100", "Forecasted"),
    ]
    assert budget.count("contactEmails: emails") == 3


def test_start_of_a_budget_is_kept_only_while_there_is_one() -> None:
    start: dict[str, dict[str, object]] = {"budgetStart": {"type": "String", "value": "2026-01-01"}}
    with_budget = parameters_file(start | {"monthlyBudget": {"type": "Int", "value": 50}})
    assert with_budget["parameters"] == {"budgetStart": {"value": "2026-01-01"}, "monthlyBudget": {"value": 50}}
    without = parameters_file(start | {"monthlyBudget": {"type": "Int", "value": 0}})
    assert without["parameters"] == {"monthlyBudget": {"value": 0}}


def test_spot_nodes_need_a_narrow_role_on_the_subscription() -> None:
    section = GUIDE[GUIDE.index("\n## Spot nodes") : GUIDE.index("\n## Alerts")]
    assert "a35466a1-cfd6-450a-b35e-683fcdf30363" in section  # Azure Batch Service Orchestration Role
    assert "--role Contributor" not in section
