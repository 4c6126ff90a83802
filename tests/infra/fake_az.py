"""A fake of `az`, `func` and `azd`: records calls, keeps the state that the scripts query, fails on request.

Its state is in the folder `HOME`: a command that starts with the content of `fail` fails, with `fail-after` once
it has taken effect, and `calls` gets a JSON line per call. Versions of the application package go through the states of
Batch: pending once created, active once their file is uploaded and they are activated.
"""

import base64
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HOME = Path()
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


class RefusedError(Exception):
    """Azure refuses a request."""


def packages() -> dict[str, dict[str, Any]]:
    """Per version of the application package: `state`, `lastActivationTime` and whether its file is `uploaded`."""
    path = HOME / "packages"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def save_packages(known: dict[str, dict[str, Any]]) -> None:
    (HOME / "packages").write_text(json.dumps(known), encoding="utf-8")


def updates_allowed() -> bool:
    return not is_set("updates-refused")


def create_version(version: str) -> str:
    """A pending version and the URL for its file. Without keys, the URL has no signature."""
    known = packages()
    if version in known and not updates_allowed():
        raise RefusedError("(ApplicationPackageUpdateNotAllowed) The application does not allow updates.")
    if version not in known and len(known) >= 40:
        raise RefusedError("(ApplicationPackageQuotaReached) The application has 40 packages.")
    save_packages(known | {version: {"state": "Pending", "lastActivationTime": None, "uploaded": False}})
    signature = "?sig=secret" if is_set("storage-keys") else ""
    return f"https://gifdroppkgs.blob.core.windows.net/app-gifdrop/gifdrop-{version}{signature}"


def upload_blob(version: str, *, authenticated: bool) -> None:
    if not authenticated:
        raise RefusedError("(NoAuthenticationInformation) Server failed to authenticate the request.")
    known = packages()
    known[version]["uploaded"] = True
    save_packages(known)


def activate_version(version: str) -> None:
    known = packages()
    if not known.get(version, {}).get("uploaded"):
        raise RefusedError("(ApplicationPackageBlobNotFound) The package has not been uploaded.")
    known[version] |= {"state": "Active", "lastActivationTime": f"2026-11-21T00:00:{len(known):02}Z"}
    save_packages(known)


def application(command: str, arguments: list[str]) -> str:
    """`az batch application ...`"""
    version = option(arguments, "--version-name")
    if command.startswith("az batch application set"):
        (HOME / "updates-refused").unlink(missing_ok=True)
        return "{}"
    action = command.removeprefix("az batch application package ").partition(" ")[0]
    if action == "list":
        return json.dumps([{"name": name, "properties": item} for name, item in packages().items()])
    if action == "show":
        return json.dumps({"name": version, **packages()[version]})
    if action == "delete":
        if not updates_allowed():
            raise RefusedError("(ApplicationPackageDeleteNotAllowed) The application does not allow updates.")
        known = packages()
        del known[version]
        save_packages(known)
    if action == "create":  # what az 2.91 does: it uploads with whatever signature the URL has
        url = create_version(version)
        upload_blob(version, authenticated="?" in url)
        activate_version(version)
    if action == "activate":
        activate_version(version)
    return "{}"


