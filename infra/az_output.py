"""Parses output of `az` that deploy.sh pipes in.

python -m infra.az_output parameters FILE   (stdin: a deployment's parameters; FILE gets those to pass on)
python -m infra.az_output object-id         (stdin: an access token; prints the object id of its principal)
python -m infra.az_output azd-resets        (stdin: a deployment's parameters; fails if `azd up` would change one)
"""

import base64
import json
import re
import sys
from pathlib import Path

TEMPLATE = Path(__file__).with_name("main.bicep")
AZD_PARAMETERS = Path(__file__).with_name("main.parameters.json")
COMPUTED_PARAMETERS = {"packageVersion", "operatorPrincipalId", "operatorPrincipalType", "deployedAt"}
"""Parameters that are computed for each deployment, by deploy.sh or by the template."""


def parameters_file(deployed: dict[str, dict[str, object]]) -> dict[str, object]:
    """The content of a parameters file: values of an earlier deployment that main.bicep still accepts."""
    accepted = set(re.findall(r"^param (\w+)", TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE))
    if not deployed.get("monthlyBudget", {}).get("value"):
        # Azure accepts only the present month as the start of a new budget.
        accepted.discard("budgetStart")
    # Azure does not return the values of secure parameters.
    values = {
        name: {"value": parameter["value"]}
        for name, parameter in sorted(deployed.items())
        if name in accepted - COMPUTED_PARAMETERS and parameter.get("value") is not None
    }
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
    return {"$schema": schema, "contentVersion": "1.0.0.0", "parameters": values}


def azd_resets(deployed: dict[str, dict[str, object]], chosen: dict[str, dict[str, object]]) -> list[str]:
    """The lines that main.parameters.json lacks: parameters of the deployment that `azd up` would reset to a default.

    deployed: The parameters of the last deployment.
    chosen: Those of main.parameters.json, which `azd up` uses alone.
    """
    declared = re.findall(r"^param (\w+) \S+ = (.+)$", TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE)
    lines = []
    for name, default in declared:
        value = deployed.get(name, {}).get("value")
        if value is None or name in chosen or name in COMPUTED_PARAMETERS or _same(value, default):
            continue
        # An expression, such as the group's location, is what the deployment was made with.
        if re.fullmatch(r"-?\d+|true|false|'[^']*'|\[.*\]|\{.*\}", default):
            lines.append(f'"{name}": {{ "value": {json.dumps(_typed(value, default))} }}')
    return lines


def _typed(value: object, default: str) -> object:
    """The value as its parameter's type, which the default shows; az passes NAME=VALUE as text."""
    if not isinstance(value, str) or default.startswith("'"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _same(value: object, default: str) -> bool:
    if default.startswith("'"):
        return value == default.strip("'")
    try:
        return bool(_typed(value, default) == json.loads(default.replace("'", '"')))
    except ValueError:
        return False


def object_id(token: str) -> str:
    """The `oid` claim of an access token; avoids a call to Microsoft Graph, which a workflow may not make.

    Raises LookupError if there is none.
    """
    try:
        payload = token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["oid"])
    except (IndexError, ValueError, KeyError, TypeError):
        raise LookupError("the access token from az has no object id") from None


def main(arguments: list[str]) -> int:
    match arguments:
        case ["parameters", file]:
            content = json.dumps(parameters_file(json.load(sys.stdin)), indent=2)
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text(content + "\n", encoding="utf-8")
            return 0
        case ["azd-resets"]:
            chosen = json.loads(AZD_PARAMETERS.read_text(encoding="utf-8"))["parameters"]
            if lines := azd_resets(json.load(sys.stdin), chosen):
                print(
                    "azd up would undo settings of the last deployment, because it uses only infra/main.parameters.json"
                    " (private storage would be open to the internet, for example). Nothing was changed. Either add"
                    " these lines to that file, with the values that you want, or use infra/deploy.sh, which keeps"
                    " them:",
                    *(f"    {line}," for line in lines),
                    sep="\n",
                    file=sys.stderr,
                )
                return 1
            return 0
        case ["object-id"]:
            try:
                print(object_id(sys.stdin.read().strip()))
            except LookupError as error:
                print(error, file=sys.stderr)
                return 1
            return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
