"""Estimates of what gifdrop costs, from `prices.json`, `usage.json` and the defaults in the Bicep files."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INFRA = Path(__file__).parent
DAYS, HOURS, SECONDS = 30, 720, 2_592_000
"""A month."""
EVALUATIONS_A_DAY = 288
"""Autoscale runs: one every 5 minutes."""
SCALING_GROUPS, TIMERS = 3, 2
"""HTTP and the two functions with an Event Grid trigger scale to `maxInstances`; a timer runs on one instance."""
SMALL_BURST_NODES = 4
"""Nodes that 1,000 videos start, and that idle once before the pool removes them."""


@dataclass(frozen=True)
class Item:
    """A line of an estimate."""

    what: str
    how: str
    usd: float


def _load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((INFRA / name).read_text(encoding="utf-8"))
    return loaded


PRICES, USAGE = _load("prices.json"), _load("usage.json")


def price(name: str) -> float:
    """A price in USD."""
    return float(PRICES["prices"][name]["usd"])


def free(name: str) -> float:
    """What is free each month."""
    return float(PRICES["free_a_month"][name]["amount"])


def used(name: str) -> float:
    """A figure of usage.json, such as `video.gif_mb`."""
    found = USAGE
    for part in name.split("."):
        found = found[part]
    return float(found["value"])


def decimal(usd: float) -> str:
    """A price without trailing zeros and without an exponent."""
    return f"{usd:.8f}".rstrip("0").rstrip(".")


def total(items: Sequence[Item]) -> float:
    """The sum in USD."""
    return sum(item.usd for item in items)


def parameters(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Parameters of main.bicep with their defaults, replaced by `given`. Raises ValueError for an unknown name."""
    text = (INFRA / "main.bicep").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"^param (\w+) (?:int|bool|string) = '?([^'\n]*)'?$", text, re.MULTILINE))
    unknown = set(given or {}) - set(defaults)
    if unknown:
        raise ValueError(f"main.bicep has no such parameter with a default: {', '.join(sorted(unknown))}")
    return defaults | dict(given or {})


def runs_a_month(schedule: str) -> int:
    """Runs of a timer whose NCRONTAB expression is once a minute or every N minutes. Raises ValueError for others."""
    found = re.fullmatch(r"\d+ (?:\*|\*/(\d+))(?: \*){4}", schedule)
    if not found:
        raise ValueError(f"not a schedule of minutes: {schedule!r}")
    return DAYS * 1440 // int(found[1] or 1)


def alerts() -> tuple[int, int]:
    """How many log alerts and metric alerts the Bicep modules deploy by default.

    Raises ValueError if log alerts are not evaluated every 15 minutes, which is what prices.json has a price for.
    """
    counts = {"scheduledQueryRules": 0, "metricAlerts": 0}
    for file in sorted((INFRA / "modules").glob("*.bicep")):
        text = file.read_text(encoding="utf-8")
        loops = r"^resource \w+ 'Microsoft.Insights/(\w+)@\S+' = \[for item in (\w+): (if [^\n]*)?\{\n(.*?)^\}\]"
        for kind, array, condition, body in re.findall(loops, text, re.MULTILINE | re.DOTALL):
            if kind == "scheduledQueryRules" and "evaluationFrequency: 'PT15M'" not in body:
                raise ValueError(
                    f"{file.name}: log alerts every other time than 15 minutes have no price in prices.json"
                )
            if kind in counts:
                # The one alert with a condition is off by default.
                counts[kind] += _declared(text, array) - bool(condition)
    return counts["scheduledQueryRules"], counts["metricAlerts"]


