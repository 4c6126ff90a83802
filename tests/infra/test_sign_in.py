"""Sign-in: Bicep, code and documentation agree; the app registration; what doctor and plan say about both."""

import json
import re
import shlex
import subprocess
import threading
from collections.abc import Iterator
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tree_sitter import Node

import function_app
from infra import plan, sign_in
from infra.check.syntax import literal, property_of, text
from infra.sign_in import (
    AUDIENCE,
    CALLBACK,
    CREDENTIAL,
    EVENT_GRID_PATH,
    ROLE_IDS,
    Registration,
    check_authentication,
    check_forged_principal,
    check_registration,
    commands,
    register,
)
from local.functions import sign_in as local_sign_in
from shared.api.access import OPERATOR, PRINCIPAL_HEADER, PROVIDER, ROLES
from shared.api.health.finding import Finding
from shared.settings import VARIABLES
from tests.infra.bicep import INFRA, ROOT, app_settings, declaration
from tests.infra.stand_ins import StandIns, stand_ins
from tests.support.fork_server import ForkServer

CLIENT_ID = "6a7e3f6e-3c51-4c8b-b8b6-0d6a1f6a2f11"
URL = "https://gifdrop-abcdef.azurewebsites.net"
FITS = Registration(function_app="gifdrop-abcdef", url=URL, tenant="tenant-id", principal="app-principal")


def auth_settings() -> Any:
    value = declaration("modules/app.bicep", "signIn").value
    return property_of(value, "properties")


def written(node: Node | None) -> str:
    assert node is not None
    return text(node)


def nested(*names: str) -> str:
    node = auth_settings()
    for name in names:
        node = property_of(node, name)
    return written(node)


def test_authentication_lets_event_grid_and_callers_with_keys_in() -> None:
    assert nested("globalValidation", "requireAuthentication") == "false"
    assert nested("globalValidation", "unauthenticatedClientAction") == "'AllowAnonymous'"
    assert nested("globalValidation", "excludedPaths") == f"['{EVENT_GRID_PATH}']"
    assert EVENT_GRID_PATH in (ROOT / "local" / "functions" / "host.py").read_text(encoding="utf-8")
    assert "/runtime/webhooks/eventgrid" in (ROOT / "local" / "services.py").read_text(encoding="utf-8")


def test_sign_in_is_off_by_default_and_then_changes_nothing() -> None:
    assert literal(declaration("main.bicep", "signInClientId").value) == ""
    app = (INFRA / "modules" / "app.bicep").read_text(encoding="utf-8")
    assert "resource signIn 'config' = if (!empty(signInClientId)) {" in app
    assert "union(platform, settings, empty(signInClientId) ? {} : signInSettings)" in app
    assert app_settings()["GIFDROP_SIGN_IN"] == "empty(signInClientId) ? 'off' : 'on'"
    assert VARIABLES["sign_in"][0] == "GIFDROP_SIGN_IN"


def test_app_trusts_app_service_only_after_it_authenticates() -> None:
    """The setting follows authsettingsV2; and the app also needs the variable that App Service sets."""
    value = declaration("modules/app.bicep", "appSettings").value
    assert written(property_of(value, "dependsOn")) == "[signIn]"
    assert VARIABLES["app_service_authentication"][0] == local_sign_in.VARIABLE == "WEBSITE_AUTH_ENABLED"
    assert "WEBSITE_AUTH_ENABLED" not in app_settings()


def test_there_is_no_client_secret() -> None:
    settings = declaration("modules/app.bicep", "signInSettings").value
    assert "'${secretSetting}': identityClientId" in written(settings)
    name = literal(declaration("modules/app.bicep", "secretSetting").value)
    assert name == "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID"
    registration = ("identityProviders", "azureActiveDirectory", "registration")
    assert nested(*registration, "clientSecretSettingName") == "secretSetting"
    assert nested(*registration, "clientId") == "signInClientId"
    assert nested("login", "tokenStore") == "{ enabled: false }"


