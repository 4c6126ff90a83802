"""The simulation of pools under autoscale formulas."""

from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from batch_emulator.autoscale import parse
from bench.autoscale import clairvoyant
from bench.autoscale.gifdrop import asks, formula_only, gifdrop
from bench.autoscale.plot import Point, frontier, scatter
from bench.autoscale.policy import EPOCH, Conditions, Hint, Outcome, Policy, State, percentile
from bench.autoscale.pool import _reparse, simulate
from bench.autoscale.report import Result
from bench.autoscale.rivals import fixed, keda, rivals
from bench.autoscale.workloads import DAY, HOUR, Video, Workload, workloads
from infra.autoscale import with_hint

EXACT = Conditions(boot_spread=0, submission=0, start_task=0, settle=0)
"""Every boot takes 150 seconds."""
ALWAYS_ONE = Policy(name="one", formula="$TargetDedicatedNodes = 1;")


def load(*videos: tuple[float, float], seconds: float = HOUR) -> Workload:
    return Workload("test", seconds, tuple(Video(*each) for each in videos))


def run(policy: Policy, *videos: tuple[float, float], conditions: Conditions = EXACT, seconds: float = HOUR) -> Outcome:
    return simulate(load(*videos, seconds=seconds), policy, conditions)


def test_same_seed_gives_the_same_outcome() -> None:
    workload = next(each for each in workloads() if each.name == "heavy tails")
    assert simulate(workload, gifdrop(4, 2)) == simulate(workload, gifdrop(4, 2))
    assert simulate(workload, gifdrop(4, 2)) != simulate(workload, gifdrop(4, 2), seed=2)


def test_first_evaluation_is_within_an_interval_and_the_node_is_billed_from_its_request() -> None:
    outcome = run(ALWAYS_ONE, (0, 10))
    requested = outcome.waits[0] - EXACT.boot
    assert 0 <= requested <= 300
    # The simulation ends at the first event after the hour.
    assert outcome.node_seconds == pytest.approx(HOUR - requested, abs=30)


def test_task_slots_limit_how_many_videos_run_at_once() -> None:
    outcome = run(ALWAYS_ONE, (600, 100), (600, 100), (600, 100))
    assert outcome.waits == pytest.approx((0, 0, 100))


def test_quota_limits_the_nodes() -> None:
    policy = Policy(name="ten", formula="$TargetDedicatedNodes = 10;")
    waits = run(policy, *[(600, 100)] * 10, conditions=replace(EXACT, quota=2)).waits
    assert sorted(waits) == pytest.approx([0] * 4 + [100] * 4 + [200] * 2)


def test_taskcompletion_lets_a_task_finish_before_its_node_is_removed() -> None:
    text = f"$TargetDedicatedNodes = time() < time('{(EPOCH + timedelta(minutes=10)).isoformat()}') ? 1 : 0;"
    outcome = run(Policy(name="ten minutes", formula=text), (0, 1000), seconds=2 * HOUR)
    assert outcome.totals[0] == pytest.approx(outcome.waits[0] + 1000)
    assert outcome.node_seconds == pytest.approx(EXACT.boot + 1000)


def test_formula_that_fails_leaves_the_pool_as_it_is() -> None:
    text = "$TargetDedicatedNodes = $PendingTasks.Count() > 15 ? vec() + 1 : 1;"
    assert len(run(Policy(name="fails", formula=text), (1200, 10)).waits) == 1


def test_samples_are_seen_after_their_lag() -> None:
    text = "$TargetDedicatedNodes = $PendingTasks.GetSamplePercent(TimeInterval_Minute) > 0 ? 1 : 0;"
    policy = Policy(name="sees", formula=text, interval=300)
    assert run(policy, (0, 10), conditions=replace(EXACT, lag=0)).waits[0] <= 300 + EXACT.boot
    # A sample of the last minute is never as old as two minutes, so there is no node: the video is never converted.
    with pytest.raises(RuntimeError, match="does not end"):
        run(policy, (0, 10), conditions=replace(EXACT, lag=120))


def test_evicted_task_runs_again() -> None:
    policy = Policy(name="spot", formula="$TargetLowPriorityNodes = 1;")
    conditions = replace(EXACT, spot_outages=((900.0, 1000.0),))
    outcome = run(policy, (800, 600), conditions=conditions)
    assert outcome.waits[0] == 0
    assert outcome.totals[0] > 700
    assert outcome.spot_seconds == outcome.node_seconds


def test_request_evaluates_the_formula_at_once_and_restarts_the_schedule() -> None:
    policy = replace(gifdrop(4, 2), hint=lambda state: Hint(state.open) if state.open and not state.target else None)
    outcome = run(policy, (1000, 10), seconds=2 * HOUR)
    assert outcome.waits[0] == pytest.approx(EXACT.boot)
    assert outcome.enables == 1
    # The next evaluation is five minutes after the request, when no sample shows a task but those of the first half.
    assert outcome.node_seconds == pytest.approx(600, abs=1)


