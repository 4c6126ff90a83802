"""What is repaired of a pool, given its nodes, their ages and past repairs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.lifecycle.pool_repair.decision import Limits, Plan, Repair, Situation, decide
from shared.services.batch.nodes import Node

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ACCOUNT = "https://home"
LIMITS = Limits(repair_after=timedelta(minutes=10), repairs_per_hour=6)


def node(
    name: str, state: str = "unusable", *, minutes: float = 15, schedulable: bool = True, problem: str = ""
) -> Node:
    since = NOW - timedelta(minutes=minutes)
    return Node(id=name, state=state, since=since, schedulable=schedulable, problem=problem)


def past(name: str, step: str = "reboot", *, minutes: float = 15, account: str = ACCOUNT) -> Repair:
    return Repair(at=NOW - timedelta(minutes=minutes), account=account, step=step, node=name)  # type: ignore[arg-type]


def pool(*nodes: Node) -> Situation:
    return Situation(account=ACCOUNT, now=NOW, nodes=nodes, slots_per_node=2)


def steps(plan: Plan) -> list[tuple[str, str]]:
    return [(repair.node, repair.step) for repair in plan.repairs]


IDLE = node("idle", "idle")


@pytest.mark.parametrize("state", ["unusable", "starttaskfailed", "offline", "unknown"])
def test_node_that_cannot_be_used_for_long_is_rebooted(state: str) -> None:
    assert steps(decide(pool(node("bad", state), IDLE), [], LIMITS)) == [("bad", "reboot")]


@pytest.mark.parametrize("state", ["idle", "running", "creating", "starting", "rebooting", "preempted", "leavingpool"])
def test_node_that_works_or_will_is_left_alone(state: str) -> None:
    assert decide(pool(node("good", state, minutes=600), IDLE), [], LIMITS).repairs == ()


def test_node_is_repaired_from_the_limit_on() -> None:
    assert steps(decide(pool(node("bad", minutes=10), IDLE), [], LIMITS)) == [("bad", "reboot")]


def test_node_that_cannot_be_used_for_a_moment_is_left_alone() -> None:
    assert decide(pool(node("bad", minutes=9), IDLE), [], LIMITS).repairs == ()


def test_repairs_of_a_node_escalate_from_reboot_to_reimage_to_removal() -> None:
    bad = pool(node("bad", minutes=12), IDLE)
    history: list[Repair] = []
    for minutes, step in ((60.5, "reboot"), (45, "reimage"), (30, "remove"), (15, "remove")):
        [repair] = decide(bad, history, LIMITS).repairs
        assert repair.step == step
        history.append(replace(repair, at=NOW - timedelta(minutes=minutes)))


def test_repair_is_given_time_to_help() -> None:
    assert decide(pool(node("bad"), IDLE), [past("bad", minutes=5)], LIMITS).repairs == ()


def test_repair_of_a_day_ago_does_not_count() -> None:
    assert steps(decide(pool(node("bad"), IDLE), [past("bad", minutes=1440)], LIMITS)) == [("bad", "reboot")]


def test_repairs_of_another_account_do_not_count() -> None:
    others = [past("bad", account="https://other")] * 9
    assert steps(decide(pool(node("bad"), IDLE), others, LIMITS)) == [("bad", "reboot")]


def test_repairs_are_limited_an_hour_and_the_rest_is_a_finding() -> None:
    bad = [node(f"bad{number}", minutes=60 - number) for number in range(9)]
    plan = decide(pool(*bad, IDLE), [past("other", minutes=30)] * 2, LIMITS)
    assert steps(plan) == [(f"bad{number}", "reboot") for number in range(4)]
    assert plan.findings == ("Nodes that need a repair: 9. Left of 6 an hour: 4.",)


def test_node_is_not_removed_while_the_pool_is_resized() -> None:
    resized = replace(pool(node("bad"), IDLE), resizing_since=NOW)
    assert decide(resized, [past("bad"), past("bad", "reimage")], LIMITS).repairs == ()


def test_nodes_that_all_fail_alike_open_the_breaker() -> None:
    failing = [node(name, "starttaskfailed", problem="FailureExitCode 1") for name in "abc"]
    plan = decide(pool(*failing), [], LIMITS)
    assert (plan.repairs, plan.hold) == ((), True)
    assert "All nodes fail alike (starttaskfailed FailureExitCode 1)" in plan.findings[0]


def test_only_node_is_repaired_before_the_breaker_opens() -> None:
    plan = decide(pool(node("only")), [], LIMITS)
    assert (steps(plan), plan.hold) == ([("only", "reboot")], None)


def test_repairs_that_led_to_no_node_that_works_open_the_breaker() -> None:
    tried = [past("gone", step, minutes=minutes) for step, minutes in (("reboot", 50), ("reimage", 40), ("remove", 30))]
    plan = decide(pool(node("next")), tried, LIMITS)
    assert (plan.repairs, plan.hold) == ((), True)


def test_open_breaker_tries_one_node_from_time_to_time() -> None:
    failing = [node("new", minutes=31), node("old", minutes=45)]
    assert steps(decide(pool(*failing), [], LIMITS)) == [("old", "reboot")]
    assert decide(pool(*failing), [past("old", minutes=29)], LIMITS).repairs == ()
    assert steps(decide(pool(*failing), [past("old", minutes=31)], LIMITS)) == [("old", "reimage")]


def test_node_that_works_closes_the_breaker() -> None:
    failing = [node("a"), node("b")]
    plan = decide(pool(*failing, IDLE), [], LIMITS)
    assert (steps(plan), plan.hold) == ([("a", "reboot"), ("b", "reboot")], False)


def test_breaker_stays_as_it_is_while_the_node_that_is_tried_restarts() -> None:
    plan = decide(pool(node("tried", "rebooting", minutes=1)), [past("tried", minutes=1)], LIMITS)
    assert (plan.repairs, plan.hold) == ((), None)


def test_endless_failure_costs_no_more_repairs_than_the_breaker_tries() -> None:
    history: list[Repair] = []
    start = NOW
    for minute in range(0, 24 * 60, 5):
        now = start + timedelta(minutes=minute)
        bad = [replace(node(name), since=start - timedelta(hours=1)) for name in "abcdefgh"]
        history += decide(replace(pool(*bad), now=now), history, LIMITS).repairs
    assert len(history) <= 24 * 2


def test_resize_without_any_node_is_stopped_while_tasks_wait() -> None:
    stuck = replace(pool(), waiting=1, resizing_since=NOW - timedelta(minutes=31))
    plan = decide(stuck, [], LIMITS)
    assert steps(plan) == [("", "stop resize")]
    assert decide(stuck, plan.repairs, LIMITS).repairs == ()
    assert decide(replace(stuck, waiting=0), [], LIMITS).repairs == ()
    assert decide(replace(stuck, nodes=[node("busy", "running")]), [], LIMITS).repairs == ()
    assert decide(replace(stuck, resizing_since=NOW - timedelta(minutes=29)), [], LIMITS).repairs == ()
    assert steps(decide(replace(stuck, resizing_since=NOW - timedelta(minutes=30)), [], LIMITS)) != []


def test_stopping_a_resize_counts_as_a_repair_of_the_hour() -> None:
    stuck = replace(pool(), waiting=1, resizing_since=NOW - timedelta(minutes=31))
    assert decide(stuck, [past(name) for name in "abcdef"], LIMITS).repairs == ()


def test_disabled_scheduling_is_named() -> None:
    waiting = replace(pool(node("idle", "idle", schedulable=False)), waiting=3, waiting_slots=3)
    assert "scheduling is disabled on every node" in decide(waiting, [], LIMITS).findings[0]
    assert decide(replace(waiting, waiting=0, waiting_slots=0), [], LIMITS).findings == ()
    assert decide(replace(waiting, nodes=[IDLE]), [], LIMITS).findings == ()


def test_tasks_that_need_more_slots_than_a_node_has_are_named() -> None:
    waiting = replace(pool(IDLE), waiting=1, waiting_slots=3)
    assert "more than the 2 task slots" in decide(waiting, [], LIMITS).findings[0]
    assert decide(replace(waiting, waiting_slots=2), [], LIMITS).findings == ()
