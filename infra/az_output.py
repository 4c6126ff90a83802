"""Parses output of `az` that deploy.sh pipes in.

python -m infra.az_output parameters FILE   (stdin: a deployment's parameters; FILE gets those to pass on)
python -m infra.az_output object-id         (stdin: an access token; prints the object id of its principal)
"""

import base64
import json
import re
import sys
from pathlib import Path

TEMPLATE = Path(__file__).with_name("main.bicep")
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
