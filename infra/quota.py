"""Says what a subscription or Batch account does not allow of a deployment, from output of `az`.

python -m infra.quota FOLDER REGION [NAME=VALUE | @PARAMETERS_FILE]...

FOLDER has the output of these commands as JSON. A missing or empty file is allowed; what needs it is not checked.

  skus.json      az vm list-skus --location REGION --resource-type virtualMachines --size VM_SIZE --all
  usage.json     az vm list-usage --location REGION            (read in user subscription mode only)
  location.json  az batch location quotas show --location REGION
  accounts.json  az batch account list                         (of the subscription)
  account.json   az batch account show                         (of an existing deployment)
  pools.json     az batch pool list                            (its pools)

Prints a sentence for each problem; the exit code is then 1. The other arguments are parameters of main.bicep.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.estimates import parameters
from shared.quota import POOLS, Quotas, cores_of, shortages

FILES = ("skus", "usage", "location", "accounts", "account", "pools")
MIN_ARGUMENTS = 2
MIN_CORES = 2
SLOTS_PER_CORE = 4
"""Batch's limit of task slots."""


def problems(values: Mapping[str, str], outputs: Mapping[str, Any], *, region: str) -> list[str]:
    """What does not fit, in sentences. `outputs` are the parsed files by their name without `.json`."""
    size = values["vmSize"]
    own = values["poolAllocationMode"] == "UserSubscription"
    sku, found = _sku(size, outputs.get("skus"), region)
    cores = sku_cores(sku) or cores_of(size)
    if cores:
        found += _node_problems(values, size, cores)
    if not own and int(values["maxLowPriorityNodes"]) > 0:
        found.append("Spot nodes need poolAllocationMode=UserSubscription: Batch has none for accounts of its own.")
    if "location" in outputs and "account" not in outputs:
        found += _account_problems(outputs["location"], outputs.get("accounts", []), region)
    if cores is None:
        return found
    nodes = int(values["maxDedicatedNodes"])
    family = str(sku.get("family", "")) if sku else ""
    if own:
        found += _subscription_problems(values, outputs.get("usage"), family, cores)
    elif account := outputs.get("account"):
        found += shortages(account_quotas(account, family or None), nodes=nodes, cores=cores)
    if (account := outputs.get("account")) and isinstance(account.get("poolQuota"), int):
        pools = len(outputs.get("pools", []))
        if pools >= account["poolQuota"] >= POOLS:
            found.append(
                f"The account has {pools} pools, as many as its quota allows: rotating the pool needs one more."
            )
    return found


def _sku(size: str, skus: list[dict[str, Any]] | None, region: str) -> tuple[dict[str, Any] | None, list[str]]:
    """The VM size among those of the region, and what is wrong with it. `--size` also matches longer names."""
    if skus is None:
        return None, []
    sku = next((item for item in skus if str(item.get("name", "")).lower() == size.lower()), None)
    if sku is None:
        return None, [f"{size} is not offered in {region}: choose another vmSize or region."]
    for restriction in sku.get("restrictions") or []:
        if restriction.get("type") == "Location":
            reason = restriction.get("reasonCode", "no reason is given")
            return sku, [
                f"This subscription may not use {size} in {region} ({reason}): choose another, or ask Azure for it."
            ]
    return sku, []


def sku_cores(sku: Mapping[str, Any] | None) -> int | None:
    """The cores of a VM size, `None` if its capabilities do not say."""
    for capability in (sku or {}).get("capabilities") or []:
        if capability.get("name") == "vCPUs" and str(capability.get("value", "")).isdecimal():
            return int(capability["value"])
    return None


def _node_problems(values: Mapping[str, str], size: str, cores: int) -> list[str]:
    found, slots = [], int(values["taskSlotsPerNode"])
    if cores < MIN_CORES:
        found.append(f"{size} has {cores} core; a conversion needs {MIN_CORES}.")
    if slots > cores * SLOTS_PER_CORE:
        most = cores * SLOTS_PER_CORE
        found.append(f"taskSlotsPerNode is {slots}; Batch allows {most} on {size}, {SLOTS_PER_CORE} for each core.")
    return found