def output(command: str, arguments: list[str], environment: Mapping[str, str]) -> str:
    """What the real command prints, for commands whose output the scripts read."""
    if command.startswith("az account show --query user.type"):
        return "servicePrincipal" if is_set("workflow") else "user"
    if command.startswith("az account get-access-token"):
        return TOKEN if "tsv" in arguments else json.dumps({"accessToken": TOKEN})
    if command.startswith("az account show") and "json" in arguments:
        return json.dumps({"user": {"type": "servicePrincipal" if is_set("workflow") else "user"}})
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
    if command.startswith("az lock list") and is_set("lock"):
        return "/subscriptions/0/locks/gifdrop"
    if command.startswith("az lock delete"):
        (HOME / "lock").unlink()
    if command.startswith("az group delete"):
        if is_set("lock"):
            raise RefusedError("(ScopeLocked) The scope cannot perform delete operation because it is locked.")
        (HOME / "group").unlink()
    if command.startswith("az resource list"):
        return "Microsoft.Batch/batchAccounts\tgifdropabc"
    if command.startswith("az deployment group create"):
        deploy(arguments, succeeded=True)
        if "warnings" in option(arguments, "--query"):
            return "alertEmails is empty" if not command.count("alertEmails=") else ""
    if command.startswith("az deployment group list") and "packageVersion" in option(arguments, "--query"):
        return (HOME / "deployed").read_text(encoding="utf-8") if is_set("deployed") else "[]"
    if command.startswith("az deployment group list") and last_succeeded():
        names = [
            last_succeeded(),
            "gifdrop-abcdef",
            environment["FAKE_AZ_APP_URL"],
            "gifdropabcdata",
            "gifdrop-abcdef-blobs",
            "gifdrop-new",
        ]
        return "\n".join(names)
    if command.startswith("az deployment group show"):
        return json.dumps(deployments()[option(arguments, "--name")]["parameters"])
    if command.startswith("az rest --method get") and "/pools?" in command:
        path = HOME / "pools"
        return json.dumps({"value": json.loads(path.read_text(encoding="utf-8")) if path.exists() else []})
    if command.startswith("az rest --method patch") and "/pools/" in command:
        known = json.loads((HOME / "pools").read_text(encoding="utf-8"))
        name = option(arguments, "--url").partition("/pools/")[2].partition("?")[0]
        change = json.loads(option(arguments, "--body"))["properties"]
        changed = [
            item | {"properties": item["properties"] | change} if item["name"] == name else item for item in known
        ]
        (HOME / "pools").write_text(json.dumps(changed), encoding="utf-8")
        return "{}"
    if command.startswith("az batch account list") and "tsv" not in arguments:
        return json.dumps([{"id": "/subscriptions/0/batchAccounts/gifdropabc", "name": "gifdropabc"}])
    if command.startswith("az batch account list") and last_succeeded():
        return "gifdropabc"
    if command.startswith("az batch application"):
        return application(command, arguments)
    if command.startswith("az rest --method put") and "/versions/" in command:
        version = option(arguments, "--url").partition("/versions/")[2].partition("?")[0]
        return json.dumps({"properties": {"storageUrl": create_version(version)}})
    if command.startswith("az storage account show"):
        return json.dumps({"id": f"/subscriptions/0/storageAccounts/{option(arguments, '--name')}"})
    if command.startswith("az storage blob upload") and option(arguments, "--container-name") == "app-gifdrop":
        by_token = option(arguments, "--auth-mode") == "login" and is_set("uploader")
        authenticated = by_token or "AZURE_STORAGE_SAS_TOKEN" in environment
        upload_blob(option(arguments, "--name").removeprefix("gifdrop-"), authenticated=authenticated)
    if command.startswith("az role assignment create"):
        (HOME / "uploader").touch()
    if command.startswith("az batch account show"):
        return json.dumps({"accountEndpoint": "gifdropabc.westeurope.batch.azure.com"})
    if command.startswith("az batch job list"):
        return json.dumps([{"id": "gifdrop-2026-11-21"}])
    if command.startswith("az batch task list"):
        used = (HOME / "used").read_text(encoding="utf-8").split() if is_set("used") else []
        return json.dumps([{"applicationPackageReferences": [{"version": version}]} for version in used])
    if command.startswith("az functionapp keys list"):
        return SECRET
    return ""


def respond(tool: str, arguments: list[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Exit code, output and error output of a command."""
    command = " ".join([tool, *arguments])
    with (HOME / "calls").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps([tool, *arguments]) + "\n")
    fail = HOME / "fail"
    failing = fail.exists() and command.startswith(fail.read_text())
    if failing and is_set("fail-after"):
        output(command, arguments, environment)
    if failing:
        if command.startswith("az deployment group create"):
            deploy(arguments, succeeded=False)
        return 1, "", f"ERROR: {tool} fails as requested"
    showing = command.startswith("az batch application package show")
    if showing and option(arguments, "--version-name") not in packages():
        return 3, "", ""
    if command.startswith("az ad "):
        return 1, "", "ERROR: Insufficient privileges to complete the operation."
    if command.startswith("az functionapp function show"):
        missing = (HOME / "missing").read_text(encoding="utf-8") if is_set("missing") else ""
        if not is_set("published") or option(arguments, "--function-name") == missing:
            return 3, "", ""
    if command.startswith(("func azure functionapp publish", "az functionapp deployment source config-zip")):
        (HOME / "published").touch()
    try:
        return 0, output(command, arguments, environment), ""
    except RefusedError as error:
        return 1, "", f"ERROR: {error}"
