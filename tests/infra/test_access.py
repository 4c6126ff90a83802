"""Who may do what: the roles that the templates define and grant, and their conditions."""

import json
import re

import pytest

from infra.az_output import COMPUTED_PARAMETERS
from infra.check.syntax import Declaration, literal, property_of, text
from tests.infra.bicep import INFRA, declaration, entries, roles

BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
NODE = {"poolPrincipalId", "poolIdentity.properties.principalId"}
CUSTOM_ROLES = {
    "gifdrop blob reader": [f"{BLOBS}/read"],
    "gifdrop blob writer": [f"{BLOBS}/write", f"{BLOBS}/add/action"],
    "gifdrop blob editor": [f"{BLOBS}/read", f"{BLOBS}/write", f"{BLOBS}/add/action", f"{BLOBS}/delete"],
}
POOL_ROLE = "gifdrop pool editor"
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"


def rendered(file: str, name: str) -> str:
    """The text of a string variable with the variables in it filled in, as far as they are strings."""
    value = declaration(file, name).value
    assert value is not None
    found = text(value)
    if value.type != "string":
        return found
    found = found[1:-1].replace("\\'", "'")
    return re.sub(r"\$\{(\w+)\}", lambda match: rendered(file, match[1]), found)


def granted() -> list[dict[str, str]]:
    """Every grant on blobs."""
    found = []
    modules = [
        ("modules/access.bicep", name)
        for name in ("dataGrants", "uploadGrants", "hostGrants", "packageGrants", "operatorGrants")
    ]
    for file, name in [*modules, ("region.bicep", "packageGrants")]:
        params = property_of(declaration(file, name).value, "params")
        grants = entries(params)["grants"].named_children
        found += [{key: text(value).strip("'") for key, value in entries(item).items()} for item in grants]
    return found


def definitions() -> dict[str, list[str]]:
    """The data actions of each custom role on blobs."""
    value = declaration("modules/roles.bicep", "definitions").value
    assert value is not None
    found = {}
    for item in value.named_children:
        if literal(entries(item)["name"]) == POOL_ROLE:
            continue
        assert text(entries(item)["actions"]) == "[]"
        actions = [text(action).strip("'") for action in entries(item)["dataActions"].named_children]
        found[str(literal(entries(item)["name"]))] = [action.replace("${blobs}", BLOBS) for action in actions]
    return found


def test_nodes_read_videos_and_packages_and_write_results_and_logs_only() -> None:
    nodes = {(item["role"], item["container"]) for item in granted() if item["principal"] in NODE}
    assert nodes == {
        ("gifdrop blob reader", "containers.input"),
        ("gifdrop blob reader", ""),  # the account of packages
        ("gifdrop blob writer", "containers.staging"),
        ("gifdrop blob writer", "containers.logs"),
    }


def test_nodes_cannot_list_what_they_can_read() -> None:
    readers = [item for item in granted() if item["principal"] in NODE and item["role"] == "gifdrop blob reader"]
    assert len(readers) == 3
    assert [item.get("listing") for item in readers] == ["false"] * 3
    assert rendered("modules/grants.bicep", "listsNothing") == (
        f"((!(ActionMatches{{'{BLOBS}/read'}} AND SubOperationMatches{{'Blob.List'}}))"
        f" OR (@Request[{BLOBS}:prefix] StringEquals 'listing is not allowed'))"
    )


def test_app_may_change_pools_but_not_delete_them_or_change_the_account() -> None:
    value = declaration("modules/roles.bicep", "definitions").value
    assert value is not None
    [role] = [item for item in value.named_children if literal(entries(item)["name"]) == POOL_ROLE]
    actions = {text(action).strip("'") for action in entries(role)["actions"].named_children}
    pools = "Microsoft.Batch/batchAccounts/pools"
    assert (actions, text(entries(role)["dataActions"])) == ({f"{pools}/read", f"{pools}/write"}, "[]")
    assignment = text(declaration("modules/batch.bicep", "editor").node)
    assert "= if (appChangesPool) {" in assignment
    assert "scope: account" in assignment
    params = entries(property_of(declaration("main.bicep", "batch").value, "params"))
    assert text(params["appChangesPool"]) == "wakePool || repairPool"


def test_custom_roles_on_blobs_have_data_actions_only() -> None:
    assert definitions() == CUSTOM_ROLES
    permission = text(declaration("modules/roles.bicep", "role").node)
    # With an action, a role could delete whole containers or sign delegation keys, whatever a condition says.
    assert re.search(r"\n\s+actions: item.actions\n\s+notActions: \[\]\n", permission)
    assert "assignableScopes: [group]" in permission


def test_app_only_counts_dead_letters() -> None:
    app = [item["role"] for item in granted() if item["container"] == "containers.deadLetters"]
    assert sorted(app) == ["Storage Blob Data Contributor", "Storage Blob Data Reader"]
    reader = next(
        item for item in granted() if item["role"] == "Storage Blob Data Reader" and "dead letters" in item["why"]
    )
    assert reader["principal"] == "appPrincipalId"


def test_app_changes_videos_only_if_the_api_may_upload() -> None:
    app = {item["role"] for item in granted() if item["container"] == "containers.input"}
    assert "gifdrop blob editor" in app
    assert "= if (apiUploads) {" in text(declaration("modules/access.bicep", "uploadGrants").node)
    settings = text(declaration("main.bicep", "app").node)
    assert "GIFDROP_UPLOADS: apiUploads ? 'on' : 'off'" in settings


