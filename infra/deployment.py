"""What is deployed in a resource group: the outputs, parameters and app settings of the last deployment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.az import az


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What the last successful deployment of main.bicep made."""

    group: str
    subscription: str
    outputs: Mapping[str, Any]
    parameters: Mapping[str, Any]
    settings: Mapping[str, str]
    """The app's settings."""

    def output(self, name: str) -> str:
        return str(self.outputs[name])

    @property
    def scope(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"

    @property
    def account_id(self) -> str:
        return f"{self.scope}/providers/Microsoft.Batch/batchAccounts/{self.output('batchAccount')}"


def read_deployment(group: str) -> Deployment:
    """Raises AzError, or LookupError if nothing is deployed."""
    subscription = az("account", "show")["id"]
    deployments = az("deployment", "group", "list", "--resource-group", group)
    found = sorted(
        (
            item["properties"]
            for item in deployments
            if item["properties"]["provisioningState"] == "Succeeded"
            and "functionApp" in (item["properties"].get("outputs") or {})
        ),
        key=lambda properties: str(properties["timestamp"]),
    )
    if not found:
        raise LookupError(f"No deployment has succeeded in {group}: run 'infra/deploy.sh -g {group}'.")
    outputs = {name: item["value"] for name, item in found[-1]["outputs"].items()}
    settings = az(
        *("functionapp", "config", "appsettings", "list", "--resource-group", group, "--name", outputs["functionApp"])
    )
    return Deployment(
        group=group,
        subscription=subscription,
        outputs=outputs,
        parameters={name: item.get("value") for name, item in (found[-1].get("parameters") or {}).items()},
        settings={item["name"]: item["value"] for item in settings or []},
    )
