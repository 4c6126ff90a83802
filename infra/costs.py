"""What gifdrop costs, as tables and as numbers; the estimates are in estimates.py.

python -m infra.costs                            rewrites the tables of docs/costs.md
python -m infra.costs summary                    prints the estimate that deploy.sh shows
python -m infra.costs worst-case [NAME=VALUE]... prints the most that a month can cost, in USD, with these parameters
"""

import math
import re
import sys
import textwrap
from collections.abc import Callable, Sequence

from infra.estimates import (
    DAYS,
    HOURS,
    INFRA,
    PRICES,
    SECONDS,
    Item,
    audit,
    decimal,
    free,
    idle,
    parameters,
    per_videos,
    price,
    runs_a_month,
    total,
    used,
    worst_case,
)

DOCS = INFRA.parent / "docs" / "costs.md"
LINE_CHARS = 120
AUDITED_VIDEOS = (1_000, 10_000, 100_000, 1_000_000)
FEW_INSTANCES = "5"


def _table(header: str, items: Sequence[Item]) -> str:
    rows = [f"| {header} | how | USD |", "|---|---|---|"]
    rows += [f"| {item.what} | {item.how} | {item.usd:,.2f} |" for item in items]
    return "\n".join([*rows, f"| **total** | | **{total(items):,.2f}** |"])


def _paragraph(text: str) -> str:
    return textwrap.fill(text, LINE_CHARS, break_long_words=False, break_on_hyphens=False)


def _videos_table() -> str:
    gb = used("video.gif_mb")
    stored, sent = price("blob_gb_month"), price("egress_gb")
    free_gb = f"the first {free('egress_gb'):g} GB a month free"
    rows = [
        f"| storing the GIFs | {gb:g} GB at {stored} per GB and month | {gb * stored:.2f} a month |",
        f"| downloading each GIF once | {gb:g} GB to the internet at {sent}, {free_gb} | {gb * sent:.2f} |",
    ]
    return "\n".join([_table("per 1,000 videos", per_videos()), *rows])


def _idle_table() -> str:
    return _table("idle, a month of 30 days", idle(parameters()))


def _idle_summary() -> str:
    values = parameters()
    items = idle(values)
    usd, logs = total(items), sum(item.usd for item in items if "log" in item.what)
    grant = free("function_gb_seconds") * price("function_gb_second")
    slower = total(idle(values | {"completeSchedule": "0 */2 * * * *"}))
    changes = total(idle(values | {"storageLogs": "changes"}))
    return _paragraph(
        f"{logs:.2f} of the {usd:.2f} are logs. They cost nothing, and the total is {usd - logs:.2f}, if the free "
        f"{free('log_gb'):g} GB a month of the billing account are not used up otherwise. The free GB-s of functions "
        f"are subtracted above; if other apps use them, add {grant:.2f}. A sweep every two minutes "
        f"(`completeSchedule='0 */2 * * * *'`) makes the total {slower:.2f}: a GIF whose event was lost comes up to a "
        f"minute later. `storageLogs=changes` makes it {changes:.2f}."
    )


def _audit_table() -> str:
    values = parameters()
    names, minutes = int(values["auditNames"]), DAYS * 1440 // runs_a_month(values["reconcileSchedule"])
    rows = ["| videos | USD a month | a lost upload is found within |", "|---|---|---|"]
    for videos in AUDITED_VIDEOS:
        reconciliations = math.ceil(videos / names)
        rows.append(f"| {videos:,} | {audit(videos, values):.2f} | {reconciliations * minutes} minutes |")
    return "\n".join(rows)


def _worst_case_table() -> str:
    return _table("worst case, a month of 30 days", worst_case(parameters()))


def _worst_case_summary() -> str:
    values = parameters()
    fewer = total(worst_case(values | {"maxInstances": FEW_INSTANCES}))
    return _paragraph(
        f"**{total(worst_case(values)):,.0f} USD** with the default parameters, nearly all of it for functions: with "
        f"`maxInstances={FEW_INSTANCES}` instead of {values['maxInstances']} it is {fewer:,.0f} (one page of Azure's "
        f"documentation says that less than 40 is refused)."
    )