def test_browsers_may_only_put_blobs_and_only_from_pages_of_the_app() -> None:
    rule = entries(declaration("modules/storage.bicep", "uploads").value)
    assert text(rule["allowedMethods"]) == "['PUT']"
    assert text(rule["allowedOrigins"]) == "uploadOrigins"
    data = entries(property_of(declaration("main.bicep", "data").value, "params"))
    own = "https://${fullName}.azurewebsites.net"
    assert text(data["uploadOrigins"]) == f"apiUploads ? concat(['{own}'], uploadOrigins) : []"
    client = (INFRA.parent / "local" / "storage" / "client.py").read_text()
    headers = [str(literal(header)) for header in rule["allowedHeaders"].named_children]
    assert f'"AllowedHeaders": "{",".join(headers)}"' in client


def test_grants_name_existing_roles_and_give_a_reason() -> None:
    for item in granted():
        assert item["role"] in roles().keys() | definitions().keys()
        assert item["why"]


@pytest.mark.parametrize("name", ["containerRole", "accountRole"])
def test_conditions_reach_the_role_assignments(name: str) -> None:
    assignment = entries(property_of(declaration("modules/grants.bicep", name).value, "properties"))
    condition = text(assignment["condition"])
    assert condition.startswith("item.?listing == false ? listsNothing : ")
    assert "replace(ends, '{{until}}', item.?until" in condition
    assert text(assignment["conditionVersion"]).startswith("item.?listing == false || !empty(item.?until) ? '2.0'")


def test_access_of_the_operator_ends() -> None:
    operator = [item for item in granted() if item["principal"] == "operatorPrincipalId"]
    assert {item["role"] for item in operator} == {"gifdrop blob editor", "gifdrop blob reader"}
    assert {item.get("until") for item in operator} == {"operatorUntil"}
    uses = rendered("modules/grants.bicep", "uses")
    assert set(re.findall(r"'([a-z/]+)'", uses.partition("action =>")[0])) == {"read", "write", "add/action", "delete"}
    assert "@Environment[UtcNow] DateTimeLessThan '{{until}}'" in rendered("modules/grants.bicep", "ends")
    until = text(entries(property_of(declaration("main.bicep", "access").value, "params"))["operatorUntil"])
    assert until.startswith("operatorDays == 0 ? '' : dateTimeAdd(deployedAt, ")
    days: Declaration = declaration("main.bicep", "operatorDays")
    assert days.value is not None
    assert int(text(days.value)) > 0


def test_time_of_a_deployment_is_not_kept_for_the_next() -> None:
    assert "deployedAt" in COMPUTED_PARAMETERS


def test_deployer_grants_the_roles_of_the_templates_and_no_others() -> None:
    deploys = declaration("deployer.bicep", "deploys").value
    assert deploys is not None
    own = {str(literal(item)) for item in deploys.named_children}
    assert own == {"Contributor", "Role Based Access Control Administrator"}
    assert rendered("deployer.bicep", "granted").startswith(
        "map(filter(items(roles), item => !contains(deploys, item.key))"
    )
    used = {item["role"] for item in granted()} | {POOL_ROLE}
    for path in (INFRA / "modules").glob("*.bicep"):
        used |= set(re.findall(r"roles\['([^']+)'\]", path.read_text(encoding="utf-8")))
    assert used == (roles().keys() | definitions().keys() | {POOL_ROLE}) - own


@pytest.mark.parametrize(("action", "source"), [("write", "Request"), ("delete", "Resource")])
def test_deployer_cannot_administer_other_roles(action: str, source: str) -> None:
    allowed = rendered("deployer.bicep", "allowed").replace("{{action}}", action).replace("{{source}}", source)
    assert allowed.startswith(
        f"((!(ActionMatches{{'{ASSIGNMENTS}/{action}'}})) OR "
        f"(@{source}[{ASSIGNMENTS}:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {{"
    )
    name = "writes" if action == "write" else "deletes"
    assert text(declaration("deployer.bicep", name).value or declaration("deployer.bicep", name).node) == (
        f"replace(replace(allowed, '{{{{action}}}}', '{action}'), '{{{{source}}}}', '{source}')"
    )
    assignment = entries(property_of(declaration("deployer.bicep", "deployer").value, "properties"))
    assert text(assignment["condition"]) == "role == 'Contributor' ? null : '${writes} AND ${deletes}'"


def test_deployer_can_be_limited_to_the_principals_of_gifdrop() -> None:
    assert f"{{source}}}}[{ASSIGNMENTS}:PrincipalId] ForAnyOfAnyValues:GuidEquals" in rendered(
        "deployer.bicep", "toPrincipals"
    ).replace("${assignments}", ASSIGNMENTS)
    output = text(declaration("main.bicep", "principalIds").node)
    assert len(re.findall(r"outputs\.(?:app|pool)?[pP]rincipalId", output)) == 4


def test_roles_file_is_sorted() -> None:
    content = (INFRA / "roles.json").read_text(encoding="utf-8")
    assert content == json.dumps(dict(sorted(roles().items())), indent=2) + "\n"
