"""Which rights and resource providers a deployment needs, and the commands that give them.

python -m infra.rights providers [NAME=VALUE]...   (prints the resource providers that these parameters use)
python -m infra.rights commands --subscription ID --group NAME [--create-group-in REGION] [PROVIDER]...
                                                   (prints the commands for a person who has the rights)
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

BASE_PROVIDERS = frozenset(
    {
        "Microsoft.Batch",
        "Microsoft.EventGrid",
        "Microsoft.Insights",
        "Microsoft.ManagedIdentity",
        "Microsoft.OperationalInsights",
        "Microsoft.Storage",
        "Microsoft.Web",
    }
)
OPTIONAL_PROVIDERS: Mapping[str, tuple[str, frozenset[str]]] = {
    "privateNetworking": ("true", frozenset({"Microsoft.Network", "Microsoft.App"})),
    "limitNodeEgress": ("true", frozenset({"Microsoft.Network"})),
    "monthlyBudget": ("*", frozenset({"Microsoft.Consumption"})),
    "poolAllocationMode": ("UserSubscription", frozenset({"Microsoft.KeyVault", "Microsoft.Compute"})),
}
"""Parameter -> its value that needs more resource providers (`*`: any number but 0), and which."""

GROUP_ACTIONS = (
    "Microsoft.Resources/deployments/write",
    "Microsoft.Storage/storageAccounts/write",
    "Microsoft.Batch/batchAccounts/pools/write",
    "Microsoft.Web/sites/write",
    "Microsoft.Web/sites/host/listkeys/action",
    "Microsoft.EventGrid/systemTopics/eventSubscriptions/write",
    "Microsoft.Authorization/roleAssignments/write",
)
"""What a deployment does in its resource group, one action of each kind."""
ROLE_DEFINITION = "Microsoft.Authorization/roleDefinitions/write"
"""Also needed, unless createRoles is false."""


def providers(parameters: Mapping[str, str]) -> list[str]:
    """The resource providers that a deployment with these parameters uses."""
    needed = set(BASE_PROVIDERS)
    for name, (value, more) in OPTIONAL_PROVIDERS.items():
        given = parameters.get(name, "0").strip("'\"").lower()
        if given == value.lower() or (value == "*" and given != "0"):
            needed |= more
    return sorted(needed)


def missing_actions(permissions: Sequence[Mapping[str, Sequence[str]]], wanted: Sequence[str]) -> list[str]:
    """The actions that no permission allows. A permission allows its `actions` without its `notActions`."""

    def allows(permission: Mapping[str, Sequence[str]], action: str) -> bool:
        def matches(kind: str) -> bool:
            return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in permission.get(kind) or ())

        return matches("actions") and not matches("notActions")

    return [action for action in wanted if not any(allows(permission, action) for permission in permissions)]


def setup_commands(
    *,
    subscription: str,
    group: str,
    region: str,
    principal: str,
    unregistered: Sequence[str],
    group_exists: bool,
    principal_type: str = "User",
) -> list[str]:
    """What an owner of the subscription runs for a deployer who has rights in the resource group only."""
    commands = [
        f"az provider register --subscription {subscription} --namespace {name} --wait" for name in unregistered
    ]
    if not group_exists:
        commands.append(f"az group create --subscription {subscription} --name {group} --location {region or 'REGION'}")
        commands += grant_commands(
            subscription=subscription, group=group, principal=principal, principal_type=principal_type
        )
    return commands


def grant_commands(*, subscription: str, group: str, principal: str, principal_type: str = "User") -> list[str]:
    """How an owner of the group gives a deployer what it needs, and no more: by infra/deployer.bicep."""
    return [
        (
            f"az deployment group create --subscription {subscription} --resource-group {group}"
            " --template-file infra/deployer.bicep --parameters"
            f" deployerPrincipalId={principal or 'OBJECT_ID'} deployerPrincipalType={principal_type}"
        ),
    ]


def right_commands(command: Sequence[str], output: str) -> list[str]:
    """Who has to run what so that a refused command succeeds, from the command and its error output."""
    action = _found(r"action '([^']+)'", output)
    scope = _found(r"scope '(/[^']+)'", output)
    subscription = _found(r"/subscriptions/([0-9a-fA-F-]{36})", output) or "SUBSCRIPTION_ID"
    principal = _found(r"object id '([^']+)'", output)
    group = _option(command, "--resource-group") or _option(command, "--name") or "GROUP"
    words = " ".join(command)
    what = f"It refused the action {action} on {scope}." if action and scope else ""
    lines = [what] if what else []
    if "provider" in command[:3]:
        namespace = _option(command, "--namespace")
        which = [namespace] if namespace else providers({})
        lines.append("Ask an owner or contributor of the subscription to run:")
        lines += [f"  az provider register --subscription {subscription} --namespace {name} --wait" for name in which]
    elif words.startswith("az group create"):
        lines.append("Ask an owner of the subscription to run:")
        lines += [
            f"  {line}"
            for line in setup_commands(
                subscription=subscription,
                group=group,
                region=_option(command, "--location"),
                principal=principal,
                unregistered=[],
                group_exists=False,
            )
        ]
        lines.append("Then run the same command with -p createRoles=false.")
    elif words.startswith("az storage blob"):
        lines.append("The step 'infra' makes the person who deploys the operator, who may upload: run it first.")
        lines.append("Ask an owner of the group to run, if that is not possible:")
        account = _option(command, "--account-name") or "ACCOUNT"
        lines.append(
            f"  az role assignment create --role 'Storage Blob Data Contributor' --assignee {principal or 'OBJECT_ID'}"
            f" --scope $(az storage account show --name {account} --query id --output tsv)"
        )
    else:
        lines.append(f"Ask an owner of the resource group {group} to run:")
        lines += [f"  {line}" for line in grant_commands(subscription=subscription, group=group, principal=principal)]
        lines.append("Then run the same command with -p createRoles=false.")
    return lines


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""


def _option(command: Sequence[str], name: str) -> str:
    words = list(command)
    return words[words.index(name) + 1] if name in words[:-1] else ""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("providers")
    listing.add_argument("parameters", nargs="*")
    setup = commands.add_parser("commands")
    setup.add_argument("--subscription", required=True)
    setup.add_argument("--group", required=True)
    setup.add_argument("--create-group-in", default="")
    setup.add_argument("--principal", default="")
    setup.add_argument("--principal-type", default="User")
    setup.add_argument("unregistered", nargs="*")
    given = parser.parse_args(arguments)
    if given.command == "providers":
        print("\n".join(providers(dict(item.partition("=")[::2] for item in given.parameters))))
        return 0
    print("Ask an owner of the subscription (or a contributor who is also its user access administrator) to run:")
    for line in setup_commands(
        subscription=given.subscription,
        group=given.group,
        region=given.create_group_in,
        principal=given.principal,
        principal_type=given.principal_type,
        unregistered=given.unregistered,
        group_exists=not given.create_group_in,
    ):
        print(f"  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