def _options_table() -> str:
    always_gb = 3 * int(parameters()["memoryMb"]) / 1024
    endpoints = (INFRA / "modules" / "endpoints.bicep").read_text(encoding="utf-8")
    links = len(re.findall(r"^    group: '", endpoints, re.MULTILINE))
    zones = len(re.findall(r"^  'privatelink", endpoints, re.MULTILINE))
    private = links * price("private_endpoint_hour") + price("nat_gateway_hour") + price("address_hour")
    rows = [
        (
            "`alwaysReady=1`",
            "three groups: HTTP and the two functions with an Event Grid trigger",
            always_gb * SECONDS * price("always_ready_gb_second"),
        ),
        ("`minNodes=1`", f"a permanent node at {price('node_hour')} an hour", HOURS * price("node_hour")),
        (
            "`privateNetworking=true`",
            f"{links} private endpoints, {zones} DNS zones, a NAT gateway with an address, without their traffic",
            HOURS * private + zones * price("dns_zone_month"),
        ),
        (
            "`limitNodeEgress=true`",
            "a load balancer and an address for each 100 nodes",
            HOURS * (price("load_balancer_hour") + price("address_hour")),
        ),
    ]
    lines = [f"| {name} | {how} | {usd:.0f} |" for name, how, usd in rows]
    return "\n".join(["| option | how | USD a month |", "|---|---|---|", *lines])


def _prices_table() -> str:
    region = f"Region {PRICES['region']} unless a price names another, looked up on {PRICES['looked_up']}."
    lines = [region, "", "| price of | USD | source |", "|---|---|---|"]
    sources = {name: text for name, text in PRICES["sources"].items() if text.startswith("https")}
    for item in PRICES["prices"].values():
        name = item["source"]
        source = f"[{name}], {item['date'] or 'undated'}" if name in sources else PRICES["sources"][name]
        region = f", {item['region']}" if "region" in item else ""
        lines.append(f"| {item['unit']} | {decimal(item['usd'])} | {source}{region} |")
    return "\n".join([*lines, "", *(f"[{name}]: {address}" for name, address in sources.items())])


TEXTS: dict[str, Callable[[], str]] = {
    "videos": _videos_table,
    "idle": _idle_table,
    "idle summary": _idle_summary,
    "audit": _audit_table,
    "worst case": _worst_case_table,
    "worst case summary": _worst_case_summary,
    "options": _options_table,
    "prices": _prices_table,
}
"""By the name in the marker of docs/costs.md."""


def rewritten(page: str) -> str:
    """The page with the text between each pair of markers replaced. Raises ValueError if a pair is missing."""
    for name, make in TEXTS.items():
        before, start, rest = page.partition(f"<!-- costs: {name} -->\n")
        _, end, after = rest.partition("<!-- end of costs -->")
        if not end:
            raise ValueError(f"the page has no markers for {name!r}")
        page = f"{before}{start}\n{make()}\n\n{end}{after}"
    return page


def summary() -> str:
    """The estimate for somebody about to deploy."""
    values = parameters()
    usd, videos = total(idle(values)), total(per_videos())
    return (
        f"Estimated cost at list prices: about {usd:.2f} USD a month idle, {videos:.2f} per 1,000 one-minute videos,\n"
        f"at most {total(worst_case(values)):,.0f} USD a month with the default parameters (see docs/costs.md)."
    )


def main(arguments: Sequence[str]) -> int:
    match arguments:
        case ["-h" | "--help"]:
            print(__doc__)
        case []:
            DOCS.write_text(rewritten(DOCS.read_text(encoding="utf-8")), encoding="utf-8")
        case ["summary"]:
            print(summary())
        case ["worst-case", *given] if all("=" in item for item in given):
            try:
                values = parameters(dict(item.split("=", 1) for item in given))
                print(f"{total(worst_case(values)):.0f}")
            except ValueError as error:
                print(error, file=sys.stderr)
                return 1
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
