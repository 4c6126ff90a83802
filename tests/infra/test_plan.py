"""`deploy.sh plan`: what it makes of the output of az, and a run against the stand-ins."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.plan import (
    Check,
    Target,
    check_account_count,
    check_available,
    check_cores,
    check_flex,
    check_name,
    check_providers,
    check_rights,
    check_storage_sku,
    check_subscription_cores,
    check_vm_size,
    created_names,
    resolve,
    summarize_changes,
)
from infra.rights import GROUP_ACTIONS, ROLE_DEFINITION, providers
from tests.infra.stand_ins import StandIns, stand_ins
from tests.support.fork_server import ForkServer

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
SKU = {
    "name": "Standard_D2ads_v5",
    "familyName": "standardDADSv5Family",
    "capabilities": [{"name": "vCPUs", "value": "2"}],
}
GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/pets"
POOL = f"{GROUP_ID}/providers/Microsoft.Batch/batchAccounts/a/pools/gifdrop-new"


def target(*arguments: str, group_exists: bool = True) -> Target:
    return Target(
        subscription=SUBSCRIPTION,
        group="pets",
        group_exists=group_exists,
        region="westeurope",
        principal="1234",
        template="infra/main.bicep",
        arguments=arguments,
        parameters=resolve(arguments),
    )


def test_parameters_are_the_defaults_of_the_template_unless_given(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    file.write_text(json.dumps({"parameters": {"minNodes": {"value": 2}, "vmSize": {"value": "Standard_D4s_v5"}}}))
    values = resolve([f"@{file}", "minNodes=3"])
    assert (values["minNodes"], values["vmSize"], values["name"]) == ("3", "Standard_D4s_v5", "gifdrop")


@pytest.mark.parametrize("name", ["gifdrop", "abc", "a-b-c", "gif2", "GifDrop"])
def test_valid_name_is_accepted(name: str) -> None:
    assert check_name(name).ok


@pytest.mark.parametrize("name", ["", "ab", "2gif", "gif_drop", "gif-", "a--b", "longer-than-ten"])
def test_name_that_azure_would_refuse_is_a_problem(name: str) -> None:
    assert check_name(name).ok is False


def test_provider_that_the_parameters_use_must_be_registered() -> None:
    states = [{"namespace": name, "registrationState": "Registered"} for name in providers({})]
    assert check_providers(states, target()).ok
    missing = check_providers(states, target("privateNetworking=true"))
    assert missing.ok is None
    assert f"az provider register --subscription {SUBSCRIPTION} --namespace Microsoft.Network" in missing.what_to_do


def test_rights_are_judged_by_actions_and_not_actions() -> None:
    owner = [{"actions": ["*"], "notActions": []}]
    contributor = [{"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]}]
    grants = [{"actions": ["Microsoft.Authorization/roleAssignments/*"], "notActions": []}]
    assert check_rights(owner, target()).ok
    assert check_rights([*contributor, *grants], target("createRoles=false")).ok

    lacking = check_rights([*contributor, *grants], target())
    assert lacking.ok is False
    assert ROLE_DEFINITION in lacking.message
    assert "createRoles=false" in lacking.what_to_do

    lacking = check_rights([{"actions": ["*/read"], "notActions": []}], target(group_exists=False))
    assert all(action in lacking.message for action in GROUP_ACTIONS)
    assert "az group create" in lacking.what_to_do


def test_vm_size_must_be_offered_and_have_two_cores() -> None:
    assert check_vm_size([SKU], target()).ok
    absent = check_vm_size([{**SKU, "name": "Standard_D2as_v5"}], target())
    assert absent.ok is False
    assert "Standard_D2as_v5" in absent.what_to_do
    assert check_vm_size([{**SKU, "capabilities": [{"name": "vCPUs", "value": "1"}]}], target()).ok is False
    assert check_vm_size([{**SKU, "batchSupportEndOfLife": "2027-01-01"}], target()).ok is None


def test_quota_of_an_existing_account_must_cover_the_formula() -> None:
    assert check_cores(None, SKU, target()).ok is None
    assert check_cores({"dedicatedCoreQuota": 8}, SKU, target("maxDedicatedNodes=4")).ok
    assert check_cores({"dedicatedCoreQuota": 6}, SKU, target("maxDedicatedNodes=4")).ok is False
    account = {
        "dedicatedCoreQuota": 100,
        "dedicatedCoreQuotaPerVMFamilyEnforced": True,
        "dedicatedCoreQuotaPerVMFamily": [{"name": "standardDADSv5Family", "coreQuota": 0}],
    }
    lacking = check_cores(account, SKU, target("maxDedicatedNodes=1"))
    assert lacking.ok is False
    assert "standardDADSv5Family is 0" in lacking.message


def test_subscription_quota_counts_in_user_subscription_mode() -> None:
    usage: dict[str, Any] = {"name": {"value": "standardDADSv5Family"}, "limit": "10", "currentValue": 4}
    assert check_subscription_cores([usage], SKU, target("maxDedicatedNodes=3")).ok
    assert check_subscription_cores([usage], SKU, target("maxDedicatedNodes=4")).ok is False


def test_number_of_batch_accounts_in_the_region_is_limited() -> None:
    assert check_account_count(1, [{"location": "northeurope"}], target()).ok
    assert check_account_count(1, [{"location": "westeurope"}], target()).ok is False


def test_region_must_have_the_functions_plan_and_the_storage_redundancy() -> None:
    assert check_flex([{"name": "westeurope"}], target()).ok
    assert "northeurope" in check_flex([{"name": "northeurope"}], target()).what_to_do
    sku = {"name": "Standard_ZRS", "kind": "StorageV2", "locations": ["westeurope"], "restrictions": []}
    assert check_storage_sku([sku], target("storageSku=Standard_ZRS")).ok
    assert check_storage_sku([sku], target("storageSku=Standard_GZRS")).ok is False
    restricted = {**sku, "restrictions": [{"reasonCode": "NotAvailableForSubscription"}]}
    assert check_storage_sku([restricted], target("storageSku=Standard_ZRS")).ok is False


def test_taken_name_is_a_problem() -> None:
    assert check_available("gifdropdata", {"nameAvailable": True}).ok
    taken = check_available("gifdropdata", {"nameAvailable": False, "message": "it is already taken"})
    assert taken.ok is False
    assert "already taken" in taken.message


def test_changes_name_deletions_and_new_pools() -> None:
    changes = [
        {"changeType": "NoChange", "resourceId": f"{GROUP_ID}/providers/Microsoft.Web/sites/app"},
        {"changeType": "Create", "resourceId": POOL},
        {"changeType": "Delete", "resourceId": f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/videos"},
    ]
    found = summarize_changes({"changes": changes})
    assert [check.ok for check in found] == [True, None, False]
    assert "gifdrop-new" in found[1].message
    assert created_names({"changes": changes[1:2]}, "Microsoft.Batch/batchAccounts/a/pools") == ["gifdrop-new"]
    assert all(check.ok for check in summarize_changes({"changes": changes[1:2]}))  # the first deployment


@pytest.fixture
def cloud(tmp_path: Path, python: ForkServer) -> Iterator[StandIns]:
    with stand_ins(tmp_path / "cloud", python) as tools:
        tools.answers |= {
            "az account show --only-show-errors": json.dumps({"id": SUBSCRIPTION}),
            "az group show": json.dumps({"location": "westeurope"}),
            "az group exists": "true",
            "az provider list": json.dumps(
                [{"namespace": name, "registrationState": "Registered"} for name in providers({})]
            ),
            "az rest --method get": json.dumps({"value": [{"actions": ["*"], "notActions": []}]}),
            "az batch location list-skus": json.dumps([SKU]),
            "az batch location quotas": json.dumps({"accountQuota": 1}),
            "az batch account list": "[]",
            "az functionapp list-flexconsumption-locations": json.dumps([{"name": "westeurope"}]),
            "az storage sku list": json.dumps(
                [{"name": "Standard_ZRS", "kind": "StorageV2", "locations": ["westeurope"], "restrictions": []}]
            ),
            "az deployment group what-if": json.dumps({"changes": [{"changeType": "Create", "resourceId": POOL}]}),
        }
        yield tools


def test_plan_changes_nothing_and_finds_nothing_wrong(cloud: StandIns) -> None:
    run = cloud.deploy("plan")

    assert run.returncode == 0, run.stdout + run.stderr
    assert "No problem was found" in run.stdout
    assert "Batch offers Standard_D2ads_v5 in westeurope, with 2 cores." in run.stdout
    changing = {"create", "delete", "register", "publish", "upload", "set", "update"}
    assert not [call for call in cloud.calls if changing & set(call.partition(" --")[0].split())]


def test_plan_fails_for_a_region_without_the_vm_size(cloud: StandIns) -> None:
    cloud.answers["az batch location list-skus"] = "[]"
    run = cloud.deploy("plan")
    assert run.returncode == 1
    assert "PROBLEM  Batch does not offer Standard_D2ads_v5 in westeurope." in run.stdout


@pytest.mark.parametrize("fault", ["failure", "time-out", "throttling", "denial"])
def test_plan_says_which_check_could_not_be_made(cloud: StandIns, fault: str) -> None:
    cloud.inject(fault, lambda call: "list-skus" in call or "what-if" in call)
    run = cloud.deploy("plan")
    assert run.returncode == 0, run.stderr
    assert "unknown  The VM size: could not be checked." in run.stdout
    assert "unknown  The changes: could not be checked." in run.stdout


def test_check_prints_what_to_do_below_its_message() -> None:
    assert str(Check(False, "It is wrong.", "Correct it.")) == "PROBLEM  It is wrong.\n         Correct it."
