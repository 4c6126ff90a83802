"""Stands in for `az`, `func` and `azd`: records calls, keeps as much state as the scripts ask for, fails when told to.

Reads STAND_IN (a folder): `fail` holds the beginning of a command that fails, `calls` gets a JSON line for each call.
"""

import base64
import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

HOME = Path(os.environ.get("STAND_IN", "."))
SECRET = "the-function-key-which-nobody-may-see"  # noqa: S105  # what must not turn up anywhere

OPERATOR = "11111111-2222-3333-4444-555555555555"
PAYLOAD = base64.urlsafe_b64encode(json.dumps({"oid": OPERATOR}).encode()).decode().rstrip("=")
TOKEN = f"header.{PAYLOAD}.a-signature-which-nobody-may-see"


def done(name: str) -> bool:
    return (HOME / name).exists()


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1] if name in arguments else ""


def deployments() -> dict[str, Any]:
    """Name -> whether it went well, and its parameters. Azure keeps one deployment of a name, the last."""
    path = HOME / "deployments"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def deploy(arguments: list[str], *, good: bool) -> None:
    parameters: dict[str, Any] = {"secret": {"type": "SecureString"}}
    first = arguments.index("--parameters") + 1
    for item in itertools.takewhile(lambda word: not word.startswith("--"), arguments[first:]):
        if item.startswith("@"):
            parameters |= json.loads(Path(item[1:]).read_text(encoding="utf-8"))["parameters"]
        else:
            name, _, value = item.partition("=")
            parameters[name] = {"type": "String", "value": value}
    known = deployments() | {option(arguments, "--name"): {"good": good, "parameters": parameters}}
    (HOME / "deployments").write_text(json.dumps(known), encoding="utf-8")


def last_good() -> str:
    names = [name for name, item in deployments().items() if item["good"] and name.startswith("gifdrop-main")]
    return names[-1] if names else ""


def answer(command: str, arguments: list[str]) -> str:
    """What the real command would print, for the commands whose output is read."""
    if command.startswith("az version"):
        return "2.77.0" if done("broken") else "2.91.0"
    if command.startswith("az account show --query user.type"):
        return "servicePrincipal" if done("workflow") else "user"
    if command.startswith("az account get-access-token"):
        return TOKEN
    if command.startswith("az account show"):
        return "Visual Studio Enterprise"
    if command.startswith("az provider list"):
        return "Microsoft.Quantum" if done("registered") else "Microsoft.Quantum\nmicrosoft.batch"
    if command.startswith("az provider register"):
        (HOME / "registered").touch()
    if command.startswith("az group exists"):
        return "true" if done("group") else "false"
    if command.startswith("az group create"):
        (HOME / "group").touch()
    if command.startswith("az group delete"):
        (HOME / "group").unlink()
    if command.startswith("az resource list"):
        return "Microsoft.Batch/batchAccounts\tgifdropabc"
    if command.startswith("az deployment group create"):
        deploy(arguments, good=True)
    if command.startswith("az deployment group list") and last_good():
        names = [last_good(), "gifdrop-abcdef", os.environ["STAND_IN_URL"], "gifdropabcdata", "gifdrop-abcdef-blobs"]
        return "\n".join(names)
    if command.startswith("az deployment group show"):
        return json.dumps(deployments()[option(arguments, "--name")]["parameters"])
    if command.startswith("az batch account list") and last_good():
        return "gifdropabc"
    if command.startswith("az batch application package show"):
        return "Active" if done("package") else ""
    if command.startswith("az batch application package create"):
        (HOME / "package").touch()
    if command.startswith("az functionapp keys list"):
        return SECRET
    return ""


def main() -> int:
    tool = Path(sys.argv[0]).name
    arguments = sys.argv[1:]
    command = " ".join([tool, *arguments])
    with (HOME / "calls").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps([tool, *arguments]) + "\n")
    fail = HOME / "fail"
    if fail.exists() and command.startswith(fail.read_text()):
        print(f"ERROR: {tool} was told to fail", file=sys.stderr)
        if command.startswith("az deployment group create"):
            deploy(arguments, good=False)
        return 1
    if command.startswith("az batch application package show") and not done("package"):
        return 3
    if command.startswith("az ad "):
        print("ERROR: Insufficient privileges to complete the operation.", file=sys.stderr)
        return 1
    if command.startswith("az functionapp function show") and not done("published"):
        return 3
    if command.startswith("func azure functionapp publish"):
        (HOME / "published").touch()
    print(answer(command, arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
