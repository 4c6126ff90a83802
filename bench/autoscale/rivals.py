"""Other projects' ways to scale a Batch pool.

Each rule is restated here in formulas of our own, with the parameters that its source publishes; none is a copy.
The number of nodes is capped alike for all.
"""

from __future__ import annotations

from collections import deque

from bench.autoscale.policy import EPOCH, Policy, State

ARTICLE = "https://learn.microsoft.com/azure/batch/batch-automatic-scaling"
_END = "$NodeDeallocationOption = taskcompletion;"


def microsoft_pending(cap: int) -> Policy:
    """The article's first example: the mean of pending tasks over three minutes, one node if samples are few."""
    text = f"""
    recent = 180 * TimeInterval_Second;
    enough = $PendingTasks.GetSamplePercent(recent) >= 70;
    $TargetDedicatedNodes = min({cap}, enough ? avg($PendingTasks.GetSample(recent)) : 1);
    {_END}"""
    return Policy(name="Microsoft, pending tasks", source=f"{ARTICLE}#pending-tasks", formula=text)


def microsoft_parallel(cap: int, slots: int) -> Policy:
    """The article's third example: adds the nodes that the waiting tasks need beyond the slots there are."""
    text = f"""
    quarter = TimeInterval_Minute * 15;
    last = $ActiveTasks.GetSample(1);
    enough = $ActiveTasks.GetSamplePercent(quarter) >= 70;
    waiting = enough ? max(last, avg($ActiveTasks.GetSample(quarter))) : max(0, last);
    missing = (waiting - $TargetDedicatedNodes * {slots} + {slots - 1}) / {slots};
    $TargetDedicatedNodes = max(0, min({cap}, $TargetDedicatedNodes + missing));
    {_END}"""
    source = f"{ARTICLE}#example-3-accounting-for-parallel-tasks"
    return Policy(name="Microsoft, parallel tasks", source=source, formula=text)


def nf_azure(cap: int) -> Policy:
    """A node per pending task, by the larger of the last sample and the mean of five minutes; halves when idle."""
    text = f"""
    period = TimeInterval_Minute * 5;
    last = $PendingTasks.GetSample(1);
    enough = $PendingTasks.GetSamplePercent(period) >= 70;
    pending = enough ? max(last, avg($PendingTasks.GetSample(period))) : max(0, last);
    goal = pending > 0 ? pending : max(0, $TargetDedicatedNodes / 2);
    young = time() - time("{EPOCH.isoformat()}") < period;
    $TargetDedicatedNodes = young ? 1 : max(0, min({cap}, goal));
    {_END}"""
    source = "https://github.com/nextflow-io/nextflow/tree/master/plugins/nf-azure"
    return Policy(name="nf-azure", source=source, formula=text)


def ga4gh_tes(cap: int) -> Policy:
    """A node per pending task, by the least sample of 90 seconds. It has no cap of its own: the quota is one."""
    text = f"""
    age = time() - time("{EPOCH.isoformat()}");
    least = age > TimeInterval_Minute * 2 ? min($PendingTasks.GetSample(TimeInterval_Second * 90, 10)) : 1;
    $TargetDedicatedNodes = min({cap}, least);
    {_END}"""
    source = "https://github.com/microsoft/ga4gh-tes/blob/main/src/TesApi.Web/BatchPool.cs"
    return Policy(name="ga4gh-tes", source=source, formula=text)


def planetary_computer(cap: int, slots: int) -> Policy:
    """Nodes for all pending tasks of the last sample, at most 50 more at a time.

    The source scales low-priority nodes so; here they are dedicated, to compare all policies on the same nodes.
    """
    text = f"""
    pending = max(0, $PendingTasks.GetSample(1));
    goal = min({cap}, (pending + {slots - 1}) / {slots});
    $TargetDedicatedNodes = max(0, $CurrentDedicatedNodes + min(50, goal - $CurrentDedicatedNodes));
    {_END}"""
    source = "https://github.com/microsoft/planetary-computer-tasks/blob/main/deployment/terraform/batch_pool/main.tf"
    return Policy(name="planetary-computer-tasks", source=source, formula=text)


def fixed(nodes: int) -> Policy:
    return Policy(name=f"fixed pool of {nodes}", target=lambda _: nodes)


def keda(cap: int, *, tasks_per_node: int = 5, cooldown: float = 300.0) -> Policy:
    """KEDA with its defaults: a poll every 30 s, five messages a replica, 300 s of stabilization and cooldown.

    A model: KEDA cannot scale a Batch pool. It sees the queue without lag and may resize at any time.
    """
    wanted: deque[tuple[float, int]] = deque()

    def target(state: State) -> int:
        if wanted and wanted[-1][0] > state.now:
            wanted.clear()  # another run
        wanted.append((state.now, min(cap, -(-state.open // tasks_per_node))))
        while wanted[0][0] < state.now - cooldown:
            wanted.popleft()
        return max(number for _, number in wanted)

    return Policy(
        name="KEDA (model)", source="https://keda.sh/docs/latest/reference/scaledobject-spec", target=target, poll=30.0
    )


def rivals(cap: int, slots: int) -> list[Policy]:
    """All of them."""
    return [
        microsoft_pending(cap),
        microsoft_parallel(cap, slots),
        nf_azure(cap),
        ga4gh_tes(cap),
        planetary_computer(cap, slots),
        keda(cap),
        fixed(1),
        fixed(cap),
    ]
