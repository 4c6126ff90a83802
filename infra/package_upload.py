"""Uploads an application package to a Batch account: python -m infra.package_upload GROUP ACCOUNT VERSION FILE

Creates the version, uploads the file and activates it, as three calls of `az`: `az batch application package create`
uploads without a credential, which an account with keys disabled rejects. Standard library only. It may be repeated
after a failure at any point. Waits GIFDROP_WAIT_SECONDS (10) between GIFDROP_ATTEMPTS (30) attempts.
"""

import os
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from infra.az import AzError, az
from infra.az_output import object_id
from infra.failures import Kind

APPLICATION = "gifdrop"
API_VERSION = "2024-07-01"
UPLOADER_ROLE = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
"""Storage Blob Data Contributor, for whoever deploys, on the account of packages."""
MAX_VERSIONS = 40
"""Batch's limit for an application: https://learn.microsoft.com/azure/batch/batch-quota-limit"""
PRUNE_VERSIONS = 30
"""Versions of an application at which old ones are deleted."""
KEEP_VERSIONS = 10
"""The newest versions are kept for a rollback."""
DEPLOYED_VERSIONS = (
    "reverse(sort_by([?properties.provisioningState=='Succeeded' && properties.outputs.functionApp],"
    f" &properties.timestamp))[:{KEEP_VERSIONS}].properties.parameters.packageVersion.value"
)
"""The versions in the last deployments of main.bicep, which the app's settings or a rollback may name."""
NOT_FOUND = 3  # az's exit code for a resource that does not exist


def flat(resource: Mapping[str, Any]) -> dict[str, Any]:
    """A resource with its `properties` at the top, where some versions of az print them."""
    return {**resource, **(resource.get("properties") or {})}


def deletable(versions: Sequence[Mapping[str, Any]], used: Collection[str]) -> list[str]:
    """Names of the versions to delete, oldest first: all but the newest and those that a task names.

    versions: As `az batch application package list` prints them.
    used: Names of versions to keep, in any case of letters.
    """
    newest = sorted(map(flat, versions), key=lambda item: item.get("lastActivationTime") or "", reverse=True)
    kept = {name.lower() for name in used}
    return [item["name"] for item in reversed(newest[KEEP_VERSIONS:]) if item["name"].lower() not in kept]


