"""What deploy.sh takes out of answers of `az`, which it pipes in.

python -m infra.answers parameters FILE   (of a deployment; what of them goes on is written into FILE)
python -m infra.answers object-id         (of whom an access token was given to)
"""

import base64
import json
import re
import sys
from pathlib import Path

TEMPLATE = Path(__file__).with_name("main.bicep")
FRESH = {"packageVersion", "operatorPrincipalId", "operatorPrincipalType"}
"""Worked out afresh by each deployment."""


def carried(parameters: dict[str, dict[str, object]]) -> dict[str, object]:
    """A parameters file with what an earlier deployment was given and main.bicep still takes."""
    taken = set(re.findall(r"^param (\w+)", TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE)) - FRESH
    # Azure does not tell the value of a secure parameter.
    values = {
        name: {"value": said["value"]}
        for name, said in sorted(parameters.items())
        if name in taken and said.get("value") is not None
    }
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
    return {"$schema": schema, "contentVersion": "1.0.0.0", "parameters": values}


def object_id(token: str) -> str:
    """Whom a token was given to; in it already, so Microsoft Graph, which a workflow may not ask, is not needed."""
    try:
        payload = token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["oid"])
    except (IndexError, ValueError, KeyError, TypeError):
        raise LookupError("the access token of az names no object id") from None


def main(arguments: list[str]) -> int:
    match arguments:
        case ["parameters", file]:
            content = json.dumps(carried(json.load(sys.stdin)), indent=2)
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
