"""Reads a deployed resource group and says what is wrong with it, in sentences. Changes nothing.

python -m infra.doctor GROUP

What GET health can see, too, is judged by the same code, so both say the same.
"""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from infra.az import AzError, az
from infra.deployment import Deployment, read_deployment
from infra.doctor_checks import (
    check_app,
    check_deliveries,
    check_functions,
    check_package,
    check_pools,
    check_roles,
    check_schedule,
    check_subscriptions,
    expected_grants,
)
from infra.sign_in import (
    check_authentication,
    check_forged_principal,
    check_registration,
    read_authentication,
    read_registration,
    registration_of,
)
from shared.api.health.finding import Finding

ACCESS = Path(__file__).with_name("modules") / "access.bicep"
MANAGEMENT = "https://management.azure.com"
BATCH_API = "2024-07-01"
HEALTH_SECONDS = 30.0


def merge(health: Sequence[Finding], own: Sequence[Finding]) -> list[Finding]:
    """The findings of GET health, then those that it does not have. The app knows its own part better."""
    known = {(item.name, item.message) for item in health}
    return [*health, *(item for item in own if (item.name, item.message) not in known)]


def read_health(url: str, key: str) -> list[Finding]:
    """The findings of `GET health`, or one that says why there are none."""
    request = urllib.request.Request(f"{url}/api/health", headers={"x-functions-key": key})  # noqa: S310  # the app's own
    try:
        with urllib.request.urlopen(request, timeout=HEALTH_SECONDS) as response:  # noqa: S310  # the app's own address
            content = json.load(response)
    except urllib.error.HTTPError as error:
        if error.code != 503:
            todo = "The app does not start, or refuses this address (apiIpRanges). Read its log."
            return [Finding(name="health", message=f"GET health answered {error.code}.", what_to_do=todo)]
        try:
            content = json.load(error)
        except ValueError:
            todo = "The app does not start. Read its log (Application Insights > Failures)."
            return [Finding(name="health", message="GET health answered 503 without findings.", what_to_do=todo)]
    except (OSError, ValueError) as error:
        todo = "Check that the app is running and that your network reaches it."
        return [Finding(name="health", message=f"GET health did not answer: {error}", what_to_do=todo)]
    return [
        Finding(name=item["name"], message=item["message"], what_to_do=item["what_to_do"])
        for item in content.get("checks", [])
    ]