def test_requests_are_thirty_seconds_apart_and_wait_for_a_resize() -> None:
    asked: list[float] = []

    def hint(state: State) -> Hint:
        asked.append(state.now)
        return Hint(state.open + state.target * 100)

    outcome = run(replace(gifdrop(20, 2), hint=hint), *((100 + number, 50) for number in range(20)), seconds=600)
    assert outcome.enables < len(asked)
    assert outcome.enables <= 600 / 30 + 1


def test_app_asks_for_nodes_if_too_few_are_coming_and_gives_them_back_once() -> None:
    hint = asks(cap=4, tasks_per_node=8)
    idle = State(now=100, waiting=0, running=0, target=0, idle_since=0, hinted_at=-30)
    assert hint(idle) is None
    assert hint(replace(idle, waiting=1, idle_since=None)) == Hint(1)
    assert hint(replace(idle, waiting=8, target=1, idle_since=None)) is None
    assert hint(replace(idle, waiting=9, target=1, idle_since=None)) == Hint(9)
    assert hint(replace(idle, waiting=900, target=4, idle_since=None)) is None
    assert hint(replace(idle, target=1, idle_since=90)) == Hint(0)
    assert hint(replace(idle, target=1, idle_since=90, hinted_at=95)) is None


def test_video_on_an_empty_pool_waits_for_the_boot_only_and_costs_little_more() -> None:
    outcome = simulate(load((1000, 20), seconds=DAY), gifdrop(4, 2), EXACT)
    assert outcome.waits[0] == pytest.approx(EXACT.boot, abs=1)
    assert outcome.node_seconds < EXACT.boot + 20 + 61
    assert outcome.enables == 2
    alone = simulate(load((1000, 20), seconds=DAY), formula_only(4), EXACT)
    assert alone.waits[0] >= outcome.waits[0]
    assert alone.node_seconds > outcome.node_seconds


def test_reparsed_formula_is_that_of_the_whole_text() -> None:
    text = gifdrop(4, 2).formula
    hinted = with_hint(text, EPOCH, 7)
    assert _reparse(parse(text), hinted) == parse(hinted)
    assert _reparse(_reparse(parse(text), hinted), text) == parse(text)


@pytest.mark.parametrize("policy", rivals(4, 2), ids=lambda policy: policy.name)
def test_rival_converts_every_video(policy: Policy) -> None:
    outcome = simulate(load(*((number * 200, 30) for number in range(20))), policy)
    assert len(outcome.totals) == 20
    assert outcome.node_seconds > 0
    assert policy.source.startswith("https://") or policy.name.startswith("fixed")


def test_fixed_pool_is_billed_all_the_time() -> None:
    assert run(fixed(3)).node_seconds == pytest.approx(3 * HOUR, abs=200)


def test_keda_keeps_nodes_for_its_cooldown() -> None:
    target = keda(10).target
    assert target is not None
    state = State(now=0, waiting=11, running=0, target=0, idle_since=None, hinted_at=0)
    assert target(state) == 3
    assert target(replace(state, now=300, waiting=0)) == 3
    assert target(replace(state, now=330, waiting=0)) == 0


def test_clairvoyant_boots_a_node_for_each_of_two_videos_far_apart() -> None:
    assert clairvoyant.node_seconds(load((0, 20), (HOUR, 20)).videos, 0, EXACT) == pytest.approx(2 * 170)


def test_clairvoyant_keeps_a_node_through_a_pause_shorter_than_a_boot() -> None:
    assert clairvoyant.node_seconds(load((0, 20), (100, 20)).videos, 0, EXACT) == pytest.approx(150 + 120)


def test_clairvoyant_needs_fewer_nodes_if_videos_may_wait() -> None:
    videos = load(*[(0, 60)] * 8).videos
    assert clairvoyant.node_seconds(videos, 0, EXACT) == pytest.approx(4 * 210)
    assert clairvoyant.node_seconds(videos, 180, EXACT) == pytest.approx(150 + 240)


def test_percentile_is_the_smallest_value_that_enough_values_do_not_exceed() -> None:
    assert percentile(tuple(map(float, range(1, 101))), 95) == 95
    assert percentile((7.0,), 95) == 7


def test_result_beats_another_if_it_is_better_in_one_respect_and_not_worse_in_the_other() -> None:
    here = Result("a", hours=10, wait=100, total=120, requests=0)
    assert replace(here, hours=9).beats(here)
    assert not replace(here, hours=9, wait=101).beats(here)
    assert not here.beats(here)


def test_workloads_are_in_order_of_arrival_and_the_same_for_a_seed() -> None:
    for one, other in zip(workloads(), workloads(), strict=True):
        assert one == other
        assert list(one.videos) == sorted(one.videos)
        assert one.videos[-1].arrival <= one.seconds


def test_frontier_has_the_points_that_no_other_dominates() -> None:
    cheap, quick, worse = Point("cheap", 1, 100), Point("quick", 10, 1), Point("worse", 10, 100)
    assert frontier([worse, quick, cheap]) == [cheap, quick]


def test_plot_is_xml_with_every_name() -> None:
    text = scatter("a < b", [Point("one & all", 1, 100), Point("two", 10, 0)])
    found = ["".join(each.itertext()) for each in ET.fromstring(text)]  # noqa: S314 - our own text
    assert {"a < b", "1  one & all: 1.0 h, 100 s", "2  two: 10.0 h, 1 s"} <= set(found)
