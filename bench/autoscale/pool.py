"""A discrete-event simulation of a Batch pool under a formula text, evaluated by the emulator's own evaluator."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from batch_emulator.autoscale import Formula, FormulaError, History, Situation, evaluate, parse
from bench.autoscale.policy import EPOCH, Conditions, Outcome, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.autoscale.policy import Policy
    from bench.autoscale.workloads import Workload

MIN_SECONDS_BETWEEN_ENABLES = 30.0
TIMER_PERIOD = 60.0
"""Of the app's timer."""
MAX_OVERTIME = 14 * 86400.0
"""How long the last videos may take after the end of the workload."""


@dataclass(slots=True, eq=False)
class _Node:
    dedicated: bool
    allocated: float
    ready: bool = False
    leaving: bool = False
    gone: bool = False
    tasks: list[int] = field(default_factory=list)


class Simulation:
    """One run of a policy over a workload."""

    def __init__(self, workload: Workload, policy: Policy, conditions: Conditions, seed: int = 1) -> None:
        self.workload, self.policy, self.conditions = workload, policy, conditions
        self.now = 0.0
        self._rng = Random(seed)  # noqa: S311 - not a secret
        self._evictions = Random(seed + 1)  # noqa: S311 - not a secret
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._nodes: list[_Node] = []
        self._waiting: deque[int] = deque()
        self._running = 0
        self._started: dict[int, float] = {}
        self._ended: dict[int, float] = {}
        self._targets = (0, 0)
        self._resizing_until = 0.0
        self._leaving = 0
        self._history = History(lag=conditions.lag, keep=3600.0)
        self._formula: Formula | None = parse(policy.formula) if policy.formula else None
        self._schedule = 0
        self._enabled_at = -MIN_SECONDS_BETWEEN_ENABLES
        self._enables = 0
        self._ask_planned = False
        self._idle_since: float | None = 0.0
        self._billed = [0.0, 0.0]

    def run(self) -> Outcome:
        for number, video in enumerate(self.workload.videos):
            self._at(video.arrival + self.conditions.submission, partial(self._queue, number))
        self._every(30.0, self._sample)
        if self._formula is not None:
            # The schedule starts at an arbitrary moment, as a deployment does.
            self._at(self._rng.uniform(0, self.policy.interval), lambda: self._on_schedule(0))
        if self.policy.hint is not None:
            self._every(TIMER_PERIOD, self._ask)
        if self.policy.target is not None:
            self._every(self.policy.poll, self._poll)
        for start, _ in self.conditions.spot_outages:
            self._at(start, self._evict_all)
        while self._events and (self.now < self.workload.seconds or len(self._ended) < len(self.workload.videos)):
            self.now, _, event = heapq.heappop(self._events)
            if self.now > self.workload.seconds + MAX_OVERTIME:
                raise RuntimeError(f"{self.policy.name}: {self.workload.name} does not end")
            event()
        for node in self._nodes:
            self._bill(node)
        videos = self.workload.videos
        return Outcome(
            waits=tuple(self._started[number] - video.arrival for number, video in enumerate(videos)),
            totals=tuple(self._ended[number] - video.arrival for number, video in enumerate(videos)),
            node_seconds=sum(self._billed),
            spot_seconds=self._billed[1],
            enables=self._enables,
        )

    def _at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), event))

    def _every(self, period: float, action: Callable[[], None]) -> None:
        def step() -> None:
            action()
            self._at(self.now + period, step)

        self._at(self._rng.uniform(0, period), step)

    # Tasks

    def _queue(self, number: int) -> None:
        self._waiting.append(number)
        self._idle_since = None
        self._assign()
        if self.policy.hint is not None and not self._ask_planned:
            self._ask_planned = True
            self._at(self.now + self.conditions.settle, self._ask_planned_now)

    def _assign(self) -> None:
        """Give waiting tasks to the fullest node with a free slot: nodeFillType Pack."""
        slots = self.conditions.task_slots
        while self._waiting:
            free = [node for node in self._nodes if node.ready and not node.leaving and len(node.tasks) < slots]
            if not free:
                return
            node = max(free, key=lambda each: len(each.tasks))
            number = self._waiting.popleft()
            node.tasks.append(number)
            self._running += 1
            self._started.setdefault(number, self.now)
            seconds = self.workload.videos[number].seconds
            self._at(self.now + seconds, partial(self._end, node, number))

    def _end(self, node: _Node, number: int) -> None:
        if number not in node.tasks:
            return  # evicted
        node.tasks.remove(number)
        self._running -= 1
        self._ended[number] = self.now
        if node.leaving and not node.tasks:
            self._remove(node)
        self._assign()
        if not self._waiting and not self._running:
            self._idle_since = self.now

    # Nodes

    def _current(self, *, dedicated: bool) -> list[_Node]:
        return [node for node in self._nodes if node.dedicated == dedicated and not node.leaving]

    def _resize(self, targets: tuple[int, int]) -> None:
        """Set the targets and approach them, `taskcompletion` on the way down."""
        self._targets = targets
        quota = self.conditions.quota - self._leaving
        for index, target in enumerate(targets):
            present = self._current(dedicated=index == 0)
            allowed = max(0, min(target, quota))
            quota -= allowed
            # Idle nodes go first, then those with the fewest tasks.
            for node in sorted(present, key=lambda each: len(each.tasks))[: max(0, len(present) - target)]:
                node.leaving = True
                self._leaving += 1
                if not node.tasks:
                    self._remove(node)
            if index == 1 and not self.conditions.spot_available(self.now):
                continue
            for _ in range(allowed - len(present)):
                self._add(dedicated=index == 0)

    def _add(self, *, dedicated: bool) -> None:
        terms = self.conditions
        node = _Node(dedicated, self.now)
        self._nodes.append(node)
        boot = terms.boot + terms.boot_spread * self._rng.uniform(-1, 1)
        self._resizing_until = max(self._resizing_until, self.now + boot * terms.allocation_share)
        self._at(self.now + boot + terms.start_task, lambda: self._ready(node))
        if not dedicated and terms.spot_lifetime is not None:
            self._at(self.now + self._evictions.expovariate(1 / terms.spot_lifetime), lambda: self._evict(node))

    def _ready(self, node: _Node) -> None:
        if not node.gone:
            node.ready = True
            self._assign()

    def _remove(self, node: _Node) -> None:
        node.gone = True
        self._leaving -= node.leaving
        self._nodes.remove(node)
        self._bill(node)

    def _bill(self, node: _Node) -> None:
        self._billed[not node.dedicated] += self.now - node.allocated

    def _evict(self, node: _Node) -> None:
        if not node.gone:
            self._waiting.extendleft(reversed(node.tasks))
            self._running -= len(node.tasks)
            node.tasks.clear()
            self._remove(node)
            self._assign()

    def _evict_all(self) -> None:
        for node in [node for node in self._nodes if not node.dedicated]:
            self._evict(node)

    # Automatic scaling, with the rules of emulator/src/batch_emulator/pool/autoscale.py

    def _time(self) -> datetime:
        return EPOCH + timedelta(seconds=self.now)

    def _sample(self) -> None:
        waiting, running = len(self._waiting), self._running
        self._history.record(
            self._time(),
            {
                "$ActiveTasks": float(waiting),
                "$RunningTasks": float(running),
                "$PendingTasks": float(waiting + running),
                "$PreemptedNodeCount": 0.0,
                "$CurrentDedicatedNodes": float(len(self._current(dedicated=True))),
                "$CurrentLowPriorityNodes": float(len(self._current(dedicated=False))),
            },
        )

    def _on_schedule(self, schedule: int) -> None:
        if schedule == self._schedule:
            self._evaluate()
            self._at(self.now + self.policy.interval, lambda: self._on_schedule(schedule))

    @property
    def _steady(self) -> bool:
        return self.now >= self._resizing_until and not self._leaving

    def _evaluate(self) -> None:
        assert self._formula is not None
        current = len(self._current(dedicated=True)), len(self._current(dedicated=False))
        situation = Situation(
            now=self._time(),
            history=self._history,
            current_dedicated=current[0],
            current_low_priority=current[1],
            target_dedicated=self._targets[0],
            target_low_priority=self._targets[1],
            task_slots_per_node=self.conditions.task_slots,
        )
        try:
            result = evaluate(self._formula, situation)
        except FormulaError:
            return  # the pool keeps its size, as in Batch
        targets = result.target_dedicated, result.target_low_priority
        if self._steady and (targets != self._targets or sum(current) < sum(targets)):
            self._resize(targets)

    # The app

    def _state(self) -> State:
        return State(
            self.now, len(self._waiting), self._running, sum(self._targets), self._idle_since, self._enabled_at
        )

    def _poll(self) -> None:
        assert self.policy.target is not None
        target = self.policy.target(self._state())
        if target != self._targets[0]:
            self._resize((target, 0))

    def _ask(self) -> None:
        """Enable autoscale with a hint and the other interval, which evaluates the formula and restarts the schedule.

        Batch refuses that while the pool is resizing and within 30 seconds of the last time: asked again later.
        """
        if self.policy.hint is None or (hint := self.policy.hint(self._state())) is None:
            return
        if not self._steady or self.now - self._enabled_at < MIN_SECONDS_BETWEEN_ENABLES:
            if not self._ask_planned:
                self._ask_planned = True
                self._at(self.now + MIN_SECONDS_BETWEEN_ENABLES, self._ask_planned_now)
            return
        assert self.policy.hinted is not None
        assert self._formula is not None
        self._enabled_at = self.now
        self._enables += 1
        self._formula = _reparse(self._formula, self.policy.hinted(self.policy.formula, self._time(), hint.tasks))
        self._schedule += 1
        self._on_schedule(self._schedule)

    def _ask_planned_now(self) -> None:
        self._ask_planned = False
        self._ask()


def _reparse(formula: Formula, text: str) -> Formula:
    """Parse a text that differs from a parsed one in the values of some lines: only those, since parsing is slow."""
    old = set(formula.text.splitlines())
    changed = parse("\n".join(line for line in text.splitlines() if line not in old))
    values = {str(statement.children[0]): statement for statement in changed.statements}
    return Formula(text, tuple(values.get(str(each.children[0]), each) for each in formula.statements))


def simulate(workload: Workload, policy: Policy, conditions: Conditions | None = None, *, seed: int = 1) -> Outcome:
    """Run `policy` over `workload`. The same seed gives the same boots."""
    return Simulation(workload, policy, conditions or Conditions(), seed).run()
