"""Stands in for `az` and `func`: records each call, keeps as much state as the scripts ask for, fails when told to.

Reads STAND_IN (a folder): `fail` holds the beginning of a command that fails, `calls` gets a JSON line for each call.
"""

import json
import os
import sys
from pathlib import Path

HOME = Path(os.environ.get("STAND_IN", "."))
SECRET = "the-function-key-which-nobody-may-see"  # noqa: S105  # what must not turn up anywhere


def done(name: str) -> bool:
    return (HOME / name).exists()


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1] if name in arguments else ""


def answer(command: str, arguments: list[str]) -> str:
    """What the real command would print, for the commands whose output is read."""
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
    if command.startswith("az ad sp show"):
        return "99999999-2222-3333-4444-555555555555"
    if command.startswith("az ad signed-in-user show"):
        return "11111111-2222-3333-4444-555555555555"
    if command.startswith("az deployment group create"):
        (HOME / option(arguments, "--name")).touch()
    if command.startswith("az deployment group list") and done("gifdrop-main"):
        return "\n".join(["gifdrop-abcdef", os.environ["STAND_IN_URL"], "gifdropabcdata", "gifdrop-abcdef-blobs"])
    if command.startswith("az batch account list") and done("gifdrop-main"):
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
        return 1
    if command.startswith("az batch application package show") and not done("package"):
        return 3
    if command.startswith("az ad signed-in-user show") and done("nobody"):
        return 1
    if command.startswith("az functionapp function show") and not done("published"):
        return 3
    if command.startswith("func azure functionapp publish"):
        (HOME / "published").touch()
    print(answer(command, arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