def test_local_host_removes_and_sets_the_header_that_the_app_reads() -> None:
    assert PRINCIPAL_HEADER.startswith(local_sign_in.PREFIXES)
    assert PROVIDER == "aad"
    assert f"/.auth/login/{PROVIDER}/callback" == CALLBACK


def test_registration_has_the_roles_that_the_app_knows() -> None:
    assert tuple(ROLE_IDS) == ROLES
    options = FITS.options
    given = json.loads(options[options.index("--app-roles") + 1])
    assert {role["value"]: role["id"] for role in given} == ROLE_IDS
    page = (ROOT / "docs" / "access.md").read_text(encoding="utf-8")
    section = page.partition("## Sign-in with Entra ID")[2].partition("\n## ")[0]
    assert all(f"`{word}`" in section for word in (*ROLES, "signInClientId", "GIFDROP_SIGN_IN"))


def test_only_routes_below_user_are_anonymous_beside_the_files_of_the_page() -> None:
    """A principal is looked at below `user/` only, so a function key cannot be replaced by a header."""
    source = Path(function_app.__file__).read_text(encoding="utf-8")
    anonymous = re.findall(r'@app\.route\("([^"]+)"[^\n]*ANONYMOUS', source)
    # The first is OPTIONS, which returns the methods of a route.
    assert [path for path in anonymous if not path.startswith("dashboard")] == ["{*path}", *["user/{*path}"] * 3]
    users = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "shared").rglob("*.py")
        if "signed_in_user(" in path.read_text(encoding="utf-8")
    ]
    assert sorted(users) == ["shared/api/access.py", "shared/api/signed_in.py"]


# --- the registration


class Directory:
    """Entra ID, as far as `az` shows it here."""

    def __init__(self) -> None:
        self.apps: list[dict[str, Any]] = []
        self.services: list[dict[str, Any]] = []
        self.credentials: list[dict[str, Any]] = []
        self.assigned: list[dict[str, Any]] = []
        self.changes: list[str] = []

    def az(self, *arguments: str, **_: Any) -> Any:
        def option(name: str) -> str:
            return arguments[arguments.index(name) + 1]

        match arguments[:4]:
            case ("ad", "app", "list", "--display-name"):
                # By the beginning of the name, as in Azure.
                return [item for item in self.apps if item["displayName"].startswith(option("--display-name"))]
            case ("ad", "app", "create" | "update" as change, *_rest):
                self.changes.append(f"app {change}")
                fields = {
                    "displayName": option("--display-name"),
                    "signInAudience": option("--sign-in-audience"),
                    "appRoles": json.loads(option("--app-roles")),
                    "web": {
                        "redirectUris": [option("--web-redirect-uris")],
                        "implicitGrantSettings": {"enableIdTokenIssuance": True},
                    },
                }
                if change == "create":
                    self.apps.append({"appId": CLIENT_ID, **fields})
                    return self.apps[-1]
                self.apps[0] |= fields
            case ("ad", "app", "federated-credential", "list"):
                return self.credentials
            case ("ad", "app", "federated-credential", change):
                self.changes.append(f"credential {change}")
                given = json.loads(option("--parameters"))
                assert ("name" in given) == (change == "create")
                self.credentials = [{"name": CREDENTIAL, **given}]
            case ("ad", "sp", "list", _):
                return self.services
            case ("ad", "sp", "create", _):
                self.services.append({"id": "service-id"})
                return self.services[-1]
            case ("ad", "sp", "update", _):
                self.services[0]["appRoleAssignmentRequired"] = option("--set").endswith("=true")
            case ("ad", "signed-in-user", *_rest):
                return {"id": "me"}
            case ("rest", "--method", "get", _):
                return {"value": self.assigned}
            case ("rest", "--method", "post", _):
                self.assigned.append(json.loads(option("--body")))
        return None


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Directory:
    found = Directory()
    monkeypatch.setattr(sign_in, "az", found.az)
    return found


