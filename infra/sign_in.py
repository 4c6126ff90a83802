"""The app registration with which people sign in: creates it, prints the commands that do, and checks it.

python -m infra.sign_in register GROUP   (needs the right to register applications in Entra ID)
python -m infra.sign_in commands GROUP   (prints the same as commands, for a person who has that right)
python -m infra.sign_in probe URL        (whether the app believes a client that pretends to have signed in)
"""

import base64
import json
import shlex
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.az import AzError, az
from infra.deployment import read_deployment
from infra.failures import Kind
from shared.api.access import OPERATOR, PRINCIPAL_HEADER, PROVIDER, VIEWER
from shared.api.health.finding import Finding

CALLBACK = "/.auth/login/aad/callback"
EVENT_GRID_PATH = "/runtime/webhooks/eventgrid"
AUDIENCE = "api://AzureADTokenExchange"
CREDENTIAL = "gifdrop-app"
GRAPH = "https://graph.microsoft.com/v1.0"
ROLE_IDS = {VIEWER: "8ad0f6bd-6d35-4e1c-9b5a-0c1f0a4c7d01", OPERATOR: "8ad0f6bd-6d35-4e1c-9b5a-0c1f0a4c7d02"}
"""Ids of the app roles, the same in every registration."""
_DESCRIPTIONS = {VIEWER: "See videos, GIFs and health.", OPERATOR: "See everything; retry, upload and delete videos."}
PROBE_SECONDS = 30.0
SETTINGS_API = "2024-11-01"


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What the registration of a deployment says."""

    function_app: str
    url: str
    """Of the function app."""
    tenant: str
    principal: str
    """Object id of the app's identity, whose tokens replace a client secret."""

    @property
    def name(self) -> str:
        return f"gifdrop {self.function_app}"

    @property
    def options(self) -> list[str]:
        """The options of `az ad app create` and `az ad app update`."""
        roles = [
            {
                "allowedMemberTypes": ["User"],
                "description": _DESCRIPTIONS[role],
                "displayName": role,
                "id": id_,
                "isEnabled": True,
                "value": role,
            }
            for role, id_ in ROLE_IDS.items()
        ]
        # User.Read of Microsoft Graph: without any permission, Entra ID refuses the sign-in (AADSTS650056).
        access = [
            {
                "resourceAppId": "00000003-0000-0000-c000-000000000000",
                "resourceAccess": [{"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "Scope"}],
            }
        ]
        return [
            *("--display-name", self.name, "--sign-in-audience", "AzureADMyOrg"),
            *("--web-redirect-uris", f"{self.url}{CALLBACK}", "--enable-id-token-issuance", "true"),
            *("--app-roles", json.dumps(roles), "--required-resource-accesses", json.dumps(access)),
        ]

    @property
    def credential(self) -> dict[str, Any]:
        """The federated credential: tokens of the app's identity stand for the registration."""
        issuer = f"https://login.microsoftonline.com/{self.tenant}/v2.0"
        return {"name": CREDENTIAL, "issuer": issuer, "subject": self.principal, "audiences": [AUDIENCE]}


def commands(of: Registration, operator: str = "OBJECT_ID") -> list[str]:
    """What a person who may register applications runs. `operator` is the object id of the first operator."""
    body = f'{{"principalId": "{operator}", "resourceId": "$SP_ID", "appRoleId": "{ROLE_IDS[OPERATOR]}"}}'
    escaped = body.replace('"', '\\"')
    return [
        f"APP_ID=$(az ad app create {shlex.join(of.options)} --query appId --output tsv)",
        'SP_ID=$(az ad sp create --id "$APP_ID" --query id --output tsv)',
        'az ad sp update --id "$SP_ID" --set appRoleAssignmentRequired=true',
        f'az ad app federated-credential create --id "$APP_ID" --parameters {shlex.quote(json.dumps(of.credential))}',
        f'az rest --method post --url "{GRAPH}/servicePrincipals/$SP_ID/appRoleAssignedTo" --body "{escaped}"',
        'echo "signInClientId=$APP_ID"',
    ]


def register(of: Registration) -> str:
    """Creates the registration, or updates it, makes the caller an operator, and returns the client id.

    Raises `AzError`. Running it again is harmless.
    """
    known = [item for item in az("ad", "app", "list", "--display-name", of.name) if item["displayName"] == of.name]
    if known:
        client_id = str(known[0]["appId"])
        az("ad", "app", "update", "--id", client_id, *of.options)
    else:
        client_id = str(az("ad", "app", "create", *of.options)["appId"])
    found = az("ad", "sp", "list", "--filter", f"appId eq '{client_id}'")
    service = str((found[0] if found else az("ad", "sp", "create", "--id", client_id))["id"])
    az("ad", "sp", "update", "--id", service, "--set", "appRoleAssignmentRequired=true")
    credentials = az("ad", "app", "federated-credential", "list", "--id", client_id)
    if not any(item["subject"] == of.principal for item in credentials):
        change = "update" if any(item["name"] == CREDENTIAL for item in credentials) else "create"
        which = ("--federated-credential-id", CREDENTIAL) if change == "update" else ()
        # The name cannot be changed.
        given = {key: value for key, value in of.credential.items() if change == "create" or key != "name"}
        az(
            *("ad", "app", "federated-credential", change, "--id", client_id, *which),
            *("--parameters", json.dumps(given)),
        )
    assigned = f"{GRAPH}/servicePrincipals/{service}/appRoleAssignedTo"
    me = str(az("ad", "signed-in-user", "show")["id"])
    held = az("rest", "--method", "get", "--url", assigned)["value"]
    if not any(item["principalId"] == me and item["appRoleId"] == ROLE_IDS[OPERATOR] for item in held):
        body = {"principalId": me, "resourceId": service, "appRoleId": ROLE_IDS[OPERATOR]}
        az("rest", "--method", "post", "--url", assigned, "--body", json.dumps(body))
    return client_id


def check_registration(
    app: Mapping[str, Any] | None, credentials: Sequence[Mapping[str, Any]], of: Registration
) -> list[Finding]:
    """Whether people can sign in with the registration `app`, `None` if there is none."""
    again = "Run 'infra/deploy.sh -g GROUP sign-in'."

    def problem(message: str) -> Finding:
        return Finding(name="sign-in", message=message, what_to_do=again)

    if app is None:
        return [problem("The app registration that signInClientId names does not exist.")]
    found = []
    web = app.get("web") or {}
    if f"{of.url}{CALLBACK}" not in (web.get("redirectUris") or ()):
        found.append(problem(f"The app registration lacks the redirect URI {of.url}{CALLBACK}."))
    if not (web.get("implicitGrantSettings") or {}).get("enableIdTokenIssuance"):
        found.append(problem("The app registration issues no ID tokens."))
    values = {role.get("value") for role in app.get("appRoles") or () if role.get("isEnabled")}
    missing = [role for role in ROLE_IDS if role not in values]
    if missing:
        found.append(problem(f"The app registration lacks the app role {' and '.join(missing)}."))
    if app.get("signInAudience") != "AzureADMyOrg":
        found.append(problem("The app registration admits people of other organizations."))
    if not any(item.get("subject") == of.principal and AUDIENCE in item.get("audiences", ()) for item in credentials):
        found.append(problem("The app registration does not trust the app's identity: no federated credential."))
    return found or [Finding(name="sign-in", message="The app registration fits the app.")]


def check_authentication(settings: Mapping[str, str], auth: Mapping[str, Any], client_id: str) -> list[Finding]:
    """Whether App Service authentication is as the app expects it.

    settings: The app's settings.
    auth: The properties of `authsettingsV2`.
    client_id: The parameter signInClientId.
    """
    enabled = bool((auth.get("platform") or {}).get("enabled"))
    validation = auth.get("globalValidation") or {}
    required = enabled and (
        validation.get("requireAuthentication")
        or validation.get("unauthenticatedClientAction", "AllowAnonymous") != "AllowAnonymous"
    )
    found = []
    again = "Run 'infra/deploy.sh -g GROUP infra'."
    if required:
        message = "App Service authentication requires a sign-in: callers with keys are refused."
        if EVENT_GRID_PATH not in (validation.get("excludedPaths") or ()):
            message = "App Service authentication requires a sign-in: Event Grid and callers with keys are refused."
        todo = "Allow unauthenticated access in the portal (app > Authentication), or run the step 'infra'."
        found.append(Finding(name="sign-in", message=message, what_to_do=todo))
    if settings.get("GIFDROP_SIGN_IN") != "on":
        return found or [Finding(name="sign-in", message="Sign-in is off: callers need keys.")]
    if not enabled or settings.get("WEBSITE_AUTH_ENABLED", "true").lower() == "false":
        message = "App Service authentication is off, so nobody can sign in."
        found.append(Finding(name="sign-in", message=message, what_to_do=again))
    entra = (auth.get("identityProviders") or {}).get("azureActiveDirectory") or {}
    actual = (entra.get("registration") or {}).get("clientId")
    if enabled and actual != client_id:
        message = f"App Service authentication uses the app registration {actual}, not {client_id}."
        found.append(Finding(name="sign-in", message=message, what_to_do=again))
    return found or [Finding(name="sign-in", message="App Service authenticates people and lets keys and events in.")]


def check_forged_principal(url: str) -> Finding:
    """Whether the app believes a client that sends the header of App Service itself, as a viewer would."""
    claims = [{"typ": "oid", "val": "00000000-0000-0000-0000-000000000000"}, {"typ": "roles", "val": VIEWER}]
    forged = base64.b64encode(json.dumps({"auth_typ": PROVIDER, "claims": claims}).encode()).decode()
    request = urllib.request.Request(f"{url.rstrip('/')}/api/user/me", headers={PRINCIPAL_HEADER: forged})  # noqa: S310  # the app's own address
    try:
        with urllib.request.urlopen(request, timeout=PROBE_SECONDS) as response:  # noqa: S310  # the app's own address
            believed = json.load(response).get("name") is not None
    except urllib.error.HTTPError:
        believed = False
    except (OSError, ValueError) as error:
        todo = "Check that the app is running and that your network reaches it."
        return Finding(name="sign-in", message=f"The app did not answer: {error}", what_to_do=todo)
    if believed:
        message = "ANYBODY CAN POSE AS A PERSON WHO HAS SIGNED IN: App Service passes on the headers of clients."
        todo = "At once: az functionapp config appsettings set -g GROUP -n NAME --settings GIFDROP_SIGN_IN=off."
        return Finding(name="sign-in", message=message, what_to_do=todo)
    return Finding(name="sign-in", message="A forged sign-in is refused.")


def read_registration(client_id: str) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The registration, `None` if there is none, and its federated credentials. Raises `AzError`."""
    found = az("ad", "app", "list", "--app-id", client_id)
    if not found:
        return None, []
    return found[0], az("ad", "app", "federated-credential", "list", "--id", client_id)


def read_authentication(scope: str, function_app: str) -> dict[str, Any]:
    """The properties of `authsettingsV2`. `scope` is the id of the resource group. Raises `AzError`."""
    site = f"https://management.azure.com{scope}/providers/Microsoft.Web/sites/{function_app}"
    url = f"{site}/config/authsettingsV2?api-version={SETTINGS_API}"
    return dict((az("rest", "--method", "get", "--url", url) or {}).get("properties") or {})


def registration_of(outputs: Mapping[str, Any]) -> Registration:
    """The registration that fits the outputs of main.bicep. Raises `AzError`, or `LookupError` if they lack some."""
    missing = [name for name in ("functionApp", "functionUrl", "appPrincipalId") if name not in outputs]
    if missing:
        raise LookupError(f"The last deployment has no output {', '.join(missing)}: run the step 'infra' first.")
    return Registration(
        function_app=str(outputs["functionApp"]),
        url=str(outputs["functionUrl"]),
        tenant=str(az("account", "show")["tenantId"]),
        principal=str(outputs["appPrincipalId"]),
    )


def main(arguments: list[str]) -> int:
    match arguments:
        case ["-h" | "--help"]:
            print(__doc__)
            return 0
        case ["probe", url]:
            finding = check_forged_principal(url)
            print(finding.message, finding.what_to_do or "", file=sys.stdout if finding.ok else sys.stderr)
            return 0 if finding.ok else 1
        case ["register" | "commands" as action, group]:
            return _register_or_print(action, group)
    print(__doc__, file=sys.stderr)
    return 2


def _register_or_print(action: str, group: str) -> int:
    try:
        of = registration_of(read_deployment(group).outputs)
    except (AzError, LookupError) as error:
        print(error, file=sys.stderr)
        return 1
    if action == "commands":
        print("\n".join(commands(of)))
        return 0
    try:
        client_id = register(of)
    except AzError as error:
        print(error, file=sys.stderr)
        if error.kind in (Kind.DENIED, Kind.REFUSED):
            print("Ask somebody who may register applications (an application developer) to run:", file=sys.stderr)
            print("\n".join(f"  {line}" for line in commands(of)), file=sys.stderr)
        return 1
    print(f"The app registration {of.name!r} has the client id {client_id}, and you are its operator. Next:")
    print(f"  infra/deploy.sh -g {group} -p signInClientId={client_id} infra")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