def _declared(text: str, name: str) -> int:
    """How many objects with a name an array of a Bicep file has. Raises ValueError if there is no such array."""
    found = re.search(rf"^var {name} = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    if not found:
        raise ValueError(f"there is no array {name}")
    return len(re.findall(r"^    name: '", found[1], re.MULTILINE))


def idle(values: Mapping[str, str]) -> list[Item]:
    """A month without videos. The free GB-s of functions are subtracted, the free GB of logs are not."""
    sweeps, reconciliations = (runs_a_month(values[name]) for name in ("completeSchedule", "reconcileSchedule"))
    runs = sweeps + reconciliations
    gb_seconds = runs * used("timer.seconds") * int(values["memoryMb"]) / 1024
    second = price("function_gb_second")
    listings = sweeps * used("timer.sweep_blob_listings") + reconciliations * used("timer.reconciliation_blob_listings")
    reads = reconciliations * used("timer.reconciliation_blob_reads")
    queries = reconciliations * used("timer.reconciliation_table_queries")
    requests = listings * price("blob_write_10k") + reads * price("blob_read_10k") + queries * price("table_10k")
    request_kb, line_kb, row_kb = used("timer.request_kb"), used("timer.line_kb"), used("storage_log_kb")
    app_gb = (runs * request_kb + reconciliations * line_kb) / 1e6
    storage_gb = (listings + reads) * row_kb / 1e6 if values["storageLogs"] == "all" else 0.0
    batch_kb = used("autoscale_log_kb")
    batch_gb = DAYS * EVALUATIONS_A_DAY * batch_kb / 1e6
    log, metric = alerts()
    gb = price("log_gb")
    return [
        Item(
            "alerts",
            f"{log} log alerts at {price('log_alert'):.2f}, {metric} metric alerts at {price('metric_alert'):.2f}",
            log * price("log_alert") + metric * price("metric_alert"),
        ),
        Item(
            "functions",
            f"{sweeps:,} sweeps, {reconciliations:,} reconciliations, each of at least 1 s in {values['memoryMb']} MB: "
            f"{gb_seconds:,.0f} GB-s at {decimal(second)}, less the free {free('function_gb_seconds'):,.0f}",
            max(0.0, gb_seconds - free("function_gb_seconds")) * second,
        ),
        Item(
            "storage requests of the app",
            f"1 listing a sweep, 2 listings and 1 read a reconciliation: {listings:,.0f} at {price('blob_write_10k')} "
            f"and {reads:,.0f} at {price('blob_read_10k')} per 10,000; {queries:,.0f} table queries, nearly nothing",
            requests / 1e4,
        ),
        Item(
            "storage requests of the host",
            f"the status of a timer, written once a run: {runs:,} at {price('host_write_10k')} per 10,000",
            runs * used("timer.host_writes") * price("host_write_10k") / 1e4,
        ),
        Item(
            "logs of the app",
            f"{request_kb:g} KB a run, {line_kb:g} KB a reconciliation: {app_gb:.3f} GB at {gb}",
            app_gb * gb,
        ),
        Item(
            "storage logs",
            f"`storageLogs={values['storageLogs']}`, {row_kb:g} KB a request: {storage_gb:.3f} GB",
            storage_gb * gb,
        ),
        Item(
            "Batch's log",
            f"an event of {batch_kb:g} KB for each autoscale run, every 5 minutes: {batch_gb:.3f} GB",
            batch_gb * gb,
        ),
    ]


def node_seconds() -> float:
    """Time of a node with two busy slots that one video takes."""
    return used("video.seconds_converting") / used("video.two_slots_speedup")


def per_videos(count: int = 1000) -> list[Item]:
    """What so many videos cost, without free grants."""
    hours = count * node_seconds() / 3600
    idle_minutes = used("idle_minutes_of_a_node")
    idle_hours = SMALL_BURST_NODES * idle_minutes / 60
    writes, reads, changes = (used(f"video.{name}") for name in ("blob_writes", "blob_reads", "table_transactions"))
    requests = writes * price("blob_write_10k") + reads * price("blob_read_10k") + changes * price("table_10k")
    rows, row_kb, log_kb = used("video.storage_log_rows"), used("storage_log_kb"), used("video.log_kb")
    gifs_gb, undelete = count * used("video.gif_mb") / 1000, int(parameters()["undeleteDays"])
    second = price("function_gb_second")
    gb_seconds = count * used("video.function_seconds") * int(parameters()["memoryMb"]) / 1024
    runs, events = count * used("video.function_runs"), count * used("video.events")
    return [
        Item(
            "nodes converting",
            f"{used('video.seconds_converting'):g} s a video on two cores, {used('video.two_slots_speedup'):g} times "
            f"the throughput with two concurrent tasks: {hours:.1f} node hours at {price('node_hour')}",
            hours * price("node_hour"),
        ),
        Item(
            "nodes starting and idle",
            f"{SMALL_BURST_NODES} nodes, {idle_minutes:g} minutes each: {idle_hours:.1f} node hours",
            idle_hours * price("node_hour"),
        ),
        Item(
            "storage requests",
            f"{writes:g} writes and {reads:g} reads of blobs, {changes:g} table transactions a video",
            count * requests / 1e4,
        ),
        Item(
            "soft delete",
            f"the staged copy of each GIF for {undelete} days: {gifs_gb:g} GB at {price('blob_gb_month')} a month",
            gifs_gb * price("blob_gb_month") * undelete / DAYS,
        ),
        Item(
            "functions",
            f"two events a video, each of at least 1 s: {gb_seconds:,.0f} GB-s at {decimal(second)}",
            gb_seconds * second + runs * price("function_million_runs") / 1e6,
        ),
        Item("logs", f"{log_kb:g} KB a video at {price('log_gb')} per GB", count * log_kb / 1e6 * price("log_gb")),
        Item(
            "storage logs",
            f"{rows:g} rows of {row_kb:g} KB a video",
            count * rows * row_kb / 1e6 * price("log_gb"),
        ),
        Item("Event Grid", f"{events:,.0f} operations", events * price("event_grid_100k") / 1e5),
    ]


def audit(videos: int, values: Mapping[str, str]) -> float:
    """USD a month for comparing the names of so many videos, beyond an idle deployment and without free grants."""
    names = min(videos, int(values["auditNames"]))
    pages = 2 * math.ceil(names / used("audit.names_per_listing"))
    requests = 2 * (pages - 2)  # the first page of both is in `idle`; the place is stored after each page
    usd = requests * price("blob_write_10k") / 1e4
    usd += math.ceil(names / used("audit.names_per_query")) * price("table_10k") / 1e4
    if values["storageLogs"] == "all":
        usd += requests * used("storage_log_kb") / 1e6 * price("log_gb")
    seconds = max(0.0, names / used("audit.names_per_second") - used("timer.seconds"))
    usd += seconds * int(values["memoryMb"]) / 1024 * price("function_gb_second")
    return runs_a_month(values["reconcileSchedule"]) * usd


def worst_case(values: Mapping[str, str]) -> list[Item]:
    """The most that a month can cost: everything at its limit all the time. Without downloads and uploaded videos."""
    dedicated, spot = int(values["maxDedicatedNodes"]), int(values["maxLowPriorityNodes"])
    instances = SCALING_GROUPS * int(values["maxInstances"]) + TIMERS
    memory_gb, cap = int(values["memoryMb"]) / 1024, int(values["logDailyCapGb"])
    videos = math.floor((dedicated + spot) * SECONDS / node_seconds())
    gifs_gb = videos * used("video.gif_mb") / 1000
    staged_gb = gifs_gb * int(values["undeleteDays"]) / DAYS
    requests = sum(item.usd for item in per_videos(videos) if item.what in ("storage requests", "Event Grid"))
    listing = audit(videos, {**values, "storageLogs": "none"})  # the logs are in their own line
    return [
        Item(
            "nodes",
            f"`maxDedicatedNodes={dedicated}` at {price('node_hour')} an hour, `maxLowPriorityNodes={spot}` at no more",
            (dedicated + spot) * HOURS * price("node_hour"),
        ),
        Item(
            "functions",
            f"`maxInstances={values['maxInstances']}` for HTTP and each of two events, one for each of two timers, "
            f"busy all month, `memoryMb={values['memoryMb']}`",
            instances * memory_gb * SECONDS * price("function_gb_second"),
        ),
        Item("logs", f"`logDailyCapGb={cap}` on {DAYS} days", cap * DAYS * price("log_gb")),
        Item(
            "storage",
            f"the {videos / 1e6:.2f} million videos that these nodes can convert: GIFs, stored for half of the month "
            f"on average, `undeleteDays={values['undeleteDays']}` for staged copies, requests, events, audit",
            (gifs_gb / 2 + staged_gb) * price("blob_gb_month") + requests + listing,
        ),
        Item("alerts", "as in the idle cost", idle(values)[0].usd),
    ]