def test_registration_that_is_made_passes_its_check_and_is_made_once(directory: Directory) -> None:
    assert register(FITS) == CLIENT_ID
    assert [item.ok for item in check_registration(directory.apps[0], directory.credentials, FITS)] == [True]
    assert directory.services[0]["appRoleAssignmentRequired"] is True
    assert directory.assigned == [
        {"principalId": "me", "resourceId": "service-id", "appRoleId": ROLE_IDS[OPERATOR]},
    ]

    assert register(FITS) == CLIENT_ID
    assert directory.changes == ["app create", "credential create", "app update"]
    assert len(directory.assigned) == 1


def test_credential_of_an_earlier_identity_is_replaced(directory: Directory) -> None:
    register(FITS)
    directory.credentials[0]["subject"] = "an identity that was deleted"
    register(FITS)
    assert directory.changes[-1] == "credential update"
    assert [item["subject"] for item in directory.credentials] == ["app-principal"]


def test_printed_commands_do_the_same(tmp_path: Path) -> None:
    """They are run by bash, with an `az` that prints its arguments."""
    tool = tmp_path / "az"
    tool.write_text('#!/bin/bash\nprintf "%s\\0" "$@" "" >>"$LOG"\ncase "$*" in *--query*) echo id-1 ;; esac\n')
    tool.chmod(0o755)
    log = tmp_path / "log"
    script = "set -eu\n" + "\n".join(commands(FITS, operator="me"))
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(log)}
    run = subprocess.run(["/bin/bash", "-c", script], env=environment, capture_output=True, text=True, check=True)

    assert run.stdout.endswith("signInClientId=id-1\n")
    calls = [call.split("\0") for call in log.read_text().split("\0\0")]
    app, _, update, credential, assignment, *_rest = calls
    assert app[3 : 3 + len(FITS.options)] == FITS.options
    assert update[-1] == "appRoleAssignmentRequired=true"
    assert json.loads(credential[credential.index("--parameters") + 1]) == FITS.credential
    body = json.loads(assignment[assignment.index("--body") + 1])
    assert body == {"principalId": "me", "resourceId": "id-1", "appRoleId": ROLE_IDS[OPERATOR]}
    assert FITS.credential["audiences"] == [AUDIENCE]
    assert FITS.credential["name"] == CREDENTIAL


@pytest.fixture
def cloud(tmp_path: Path, python: ForkServer) -> Iterator[StandIns]:
    outputs = {"functionApp": "gifdrop-abcdef", "functionUrl": URL, "appPrincipalId": "app-principal"}
    deployment = {
        "properties": {
            "provisioningState": "Succeeded",
            "timestamp": "2026-11-21T10:00:00Z",
            "outputs": {name: {"value": value} for name, value in outputs.items()},
        },
    }
    with stand_ins(tmp_path / "cloud", python) as tools:
        tools.answers |= {
            "az account show": json.dumps({"id": "0", "tenantId": "tenant-id"}),
            "az deployment group list": json.dumps([deployment]),
            "az ad app list": "[]",
            "az ad app create": json.dumps({"appId": CLIENT_ID}),
            "az ad app federated-credential list": "[]",
            "az ad app federated-credential create": "{}",
            "az ad sp list": "[]",
            "az ad sp create": json.dumps({"id": "service-id"}),
            "az ad sp update": "",
            "az ad signed-in-user show": json.dumps({"id": "me"}),
            "az rest --method get": json.dumps({"value": []}),
            "az rest --method post": "{}",
        }
        yield tools


def test_command_says_what_to_run_next(cloud: StandIns) -> None:
    run = cloud.run("-g", "pets", "sign-in")
    assert run.returncode == 0, run.stderr
    assert f"infra/deploy.sh -g pets -p signInClientId={CLIENT_ID} infra" in run.stdout


