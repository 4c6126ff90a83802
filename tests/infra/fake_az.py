"""A fake of `az`, `func` and `azd`: records calls, keeps the state that the scripts query, fails on request.

Its state is in the folder FAKE_AZ_HOME: a command that starts with the content of `fail` fails, and `calls` gets a
JSON line per call.
"""

import base64
import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

HOME = Path(os.environ.get("FAKE_AZ_HOME", "."))
SECRET = "the-secret-function-key"  # noqa: S105  # a fake that tests look for in output

OPERATOR = "11111111-2222-3333-4444-555555555555"
PAYLOAD = base64.urlsafe_b64encode(json.dumps({"oid": OPERATOR}).encode()).decode().rstrip("=")
TOKEN = f"header.{PAYLOAD}.secret-signature"


def is_set(flag: str) -> bool:
    return (HOME / flag).exists()


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1] if name in arguments else ""


def deployments() -> dict[str, Any]:
    """Per name: whether it succeeded, and its parameters. Like Azure, keeps only the last deployment of a name."""
    path = HOME / "deployments"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def deploy(arguments: list[str], *, succeeded: bool) -> None:
    parameters: dict[str, Any] = {"secret": {"type": "SecureString"}}
    first = arguments.index("--parameters") + 1
    for item in itertools.takewhile(lambda word: not word.startswith("--"), arguments[first:]):
        if item.startswith("@"):
            parameters |= json.loads(Path(item[1:]).read_text(encoding="utf-8"))["parameters"]
        else:
            name, _, value = item.partition("=")
            parameters[name] = {"type": "String", "value": value}
    known = deployments() | {option(arguments, "--name"): {"succeeded": succeeded, "parameters": parameters}}
    (HOME / "deployments").write_text(json.dumps(known), encoding="utf-8")


def last_succeeded() -> str:
    names = [name for name, item in deployments().items() if item["succeeded"] and name.startswith("gifdrop-main")]
    return names[-1] if names else ""


def output(command: str, arguments: list[str]) -> str:
    """What the real command prints, for commands whose output the scripts read."""
    if command.startswith("az version"):
        return "2.77.0" if is_set("broken") else "2.91.0"
    if command.startswith("az account show --query user.type"):
        return "servicePrincipal" if is_set("workflow") else "user"
    if command.startswith("az account get-access-token"):
        return TOKEN
    if command.startswith("az account show"):
        return "Visual Studio Enterprise"
    if command.startswith("az provider list"):
        return "Microsoft.Quantum" if is_set("registered") else "Microsoft.Quantum\nmicrosoft.batch"
    if command.startswith("az provider register"):
        (HOME / "registered").touch()
    if command.startswith("az group exists"):
        return "true" if is_set("group") else "false"
    if command.startswith("az group create"):
        (HOME / "group").touch()
    if command.startswith("az group delete"):
        (HOME / "group").unlink()
    if command.startswith("az resource list"):
        return "Microsoft.Batch/batchAccounts\tgifdropabc"
    if command.startswith("az deployment group create"):
        deploy(arguments, succeeded=True)
    if command.startswith("az deployment group list") and last_succeeded():
        names = [
            last_succeeded(),
            "gifdrop-abcdef",
            os.environ["FAKE_AZ_APP_URL"],
            "gifdropabcdata",
            "gifdrop-abcdef-blobs",
        ]
        return "\n".join(names)
    if command.startswith("az deployment group show"):
        return json.dumps(deployments()[option(arguments, "--name")]["parameters"])
    if command.startswith("az batch account list") and last_succeeded():
        return "gifdropabc"
    if command.startswith("az batch application package show"):
        return "Active" if is_set("package") else ""
    if command.startswith("az batch application package create"):
        (HOME / "package").touch()
    if command.startswith("az functionapp keys list"):
        return SECRET
    return ""


def respond(tool: str, arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, output and error output of a command."""
    command = " ".join([tool, *arguments])
    with (HOME / "calls").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps([tool, *arguments]) + "\n")
    fail = HOME / "fail"
    if fail.exists() and command.startswith(fail.read_text()):
        if command.startswith("az deployment group create"):
            deploy(arguments, succeeded=False)
        return 1, "", f"ERROR: {tool} fails as requested"
    if command.startswith("az batch application package show") and not is_set("package"):
        return 3, "", ""
    if command.startswith("az ad "):
        return 1, "", "ERROR: Insufficient privileges to complete the operation."
    if command.startswith("az functionapp function show"):
        missing = (HOME / "missing").read_text(encoding="utf-8") if is_set("missing") else ""
        if not is_set("published") or option(arguments, "--function-name") == missing:
            return 3, "", ""
    if command.startswith(("func azure functionapp publish", "az functionapp deployment source config-zip")):
        (HOME / "published").touch()
    return 0, output(command, arguments), ""


def main() -> int:
    code, out, error = respond(Path(sys.argv[0]).name, sys.argv[1:])
    if error:
        print(error, file=sys.stderr)
    if code == 0:
        print(out)
    return code


if __name__ == "__main__":
    sys.exit(main())
