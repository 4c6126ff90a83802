"""Checks what would make a deployment fail, and previews its changes, without making any.

python -m infra.plan --group NAME [--region REGION] --template FILE [PARAMETER]...   (parameters as for az deployment)
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.az import AzError, az
from infra.deployment import read_deployment
from infra.quota import (
    MIN_CORES,
    account_quotas,
    accounts_in,
    free_in_subscription,
    given_parameters,
    sku_cores,
)
from infra.rights import GROUP_ACTIONS, ROLE_DEFINITION, grant_commands, missing_actions, providers, setup_commands
from infra.sign_in import check_registration, read_registration, registration_of

TEMPLATE = Path(__file__).with_name("main.bicep")
WHAT_IF_SECONDS = 240.0
PERMISSIONS = "providers/Microsoft.Authorization/permissions?api-version=2022-04-01"


@dataclass(frozen=True)
class Check:
    """The result of one check: `ok` is None if it could not be made."""

    ok: bool | None
    message: str
    what_to_do: str = ""

    def __str__(self) -> str:
        sign = {True: "ok", False: "PROBLEM", None: "unknown"}[self.ok]
        return f"{sign:8} {self.message}" + (f"\n         {self.what_to_do}" if self.what_to_do else "")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a deployment goes, and with which parameters."""

    subscription: str
    group: str
    group_exists: bool
    region: str
    """As Azure writes it in requests: `westeurope`."""
    principal: str
    template: str
    arguments: tuple[str, ...]
    """The parameters as az takes them."""
    parameters: Mapping[str, str]
    """The same, resolved: with the template's defaults."""

    @property
    def zone_redundant(self) -> bool:
        return self.parameters.get("zoneRedundant", "false").lower() == "true"

    @property
    def scope(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"


def resolve(arguments: Sequence[str]) -> dict[str, str]:
    """The values of parameters: the template's defaults, then each argument, a file (`@FILE`) or NAME=VALUE."""
    text = TEMPLATE.read_text(encoding="utf-8")
    values = {name: value.strip("'") for name, value in re.findall(r"^param (\w+) \S+ = (.+)$", text, re.MULTILINE)}
    return values | given_parameters(arguments)


def check_name(name: str) -> Check:
    """Whether `name` can begin the names of all resources. The template makes it lower case."""
    if 3 <= len(name) <= 10 and re.fullmatch(r"[a-z](?:-?[a-z0-9])*", name, re.IGNORECASE):
        return Check(True, f"The name {name!r} is valid.")
    todo = "Choose 3 to 10 letters, digits and single hyphens that begin with a letter."
    return Check(False, f"The name {name!r} cannot begin the names of Azure resources.", todo)


def check_providers(states: Sequence[Mapping[str, str]], target: Target) -> Check:
    """Whether the resource providers that the parameters use are registered."""
    registered = {item["namespace"].lower() for item in states if item["registrationState"] == "Registered"}
    missing = [name for name in providers(target.parameters) if name.lower() not in registered]
    if not missing:
        return Check(True, "All resource providers are registered.")
    commands = setup_commands(
        subscription=target.subscription,
        group=target.group,
        region=target.region,
        principal=target.principal,
        principal_type=target.parameters.get("operatorPrincipalType", "User"),
        unregistered=missing,
        group_exists=True,
    )
    message = (
        f"Not registered yet: {', '.join(missing)}. The step 'check' registers them, with rights on the subscription."
    )
    return Check(None, message, "Or an owner of the subscription runs:\n         " + "\n         ".join(commands))


def check_rights(permissions: Sequence[Mapping[str, Sequence[str]]], target: Target) -> Check:
    """Whether the caller may do in the group what a deployment does."""
    wanted = [*GROUP_ACTIONS]
    if target.parameters.get("createRoles", "true").lower() == "true":
        wanted.append(ROLE_DEFINITION)
    if not target.group_exists:
        wanted.append("Microsoft.Resources/subscriptions/resourceGroups/write")
    missing = missing_actions(permissions, wanted)
    where = f"resource group {target.group}" if target.group_exists else "the subscription"
    if not missing:
        return Check(True, f"You have the rights in {where} that a deployment needs.")
    if missing == [ROLE_DEFINITION]:
        todo = "Pass -p createRoles=false, after an owner of the group has run infra/deployer.bicep:"
    else:
        todo = "Ask an owner to run this, then pass -p createRoles=false:"
    commands = setup_commands(
        subscription=target.subscription,
        group=target.group,
        region=target.region,
        principal=target.principal,
        principal_type=target.parameters.get("operatorPrincipalType", "User"),
        unregistered=[],
        group_exists=target.group_exists,
    ) or grant_commands(subscription=target.subscription, group=target.group, principal=target.principal)
    return Check(False, f"You lack rights in {where}: {', '.join(missing)}.", "\n         ".join([todo, *commands]))


def check_vm_size(skus: Sequence[Mapping[str, Any]], target: Target) -> Check:
    """Whether Batch offers the VM size in the region, and it has enough cores. `skus` is what Batch offers there."""
    size = target.parameters.get("vmSize", "")
    sku = next((item for item in skus if item.get("name", "").lower() == size.lower()), None)
    if sku is None:
        near = sorted(item["name"] for item in skus if re.fullmatch(r"Standard_D2a?d?s_v\d", item.get("name", "")))
        todo = f"Choose another with -p vmSize=, for example {', '.join(near)}." if near else "Choose another region."
        return Check(False, f"Batch does not offer {size} in {target.region}.", todo)
    cores = sku_cores(sku) or 0
    if cores < MIN_CORES:
        return Check(False, f"{size} has {cores} core(s).", "Choose a size with at least two.")
    end = sku.get("batchSupportEndOfLife")
    if end:
        return Check(None, f"Batch stops to support {size} on {end}.", "Choose a newer size with -p vmSize=.")
    return Check(True, f"Batch offers {size} in {target.region}, with {cores} cores.")


def check_cores(account: Mapping[str, Any] | None, sku: Mapping[str, Any] | None, target: Target) -> Check:
    """Whether the account's quota of cores covers the caps of the formula. Unknown before the account exists."""
    nodes = int(target.parameters.get("maxDedicatedNodes", "0"))
    wanted = nodes * (sku_cores(sku) or 0)
    if account is None:
        message = f"maxDedicatedNodes={nodes} needs {wanted} cores. A new Batch account shows its quota once it exists."
        todo = "New subscriptions often start with 0: after the step 'infra', run 'infra/deploy.sh -g GROUP doctor'."
        return Check(None, message, todo)
    family = (sku or {}).get("familyName", "")
    quotas = account_quotas(account, family)
    for name, quota in {"of the account": quotas.cores, f"of the family {family}": quotas.family_cores}.items():
        if quota is not None and quota < wanted:
            message = f"maxDedicatedNodes={nodes} needs {wanted} cores, but the quota {name} is {quota}."
            return Check(
                False, message, "Ask for more in the portal (Batch account > Quotas), or lower maxDedicatedNodes."
            )
    return Check(True, f"The account's quota covers {wanted} cores.")


def check_subscription_cores(
    usages: Sequence[Mapping[str, Any]], sku: Mapping[str, Any] | None, target: Target
) -> Check:
    """The same in user subscription mode, in which nodes count as virtual machines of the subscription."""
    nodes = int(target.parameters.get("maxDedicatedNodes", "0"))
    wanted, family = nodes * (sku_cores(sku) or 0), (sku or {}).get("familyName", "")
    free_by_name = free_in_subscription(usages)
    for name in (family, "cores"):
        free = free_by_name.get(name.lower(), wanted)
        if free < wanted:
            message = f"{nodes} nodes need {wanted} cores of {name}; {free} are free in {target.region}."
            return Check(False, message, "Ask for more in the portal (Quotas > Compute), or lower maxDedicatedNodes.")
    return Check(True, f"The subscription has {wanted} free cores in {target.region}.")


def check_account_count(quota: int, accounts: Sequence[Mapping[str, Any]], target: Target) -> Check:
    """Whether the subscription may have another Batch account in the region."""
    count = accounts_in(target.region, accounts)
    if count < quota:
        return Check(True, f"{count} of {quota} Batch accounts exist in {target.region}.")
    todo = "Delete one that is not used, choose another region, or ask for more (support request, Batch accounts)."
    return Check(False, f"{target.region} already has {count} of {quota} Batch accounts of this subscription.", todo)


def check_flex(locations: Sequence[Mapping[str, str]], target: Target) -> Check:
    """Whether Flex Consumption exists in the region."""
    names = sorted(item["name"] for item in locations)
    if target.region in names:
        return Check(True, f"Functions' Flex Consumption plan exists in {target.region}.")
    where = f"{target.region}, with zones" if target.zone_redundant else target.region
    message = f"Functions' Flex Consumption plan does not exist in {where}."
    return Check(False, message, f"Choose one of: {', '.join(names)}.")


def check_storage_sku(skus: Sequence[Mapping[str, Any]], target: Target) -> Check:
    """Whether the redundancy of the data account exists in the region."""
    wanted = {target.parameters.get("storageSku", "")} | ({"Standard_ZRS"} if target.zone_redundant else set())
    offered = {
        item["name"]
        for item in skus
        if target.region in item["locations"] and item["kind"] == "StorageV2" and not item.get("restrictions")
    }
    missing = ", ".join(sorted(wanted - offered))
    if not missing:
        return Check(True, f"Storage with {', '.join(sorted(wanted))} exists in {target.region}.")
    todo = "Pass -p storageSku=Standard_LRS -p zoneRedundant=false, or choose another region."
    return Check(False, f"Storage with {missing} does not exist in {target.region} for this subscription.", todo)


def summarize_changes(what_if: Mapping[str, Any]) -> list[Check]:
    """What a deployment would do, by resource; deletions and pools that would be replaced are named."""
    changes = what_if.get("changes") or []
    counts = Counter(change["changeType"] for change in changes)
    counted = ", ".join(f"{number} {kind.lower()}" for kind, number in sorted(counts.items())) or "none"
    found = [Check(True, f"Changes to resources: {counted}.")]
    for change in changes:
        kind, name = change["changeType"], change["resourceId"].partition("/providers/")[2]
        if kind == "Delete":
            found.append(Check(False, f"It would delete {name}.", "Find out why before you deploy."))
        elif (
            kind == "Create"
            and re.search(r"/batchAccounts/[^/]+/pools/", name)
            and counts["NoChange"] + counts["Modify"]
        ):
            message = f"A new pool would be made beside the present one: {name.rpartition('/')[2]}."
            todo = "docs/operations.md, Rotating the pool; 'infra/deploy.sh -g GROUP canary' tries it with one video."
            found.append(Check(None, message, todo))
        elif kind == "Modify":
            paths = [item["path"] for item in change.get("delta") or ()]
            found.append(Check(True, f"  changes {name}: {', '.join(paths[:6])}{' …' if len(paths) > 6 else ''}"))
    return found


def created_names(what_if: Mapping[str, Any], kind: str) -> list[str]:
    """The names of resources of a type that a deployment would create."""
    ids = [item["resourceId"] for item in what_if.get("changes") or [] if item["changeType"] == "Create"]
    return [name for id_ in ids for name in re.findall(rf"/providers/{re.escape(kind)}/([^/]+)$", id_, re.IGNORECASE)]


def check_available(name: str, answer: Mapping[str, Any]) -> Check:
    """Whether a globally unique name is free. `answer` is that of Azure's check."""
    if answer.get("nameAvailable"):
        return Check(True, f"The name {name} is free.")
    todo = "Pass another -p name=. A deleted key vault keeps its name until 'az keyvault purge'."
    return Check(False, f"The name {name} is taken: {answer.get('message') or answer.get('reason')}", todo)


def check_sign_in(target: Target) -> list[Check]:
    """Whether people could sign in with the given app registration. Raises `AzError`."""
    client_id = target.parameters.get("signInClientId", "")
    if not client_id:
        return []
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", client_id, re.IGNORECASE):
        return [
            Check(False, f"signInClientId is not a client id: {client_id!r}.", "Pass the id that 'sign-in' prints.")
        ]
    try:
        fits = registration_of(read_deployment(target.group).outputs)
    except LookupError as error:
        todo = "Deploy without signInClientId first: the registration needs the app's address and identity."
        return [Check(False, f"The app registration cannot be checked: {error}", todo)]
    found = check_registration(*read_registration(client_id), fits)
    return [Check(item.ok, item.message, (item.what_to_do or "").replace("GROUP", target.group)) for item in found]


def _attempt(what: str, check: Callable[[], Check | list[Check]]) -> list[Check]:
    """The results of a check; unknown if az fails."""
    try:
        found = check()
    except AzError as error:
        return [Check(None, f"{what}: could not be checked.", str(error).replace("\n", "\n         "))]
    return found if isinstance(found, list) else [found]


def checks(target: Target) -> Iterator[Check]:
    """All checks, made side by side; the preview of the changes, which takes longest, comes last."""
    here = ("--location", target.region)
    zones = ("--zone-redundant", "true") if target.zone_redundant else ()

    def vm_and_cores() -> list[Check]:
        skus = az("batch", "location", "list-skus", *here)
        size = target.parameters.get("vmSize", "").lower()
        sku = next((item for item in skus if item.get("name", "").lower() == size), None)
        found = [check_vm_size(skus, target)]
        if target.parameters.get("poolAllocationMode") == "UserSubscription":
            return [*found, check_subscription_cores(az("vm", "list-usage", *here), sku, target)]
        accounts = az("batch", "account", "list", "--resource-group", target.group) if target.group_exists else []
        return [*found, check_cores(accounts[0] if accounts else None, sku, target)]

    def account_count() -> list[Check]:
        accounts = az("batch", "account", "list")
        if target.group_exists and any(item["resourceGroup"].lower() == target.group.lower() for item in accounts):
            return []
        return [check_account_count(az("batch", "location", "quotas", "show", *here)["accountQuota"], accounts, target)]

    def rights() -> Check:
        scope = target.scope if target.group_exists else f"/subscriptions/{target.subscription}"
        answer = az("rest", "--method", "get", "--url", f"https://management.azure.com{scope}/{PERMISSIONS}")
        return check_rights(answer["value"], target)

    def changes() -> list[Check]:
        if not target.group_exists:
            message = f"The changes cannot be previewed before resource group {target.group} exists."
            return [Check(None, message, f"az group create --name {target.group} --location {target.region}")]
        found: Mapping[str, Any] = az(
            *("deployment", "group", "what-if", "--resource-group", target.group, "--template-file", target.template),
            *("--no-pretty-print", "--parameters", *target.arguments),
            limit=WHAT_IF_SECONDS,
        )
        kinds = {
            "Microsoft.Storage/storageAccounts": ("storage", "account", "check-name"),
            "Microsoft.KeyVault/vaults": ("keyvault", "check-name"),
        }
        names = [
            check_available(name, az(*command, "--name", name))
            for kind, command in kinds.items()
            for name in created_names(found, kind)
        ]
        return [*names, *summarize_changes(found)]

    todo: dict[str, Callable[[], Check | list[Check]]] = {
        "The name": lambda: check_name(target.parameters.get("name", "")),
        "Resource providers": lambda: check_providers(
            az("provider", "list", "--query", "[].{namespace: namespace, registrationState: registrationState}"), target
        ),
        "Your rights": rights,
        "The VM size": vm_and_cores,
        "The number of Batch accounts": account_count,
        "The Functions plan": lambda: check_flex(az("functionapp", "list-flexconsumption-locations", *zones), target),
        "Storage": lambda: check_storage_sku(
            az(
                *("storage", "sku", "list", "--query"),
                "[?kind=='StorageV2'].{name: name, kind: kind, locations: locations, restrictions: restrictions}",
            ),
            target,
        ),
        "Sign-in": lambda: check_sign_in(target),
        "The changes": changes,
    }
    with ThreadPoolExecutor(max_workers=4) as threads:
        for found in threads.map(lambda item: _attempt(*item), todo.items()):
            yield from found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.plan", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--group", required=True, help="resource group; it need not exist")
    parser.add_argument("--region", default="", help="required for a group that does not exist")
    parser.add_argument("--template", required=True, metavar="FILE", help="infra/main.bicep, or what was built of it")
    parser.add_argument(
        "parameters", nargs="*", metavar="NAME=VALUE | @FILE", help="parameters of the template, as for az deployment"
    )
    given = parser.parse_args(arguments)
    try:
        subscription = az("account", "show")["id"]
        group = az("group", "show", "--name", given.group) if az("group", "exists", "--name", given.group) else None
    except AzError as error:
        print(error, file=sys.stderr)
        return 1
    parameters = resolve(given.parameters)
    region = group["location"] if group else given.region.lower().replace(" ", "")
    if not region:
        print(f"Resource group {given.group} does not exist: pass a region with -l.", file=sys.stderr)
        return 1
    target = Target(
        subscription=subscription,
        group=given.group,
        group_exists=group is not None,
        region=region,
        principal=parameters.get("operatorPrincipalId", ""),
        template=given.template,
        arguments=tuple(given.parameters),
        parameters=parameters,
    )
    found = []
    for check in checks(target):
        print(check, flush=True)
        found.append(check)
    problems = sum(check.ok is False for check in found)
    unknown = sum(check.ok is None for check in found)
    if problems:
        print(f"{problems} problem(s): a deployment would fail or do harm. Nothing was changed.", file=sys.stderr)
        return 1
    print(f"No problem was found; {unknown} check(s) could not be decided. Nothing was changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