def diagnose(at: Deployment, now: datetime) -> list[Finding]:
    """All findings, read side by side."""
    in_group = ("--resource-group", at.group)
    app = ("--name", at.output("functionApp"))

    def roles() -> list[Finding]:
        assignments = az("role", "assignment", "list", "--all")
        identities = {item["name"]: item["principalId"] for item in az("identity", "list", *in_group)}
        topic = az("eventgrid", "system-topic", "show", *in_group, "--name", at.output("eventTopic"))
        batch = az("batch", "account", "show", *in_group, "--name", at.output("batchAccount"))
        name, short = at.output("functionApp"), at.output("dataAccount").removesuffix("data")
        return check_roles(
            expected_grants(ACCESS.read_text(encoding="utf-8")),
            assignments,
            {
                "app": identities.get(f"{name}-app", ""),
                "pool": identities.get(f"{name}-pool", ""),
                "batch": (batch.get("identity") or {}).get("principalId") or "",
                "topic": (topic.get("identity") or {}).get("principalId") or "",
            },
            {"data": f"{short}data", "host": f"{short}host", "packages": f"{short}pkgs", "batch": batch["name"]},
        )

    def package() -> list[Finding]:
        version = at.settings.get("GIFDROP_PACKAGE_VERSION", "")
        url = f"{MANAGEMENT}{at.account_id}/applications/{at.output('packageId')}/versions?api-version={BATCH_API}"
        versions = az("rest", "--method", "get", "--url", url)["value"]
        state = next((item["properties"]["state"] for item in versions if item["name"] == version), None)
        return [check_package(state, version)]

    def pools() -> list[Finding]:
        url = f"{MANAGEMENT}{at.account_id}/pools?api-version={BATCH_API}"
        return check_pools(az("rest", "--method", "get", "--url", url)["value"], at.settings["GIFDROP_POOL_ID"], now)

    def deliveries() -> list[Finding]:
        topic = f"{at.scope}/providers/Microsoft.EventGrid/systemTopics/{at.output('eventTopic')}"
        names = ("DeliverySuccessCount", "DeliveryAttemptFailCount", "DeadLetteredCount", "DroppedEventCount")
        return check_deliveries(
            az(
                "monitor",
                "metrics",
                "list",
                "--resource",
                topic,
                "--metrics",
                *names,
                "--offset",
                "6h",
                "--aggregation",
                "Total",
            )
        )

    def schedule() -> list[Finding]:
        workspace = az("monitor", "log-analytics", "workspace", "show", *in_group, "--workspace-name", app[1])[
            "customerId"
        ]
        runs = "AppTraces | where TimeGenerated > ago(1d) and Message startswith 'reconciled {'"
        query = f"{runs} | summarize max(TimeGenerated)"
        answer = az(
            *("rest", "--method", "post", "--resource", "https://api.loganalytics.io"),
            *(
                "--url",
                f"https://api.loganalytics.io/v1/workspaces/{workspace}/query",
                "--body",
                json.dumps({"query": query}),
            ),
        )
        rows = answer["tables"][0]["rows"]
        last = datetime.fromisoformat(rows[0][0]) if rows and rows[0][0] else None
        return [check_schedule(last, now)]

    def health() -> list[Finding]:
        key = az("functionapp", "keys", "list", *in_group, *app)["functionKeys"]["default"]
        return read_health(at.output("functionUrl"), key)

    def sign_in() -> list[Finding]:
        client_id = str(at.parameters.get("signInClientId") or "")
        auth = read_authentication(at.scope, at.output("functionApp"))
        found = [
            *check_authentication(at.settings, auth, client_id),
            check_forged_principal(at.output("functionUrl")),
        ]
        if client_id:
            found += check_registration(*read_registration(client_id), registration_of(at.outputs))
        return found

    topic = ("--system-topic-name", at.output("eventTopic"))
    todo: dict[str, Callable[[], list[Finding]]] = {
        "health": health,
        "app": lambda: [check_app(az("functionapp", "show", *in_group, *app))],
        "functions": lambda: check_functions(az("functionapp", "function", "list", *in_group, *app), at.settings),
        "subscriptions": lambda: check_subscriptions(
            az("eventgrid", "system-topic", "event-subscription", "list", *in_group, *topic)
        ),
        "delivery": deliveries,
        "package": package,
        "pool": pools,
        "schedule": schedule,
        "sign-in": sign_in,
        "roles": roles,
    }

    def attempt(name: str) -> list[Finding]:
        try:
            return todo[name]()
        except AzError as error:
            return [Finding(name=name, message="It could not be read.", what_to_do=str(error))]

    with ThreadPoolExecutor(max_workers=4) as threads:
        first, *rest = threads.map(attempt, todo)
    found = merge(first, [finding for group in rest for finding in group])
    if not at.parameters.get("alertEmails"):
        todo_emails = "Pass -p 'alertEmails=[\"you@example.com\"]' to the step 'infra'."
        found.append(Finding(name="alerts", message="Nobody gets the alerts' emails.", what_to_do=todo_emails))
    return found


def main(arguments: list[str]) -> int:
    if arguments in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    (group,) = arguments
    try:
        found = diagnose(read_deployment(group), datetime.now(UTC))
    except (AzError, LookupError) as error:
        print(error, file=sys.stderr)
        return 1
    for finding in found:
        print(f"{'ok' if finding.ok else 'PROBLEM':8} {finding.name}: {finding.message}")
        if finding.what_to_do:
            print(f"         {finding.what_to_do.replace('GROUP', group)}")
    wrong = sum(not finding.ok for finding in found)
    print(f"{wrong} problem(s)." if wrong else "Nothing is wrong.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