@pytest.mark.parametrize("refused", ["ad app create", "ad sp create", "federated-credential create", "method post"])
def test_person_without_the_right_gets_the_commands(cloud: StandIns, refused: str) -> None:
    cloud.inject("denial", lambda call: refused in call)
    run = cloud.run("-g", "pets", "sign-in")
    assert run.returncode == 1
    assert "Ask somebody who may register applications" in run.stderr
    for line in commands(FITS):
        assert f"  {line}\n" in run.stderr


@pytest.mark.parametrize("fault", ["failure", "time-out", "throttling", "refusal"])
def test_command_ends_with_a_sentence_and_can_be_repeated(cloud: StandIns, fault: str) -> None:
    state = cloud.state()
    answers = dict(cloud.answers)
    for command in ("account show", "deployment group list", "ad app list", "ad app create", "ad sp update"):
        cloud.inject(fault, lambda call, at=command: at in call)  # type: ignore[misc]
        run = cloud.run("-g", "pets", "sign-in")
        assert run.returncode == 1, command
        assert re.search(r"throttles|did not end|refused|failed", run.stderr), run.stderr
        assert "Traceback" not in run.stderr
        cloud.restore(state)
        cloud.answers |= answers
    assert cloud.run("-g", "pets", "sign-in").returncode == 0


def test_deployment_before_the_registration_is_needed(cloud: StandIns) -> None:
    cloud.answers["az deployment group list"] = "[]"
    run = cloud.run("-g", "pets", "sign-in")
    assert (run.returncode, "run 'infra/deploy.sh -g pets'" in run.stderr) == (1, True)


# --- doctor and plan


def problems(findings: list[Finding]) -> list[str]:
    return [finding.message for finding in findings if not finding.ok]


REGISTERED = {
    "appId": CLIENT_ID,
    "signInAudience": "AzureADMyOrg",
    "web": {"redirectUris": [f"{URL}{CALLBACK}"], "implicitGrantSettings": {"enableIdTokenIssuance": True}},
    "appRoles": [{"value": role, "isEnabled": True} for role in ROLES],
}
TRUSTED = [FITS.credential]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"web": {"redirectUris": ["https://old/.auth/login/aad/callback"]}}, "lacks the redirect URI"),
        ({"web": {"redirectUris": [f"{URL}{CALLBACK}"]}}, "issues no ID tokens"),
        ({"appRoles": [{"value": "Viewer", "isEnabled": True}]}, "lacks the app role Operator"),
        ({"appRoles": [{"value": role, "isEnabled": False} for role in ROLES]}, "lacks the app role Viewer and"),
        ({"signInAudience": "AzureADMultipleOrgs"}, "admits people of other organizations"),
    ],
)
def test_registration_that_does_not_fit_is_a_problem(changed: dict[str, Any], sentence: str) -> None:
    assert problems(check_registration(REGISTERED, TRUSTED, FITS)) == []
    assert any(sentence in message for message in problems(check_registration(REGISTERED | changed, TRUSTED, FITS)))


def test_registration_that_is_gone_or_trusts_nobody_is_a_problem() -> None:
    assert "does not exist" in problems(check_registration(None, [], FITS))[0]
    assert "no federated credential" in problems(check_registration(REGISTERED, [], FITS))[0]
    other = FITS.credential | {"subject": "another identity"}
    assert "no federated credential" in problems(check_registration(REGISTERED, [other], FITS))[0]


AUTH = {
    "platform": {"enabled": True},
    "globalValidation": {"unauthenticatedClientAction": "AllowAnonymous", "excludedPaths": [EVENT_GRID_PATH]},
    "identityProviders": {"azureActiveDirectory": {"registration": {"clientId": CLIENT_ID}}},
}
ON = {"GIFDROP_SIGN_IN": "on"}


def test_authentication_as_deployed_is_no_problem() -> None:
    assert problems(check_authentication(ON, AUTH, CLIENT_ID)) == []
    assert problems(check_authentication({"GIFDROP_SIGN_IN": "off"}, {}, "")) == []
    assert problems(check_authentication({}, {}, "")) == []