def _account_problems(location: dict[str, Any], accounts: list[dict[str, Any]], region: str) -> list[str]:
    """Whether one more Batch account fits into the region."""
    quota = location.get("accountQuota")
    there = accounts_in(region, accounts)
    if not isinstance(quota, int) or there < quota:
        return []
    number = f"{there} Batch account{'' if there == 1 else 's'} in {region}"
    return [
        f"The subscription has {number}, as many as its quota allows: ask Azure for more, or choose another region."
    ]


def accounts_in(region: str, accounts: Sequence[Mapping[str, Any]]) -> int:
    """How many Batch accounts are in a region."""
    return sum(_plain(account.get("location", "")) == _plain(region) for account in accounts)


def account_quotas(account: Mapping[str, Any], family: str | None) -> Quotas:
    """The quotas of an account, with that of a VM family unless this is not known."""
    families = account.get("dedicatedCoreQuotaPerVmFamily") or account.get("dedicatedCoreQuotaPerVMFamily") or []
    enforced = account.get(
        "dedicatedCoreQuotaPerVmFamilyEnforced", account.get("dedicatedCoreQuotaPerVMFamilyEnforced")
    )
    by_family = {str(item.get("name", "")).lower(): item.get("coreQuota") for item in families}
    return Quotas(
        cores=account.get("dedicatedCoreQuota"),
        # A family that is not in the list has no quota at all.
        family_cores=by_family.get(family.lower(), 0) if enforced and family is not None else None,
        pools=account.get("poolQuota"),
        jobs=account.get("activeJobAndJobScheduleQuota"),
    )


def _subscription_problems(
    values: Mapping[str, str], usage: list[dict[str, Any]] | None, family: str, cores: int
) -> list[str]:
    """The subscription's quotas in the region, which an account in user subscription mode uses."""
    if usage is None:
        return []
    free = free_in_subscription(usage)
    found = shortages(
        Quotas(cores=free.get("cores"), family_cores=free.get(family.lower())),
        nodes=int(values["maxDedicatedNodes"]),
        cores=cores,
    )
    ours = "what is free of the subscription's quota of"
    found = [sentence.replace("the quota of", ours) for sentence in found]
    spot, left = int(values["maxLowPriorityNodes"]), free.get("lowprioritycores")
    if left is not None and left < spot * cores:
        found.append(
            f"The autoscale formula may ask for {spot} spot nodes with {cores} cores each; {left} spot cores are free "
            f"in the subscription, enough for {left // cores}."
        )
    return found


def free_in_subscription(usage: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """What is free of each quota of the subscription in a region, by its name in lower case: `cores`, families, …"""
    return {
        str(item["name"]["value"]).lower(): int(item["limit"]) - int(item["currentValue"])
        for item in usage
        if isinstance(item.get("name"), dict) and "limit" in item and "currentValue" in item
    }


def _plain(region: str) -> str:
    """`West Europe` as `westeurope`."""
    return re.sub(r"\s", "", region).lower()


def read_parameters(arguments: Sequence[str]) -> dict[str, str]:
    """`given_parameters` over the defaults of main.bicep; other parameters are left out. Raises ValueError."""
    known = parameters()
    return known | {name: value for name, value in given_parameters(arguments).items() if name in known}


def given_parameters(arguments: Sequence[str]) -> dict[str, str]:
    """The parameters in `NAME=VALUE` and `@FILE`, later ones first.

    Raises ValueError for an argument of another form.
    """
    given: dict[str, str] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if argument.startswith("@"):
            content = json.loads(Path(argument[1:]).read_text(encoding="utf-8"))["parameters"]
            values = {name: item.get("value") for name, item in content.items()}
            given |= {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
        elif equals:
            given[name] = text
        else:
            raise ValueError(f"neither NAME=VALUE nor @FILE: {argument}")
    return given


def main(arguments: Sequence[str]) -> int:
    if arguments in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if len(arguments) < MIN_ARGUMENTS or not Path(arguments[0]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    outputs = {}
    for name in FILES:
        file = Path(arguments[0]) / f"{name}.json"
        if file.exists() and (text := file.read_text(encoding="utf-8").strip()):
            outputs[name] = json.loads(text)
    found = problems(read_parameters(arguments[2:]), outputs, region=arguments[1])
    for sentence in found:
        print(sentence)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
