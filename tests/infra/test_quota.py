"""The preflight says in sentences what quotas and VM sizes do not allow, from output of `az`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra import quota
from infra.check.syntax import property_of, text
from infra.estimates import parameters
from tests.infra.bicep import ROOT, app_settings, declaration, entries

SIZE = "Standard_D2ads_v5"
FAMILY = "standardDADSv5Family"
REGION = "westeurope"


def sku(name: str = SIZE, *, cores: int = 2, restrictions: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """As `az vm list-skus` prints it."""
    capabilities = [{"name": "MemoryGB", "value": "8"}, {"name": "vCPUs", "value": str(cores)}]
    return {"name": name, "family": FAMILY, "capabilities": capabilities, "restrictions": restrictions or []}


def account(*, cores: int = 100, family: int | None = 100, pools: int = 100, jobs: int = 300) -> dict[str, Any]:
    """As `az batch account show` prints it."""
    families = [{"name": "standardNCFamily", "coreQuota": 0}]
    if family is not None:
        families.append({"name": FAMILY, "coreQuota": family})
    return {
        "dedicatedCoreQuota": cores,
        "dedicatedCoreQuotaPerVmFamily": families,
        "dedicatedCoreQuotaPerVmFamilyEnforced": True,
        "poolQuota": pools,
        "activeJobAndJobScheduleQuota": jobs,
    }


def usage(**free: int) -> list[dict[str, Any]]:
    """As `az vm list-usage` prints it: numbers are strings."""
    return [{"name": {"value": name}, "limit": str(left + 3), "currentValue": "3"} for name, left in free.items()]


def found(outputs: dict[str, Any], **given: str) -> list[str]:
    return quota.problems(parameters(given), outputs, region=REGION)


def test_bicep_passes_what_the_app_compares() -> None:
    settings = app_settings()
    assert {name: settings[name] for name in settings if "QUOTA" in name or name.endswith(("_NODES", "_SIZE"))} == {
        "GIFDROP_VM_SIZE": "vmSize",
        "GIFDROP_MAX_NODES": "string(maxDedicatedNodes)",
        "GIFDROP_QUOTA_CORES": "batch.outputs.coreQuota",
        "GIFDROP_QUOTA_POOLS": "batch.outputs.poolQuota",
        "GIFDROP_QUOTA_JOBS": "batch.outputs.jobQuota",
    }
    pool = {
        key: text(value)
        for key, value in entries(property_of(declaration("main.bicep", "pool").value, "params")).items()
    }
    assert (pool["vmSize"], pool["maxDedicatedNodes"]) == ("vmSize", "maxDedicatedNodes")
    assert (pool["taskSlotsPerNode"], settings["GIFDROP_TASK_SLOTS"]) == (
        "taskSlotsPerNode",
        "string(taskSlotsPerNode)",
    )
    assert settings["GIFDROP_NODE_PRICE"] == "nodePrice"


def test_quota_of_cores_is_not_read_in_user_subscription_mode_where_azure_returns_none() -> None:
    output = text(declaration("modules/batch.bicep", "coreQuota").node)
    assert "poolAllocationMode == 'BatchService' ? string(account.properties.dedicatedCoreQuota) : ''" in output


def test_a_deployment_that_fits_has_no_problem() -> None:
    fitting = {"skus": [sku()], "account": account(), "pools": [{}], "location": {"accountQuota": 1}, "accounts": []}
    assert found(fitting) == []


def test_nothing_is_said_about_what_is_not_known() -> None:
    assert found({}) == []


def test_quota_of_cores_below_the_nodes_is_a_problem_with_the_nodes_that_fit() -> None:
    (sentence,) = found({"skus": [sku()], "account": account(cores=6)})
    assert sentence == (
        "The autoscale formula may ask for 4 nodes with 2 cores each, 8 cores; the quota of dedicated cores is 6, "
        "enough for 3."
    )
    assert found({"skus": [sku()], "account": account(cores=6)}, maxDedicatedNodes="3") == []


@pytest.mark.parametrize("family", [0, None])
def test_quota_of_the_family_counts_where_it_is_enforced(family: int | None) -> None:
    own = account(family=family)
    (sentence,) = found({"skus": [sku()], "account": own})
    assert "the quota of dedicated cores of the VM family is 0, enough for 0." in sentence
    assert found({"skus": [sku()], "account": own | {"dedicatedCoreQuotaPerVmFamilyEnforced": False}}) == []


def test_names_of_the_rest_api_are_read_too() -> None:
    own = {name.replace("PerVmFamily", "PerVMFamily"): value for name, value in account(family=2).items()}
    assert "VM family is 2" in found({"skus": [sku()], "account": own})[0]


def test_size_that_the_region_has_not_is_a_problem_even_if_longer_names_match() -> None:
    (sentence,) = found({"skus": [sku("Standard_D2ads_v5_Promo")]})
    assert sentence == "Standard_D2ads_v5 is not offered in westeurope: choose another vmSize or region."


def test_size_that_the_subscription_may_not_use_is_a_problem() -> None:
    location = [{"type": "Location", "reasonCode": "NotAvailableForSubscription"}]
    (sentence,) = found({"skus": [sku(restrictions=location)]})
    assert "may not use Standard_D2ads_v5 in westeurope (NotAvailableForSubscription)" in sentence
    assert found({"skus": [sku(restrictions=[{"type": "Zone", "reasonCode": "NotAvailableForSubscription"}])]}) == []


def test_size_with_one_core_and_too_many_slots_is_a_problem() -> None:
    small, slots = found({"skus": [sku("Standard_A1_v2", cores=1)]}, vmSize="Standard_A1_v2", taskSlotsPerNode="8")
    assert small == "Standard_A1_v2 has 1 core; a conversion needs 2."
    assert slots == "taskSlotsPerNode is 8; Batch allows 4 on Standard_A1_v2, 4 for each core."


def test_region_without_room_for_another_batch_account_is_a_problem_of_a_first_deployment() -> None:
    full = {"location": {"accountQuota": 1}, "accounts": [{"location": "West Europe"}, {"location": "eastus"}]}
    (sentence,) = found(full)
    assert sentence.startswith("The subscription has 1 Batch account in westeurope, as many as its quota allows")
    assert found(full | {"account": account()}) == []


def test_quotas_of_pools_and_jobs_are_checked() -> None:
    few, jobs = found({"skus": [sku()], "account": account(pools=1, jobs=1), "pools": [{}]})
    assert few == "The quota of pools is 1; rotating the pool needs 2."
    assert jobs.startswith("The quota of active jobs is 1;")
    (full,) = found({"skus": [sku()], "account": account(pools=3), "pools": [{}, {}, {}]})
    assert full == "The account has 3 pools, as many as its quota allows: rotating the pool needs one more."


def test_spot_nodes_need_an_account_in_user_subscription_mode() -> None:
    (sentence,) = found({}, maxLowPriorityNodes="2")
    assert "poolAllocationMode=UserSubscription" in sentence


def test_user_subscription_mode_uses_what_is_free_in_the_subscription() -> None:
    mode = {"poolAllocationMode": "UserSubscription", "maxLowPriorityNodes": "20"}
    enough = usage(cores=8, standarddadsv5family=8, lowPriorityCores=40)
    # Quotas of the account do not count: Azure does not return them.
    own = {"dedicatedCoreQuota": None, "poolQuota": 100, "activeJobAndJobScheduleQuota": 300}
    assert found({"skus": [sku()], "usage": enough, "account": own}, **mode) == []

    few = usage(cores=7, standarddadsv5family=0, lowPriorityCores=39)
    family, cores, spot = found({"skus": [sku()], "usage": few}, **mode)
    assert "what is free of the subscription's quota of dedicated cores of the VM family is 0, enough for 0." in family
    assert "what is free of the subscription's quota of dedicated cores is 7, enough for 3." in cores
    assert spot.endswith("20 spot nodes with 2 cores each; 39 spot cores are free in the subscription, enough for 19.")


def test_command_reads_files_and_parameters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "skus.json").write_text(json.dumps([sku()]))
    (tmp_path / "account.json").write_text(json.dumps(account(cores=10)))
    (tmp_path / "pools.json").write_text("")
    saved = tmp_path / "parameters.json"
    saved.write_text(json.dumps({"parameters": {"maxDedicatedNodes": {"value": 9}, "alertEmails": {"value": ["a"]}}}))

    assert quota.main([str(tmp_path), REGION]) == 0
    assert quota.main([str(tmp_path), REGION, f"@{saved}", "alertEmails=[]"]) == 1
    assert "9 nodes with 2 cores each, 18 cores" in capsys.readouterr().out
    assert quota.main([str(tmp_path), REGION, f"@{saved}", "maxDedicatedNodes=5"]) == 0
    assert capsys.readouterr().out == ""


def test_preflight_needs_the_standard_library_only() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import infra.quota"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


def test_command_without_a_folder_prints_its_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quota.main([str(tmp_path / "missing"), REGION]) == 2
    assert quota.main([str(tmp_path)]) == 2
    assert "FOLDER" in capsys.readouterr().err


def test_argument_that_is_no_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match="neither"):
        quota.read_parameters(["maxDedicatedNodes"])