class Account:
    """A Batch account, and the version of the package to upload to it."""

    def __init__(self, group: str, name: str, version: str) -> None:
        self.group, self.name, self.version = group, name, version

    def _application(self) -> tuple[str, ...]:
        return ("--resource-group", self.group, "--name", self.name, "--application-name", APPLICATION)

    def _package(self, version: str) -> tuple[str, ...]:
        return ("--version-name", version, *self._application())

    def _allow_updates(self) -> None:
        """Applications of older deployments allow neither replacing nor deleting a version."""
        az("batch", "application", "set", "--allow-updates", "true", *self._application())

    def _delete(self, version: str) -> None:
        az("batch", "application", "package", "delete", "--yes", *self._package(version))

    def state(self) -> str:
        """`active`, `pending`, or empty if the version does not exist."""
        try:
            return str(
                flat(az("batch", "application", "package", "show", *self._package(self.version)))["state"]
            ).lower()
        except AzError as error:
            if error.returncode == NOT_FOUND:
                return ""
            raise

    def upload(self, file: str) -> None:
        """One attempt. Raises AzError."""
        if self.state() == "pending":
            # An earlier attempt ended between two steps.
            self._allow_updates()
            self._delete(self.version)
        path = (
            f"/subscriptions/{{subscriptionId}}/resourceGroups/{self.group}/providers/Microsoft.Batch/batchAccounts/"
            f"{self.name}/applications/{APPLICATION}/versions/{self.version}?api-version={API_VERSION}"
        )
        created = az("rest", "--method", "put", "--url", path, "--body", "{}")
        self._upload_blob(file, flat(created)["storageUrl"])
        az("batch", "application", "package", "activate", "--format", "zip", *self._package(self.version))

    def _upload_blob(self, file: str, storage_url: str) -> None:
        url = urlsplit(storage_url)
        storage = (url.hostname or "").partition(".")[0]
        container, _, blob = unquote(url.path).lstrip("/").partition("/")
        place = ("--account-name", storage, "--container-name", container, "--name", blob)
        command = ("storage", "blob", "upload", *place, "--file", file, "--overwrite", "--no-progress")
        if url.query:
            # Through the environment: an argument would be visible in the process list.
            az(*command, environment={"AZURE_STORAGE_SAS_TOKEN": url.query})
            return
        # Batch returns a URL without a signature if its storage account is not used by key.
        self._allow_upload(storage)
        az(*command, "--auth-mode", "login")

    def _allow_upload(self, storage: str) -> None:
        """Grant the deploying principal the right to write packages; it takes effect after a while."""
        scope = az("storage", "account", "show", "--resource-group", self.group, "--name", storage)["id"]
        user = az("account", "show")["user"]["type"]
        principal = object_id(az("account", "get-access-token")["accessToken"])
        kind = "ServicePrincipal" if user == "servicePrincipal" else "User"
        try:
            az(
                *("role", "assignment", "create", "--role", UPLOADER_ROLE, "--scope", scope),
                *("--assignee-object-id", principal, "--assignee-principal-type", kind),
            )
        except AzError as error:
            print(f"Could not grant the right to upload to {storage}; it may exist already. {error}", file=sys.stderr)

    def prune(self) -> None:
        """Delete old versions if there are many. Keeps all if it cannot learn which of them tasks name."""
        versions = az("batch", "application", "package", "list", *self._application()) or []
        if len(versions) < PRUNE_VERSIONS:
            return
        try:
            used = self._used_versions() | {self.version}
        except AzError:
            print(
                f"{self.name} has {len(versions)} of {MAX_VERSIONS} versions of the package. None was deleted because "
                "tasks cannot be listed: delete old ones with az batch application package delete",
                file=sys.stderr,
            )
            return
        names = deletable(versions, used)
        if names:
            self._allow_updates()
        for name in names:
            self._delete(name)
            print(f"Deleted package {name}, which no task names, from Batch account {self.name}")

    def _used_versions(self) -> set[str]:
        """The versions that the last deployments name, or tasks which are not yet completed."""
        deployed = az("deployment", "group", "list", "--resource-group", self.group, "--query", DEPLOYED_VERSIONS)
        account = flat(az("batch", "account", "show", "--resource-group", self.group, "--name", self.name))
        place = ("--account-name", self.name, "--account-endpoint", account["accountEndpoint"])
        used = {str(version) for version in deployed or []}
        for job in az("batch", "job", "list", *place) or []:
            tasks = az("batch", "task", "list", "--job-id", job["id"], "--filter", "state ne 'completed'", *place)
            for task in tasks or []:
                used |= {str(item["version"]) for item in task.get("applicationPackageReferences") or []}
        return used


def upload(account: Account, file: str, *, attempts: int, wait_seconds: float) -> None:
    """Upload unless the version is active. Raises RuntimeError after the last attempt."""
    for attempt in range(attempts):
        if attempt:
            time.sleep(wait_seconds)
        try:
            if account.state() == "active":
                print(f"Batch account {account.name} has package {account.version}")
                return
            if not attempt:
                account.prune()
            account.upload(file)
        except AzError as error:
            print(f"Attempt {attempt + 1} of {attempts} failed. {error}", file=sys.stderr)
            if error.kind in (Kind.DENIED, Kind.SIGNED_OUT):
                break
        else:
            print(f"Uploaded package {account.version} to Batch account {account.name}")
            return
    raise RuntimeError(f"package {account.version} was not uploaded to Batch account {account.name}")


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    group, name, version, file = arguments
    attempts = int(os.environ.get("GIFDROP_ATTEMPTS", "30"))
    try:
        upload(
            Account(group, name, version),
            file,
            attempts=attempts,
            wait_seconds=float(os.environ.get("GIFDROP_WAIT_SECONDS", "10")),
        )
    except (RuntimeError, LookupError) as error:
        print(f"{error}. Run the same command again; what was left behind is replaced.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