@pytest.mark.parametrize(
    ("settings", "validation", "sentence"),
    [
        (ON, {"requireAuthentication": True}, "Event Grid and callers with keys are refused"),
        ({}, {"unauthenticatedClientAction": "Return401"}, "Event Grid and callers with keys are refused"),
        (ON, {"requireAuthentication": True, "excludedPaths": [EVENT_GRID_PATH]}, "sign-in: callers with keys"),
    ],
)
def test_authentication_that_refuses_events_or_keys_is_a_problem(
    settings: dict[str, str], validation: dict[str, Any], sentence: str
) -> None:
    (message,) = problems(check_authentication(settings, AUTH | {"globalValidation": validation}, CLIENT_ID))
    assert sentence in message


def test_authentication_that_is_off_or_of_another_app_is_a_problem() -> None:
    off = deepcopy(AUTH) | {"platform": {"enabled": False}}
    assert "so nobody can sign in" in problems(check_authentication(ON, off, CLIENT_ID))[0]
    overridden = ON | {"WEBSITE_AUTH_ENABLED": "False"}
    assert "so nobody can sign in" in problems(check_authentication(overridden, AUTH, CLIENT_ID))[0]
    assert "not another" in problems(check_authentication(ON, AUTH, "another"))[0]


class Me(BaseHTTPRequestHandler):
    """An app that believes the header of a client, or does not."""

    name: str | None = None

    def do_GET(self) -> None:  # the name that http.server calls
        assert self.headers[PRINCIPAL_HEADER]
        body = json.dumps({"sign_in": True, "name": self.name, "roles": []}).encode()
        self.send_response(200 if self.path == "/api/user/me" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in http.server
        """Logs nothing."""


def test_app_that_believes_a_forged_sign_in_is_found() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Me)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        Me.name = None
        assert check_forged_principal(url).ok
        Me.name = "root"
        found = check_forged_principal(url)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert not found.ok
    assert "ANYBODY" in found.message
    assert sign_in.main(["probe", "http://127.0.0.1:1"]) == 1


def test_smoke_test_of_a_deployment_tries_a_forged_sign_in() -> None:
    script = (INFRA / "deploy.sh").read_text(encoding="utf-8")
    step = script.partition("step_smoke() {")[2].partition("\n}")[0]
    assert '-m infra.sign_in probe "$url"' in step
    assert step.index("sign_in probe") < step.index("record_release true")


def test_plan_checks_the_registration_that_is_given(monkeypatch: pytest.MonkeyPatch, cloud: StandIns) -> None:
    target = plan.Target(
        subscription="0",
        group="pets",
        group_exists=True,
        region="westeurope",
        principal="1234",
        template="infra/main.bicep",
        arguments=(),
        parameters={"signInClientId": CLIENT_ID},
    )
    answers: dict[str, Any] = {"app": [REGISTERED], "credentials": TRUSTED}

    def az(*arguments: str, **_: Any) -> Any:
        if arguments[:3] == ("ad", "app", "list"):
            return answers["app"]
        return answers["credentials"]

    monkeypatch.setattr(sign_in, "az", az)
    monkeypatch.setattr(plan, "read_deployment", lambda group: type("D", (), {"outputs": {}}))
    monkeypatch.setattr(plan, "registration_of", lambda outputs: FITS)
    assert [check.ok for check in plan.check_sign_in(target)] == [True]
    answers["app"] = []
    assert [check.ok for check in plan.check_sign_in(target)] == [False]
    with_typo = plan.Target(**{**vars(target), "parameters": {"signInClientId": "the app"}})
    assert [check.ok for check in plan.check_sign_in(with_typo)] == [False]
    without = plan.Target(**{**vars(target), "parameters": {"signInClientId": ""}})
    assert plan.check_sign_in(without) == []


def test_strings_of_the_module_are_quoted_for_a_shell() -> None:
    assert shlex.split(commands(FITS)[0].removeprefix("APP_ID=$(").removesuffix(")"))[:3] == ["az", "ad", "app"]
