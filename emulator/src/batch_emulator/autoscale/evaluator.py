"""Evaluates a parsed formula: from the state of a pool to new targets."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lark import Token, Tree

from batch_emulator.autoscale.functions import FUNCTIONS, UNITS, moment
from batch_emulator.autoscale.history import METRICS, History, InsufficientSampleDataError
from batch_emulator.autoscale.parser import Formula, FormulaError, Node, parse
from batch_emulator.autoscale.values import Interval, OperationError, Value, binary, format_value, type_name

DEALLOCATION = ("requeue", "terminate", "taskcompletion", "retaineddata")
_TARGETS = ("$TargetDedicatedNodes", "$TargetLowPriorityNodes")
_OPTION = "$NodeDeallocationOption"
# Names in formulas of 2017.
_OLD_NAMES = {"$TargetDedicated": "$TargetDedicatedNodes", "$CurrentDedicated": "$CurrentDedicatedNodes"}
_MEMBERS = ("year", "month", "day", "hour", "minute", "second")
_MAX_NODES = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The state of the pool that a formula reads. `now` is aware."""

    now: datetime
    current_dedicated: int = 0
    current_low_priority: int = 0
    target_dedicated: int = 0
    target_low_priority: int = 0
    preempted: int = 0
    task_slots_per_node: int = 1
    history: History = field(default_factory=History)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a formula: targets in nodes, deallocation option, all variables, and Batch's result string."""

    target_dedicated: int
    target_low_priority: int
    deallocation_option: str
    variables: dict[str, Value]
    text: str


class _StopSignalError(Exception):
    """stop() was called."""


def evaluate(formula: Formula | str, situation: Situation, *, seed: int | None = None) -> Result:
    """Evaluate `formula`. `seed` makes rand() repeatable.

    Raises FormulaError with line and column; its cause is an InsufficientSampleDataError if samples are missing.
    """
    parsed = parse(formula) if isinstance(formula, str) else formula
    run = _Run(situation, random.Random(seed))  # noqa: S311 - rand() of a formula is no secret
    try:
        for statement in parsed.statements:
            run.execute(statement)
    except _StopSignalError:
        pass
    except RecursionError:
        raise FormulaError("the formula is nested too deeply") from None
    try:
        return run.result()
    except (ValueError, OverflowError) as error:
        raise FormulaError(f"a value cannot be written: {error}") from error


class _Run:
    def __init__(self, situation: Situation, rng: random.Random) -> None:
        self._situation = situation
        self._rng = rng
        self._user: dict[str, Value] = {}
        self._system: dict[str, Value] = {
            "$TargetDedicatedNodes": float(situation.target_dedicated),
            "$TargetLowPriorityNodes": float(situation.target_low_priority),
            _OPTION: "requeue",
        }
        self._readable: dict[str, Value] = {
            "$CurrentDedicatedNodes": float(situation.current_dedicated),
            "$CurrentLowPriorityNodes": float(situation.current_low_priority),
            "$PreemptedNodeCount": float(situation.preempted),
            "$TaskSlotsPerNode": float(situation.task_slots_per_node),
        }

    def execute(self, statement: Node) -> None:
        if statement.data == "bare":
            self._value(statement.children[0])
            return
        token, expression = statement.children
        name = _OLD_NAMES.get(str(token), str(token))
        value = self._value(expression)
        if name in METRICS or name in UNITS or name.startswith("TimeInterval_"):
            raise _error(f"{name} cannot be assigned to", token)
        if name in _TARGETS:
            if not isinstance(value, float) or not -_MAX_NODES <= value <= _MAX_NODES:
                raise _error(f"{name} takes a double that is a number of nodes", token)
            self._system[name] = value
        elif name == _OPTION:
            if value not in DEALLOCATION:
                raise _error(f"{name} takes one of {', '.join(DEALLOCATION)}", token)
            self._system[name] = value
        else:
            self._user[name] = value

    def result(self) -> Result:
        dedicated, low_priority = (max(0, int(_double(self._system[name]))) for name in _TARGETS)
        option = str(self._system[_OPTION])
        parts = [f"{_TARGETS[0]}={dedicated}", f"{_TARGETS[1]}={low_priority}", f"{_OPTION}={option}"]
        parts += [f"{name}={format_value(value)}" for name, value in sorted(self._user.items())]
        return Result(dedicated, low_priority, option, self._system | self._user, ";".join(parts))

    def _value(self, node: Node | Token) -> Value:
        assert isinstance(node, Tree)  # noqa: S101
        try:
            return self._evaluate(node)
        except (OperationError, InsufficientSampleDataError) as error:
            raise _error(str(error), node) from error
        except (ValueError, OverflowError, ArithmeticError) as error:
            if isinstance(error, FormulaError):
                raise
            raise _error(str(error), node) from error

    def _evaluate(self, node: Node) -> Value:
        children = node.children
        match str(node.data):
            case "number":
                return float(str(children[0]))
            case "string":
                return str(children[0])[1:-1]
            case "variable":
                return self._variable(str(children[0]))
            case "binary":
                left, symbol, right = children
                return binary(str(symbol), self._value(left), self._value(right))
            case "sign":
                value = self._value(children[1])
                return binary("*", value, -1.0 if str(children[0]) == "-" else 1.0)
            case "negation":
                return float(not self._truth(children[0]))
            case "both":
                return float(self._truth(children[0]) and self._truth(children[1]))
            case "either":
                return float(self._truth(children[0]) or self._truth(children[1]))
            case "ternary":
                return self._value(children[1] if self._truth(children[0]) else children[2])
            case "call":
                return self._call(str(children[0]), self._arguments(children[1:]))
            case "member":
                return _member(self._value(children[0]), str(children[1]))
            case "method":
                return self._method(children)
        raise OperationError(f"{node.data} has no value")

    def _truth(self, node: Node | Token) -> bool:
        value = self._value(node)
        if not isinstance(value, float):
            raise OperationError(f"a double is expected as a condition, not a {type_name(value)}")
        return value != 0

    def _arguments(self, nodes: list[Node | Token]) -> list[Value]:
        return [self._value(each) for node in nodes if isinstance(node, Tree) for each in node.children]

    def _variable(self, given: str) -> Value:
        name = _OLD_NAMES.get(given, given)
        for known in (self._user, self._system, self._readable):
            if name in known:
                return known[name]
        if name.startswith("TimeInterval_") and name.removeprefix("TimeInterval_") in UNITS:
            return Interval(UNITS[name.removeprefix("TimeInterval_")])
        if name in DEALLOCATION:
            return name
        if name in METRICS:
            raise OperationError(f"{name} is a metric: use {name}.GetSample()")
        raise OperationError(f"unknown variable {given}")

    def _call(self, name: str, arguments: list[Value]) -> Value:
        if name == "stop" and not arguments:
            raise _StopSignalError
        if name == "rand" and not arguments:
            return self._rng.random()
        if name == "time":
            match arguments:
                case [] | [""]:
                    return self._situation.now
                case [str() as text]:
                    return moment(text)
            raise OperationError("time takes a string or nothing")
        function = FUNCTIONS.get(name)
        if function is None:
            raise OperationError(f"unknown function {name}")
        return function(*arguments)

    def _method(self, children: list[Node | Token]) -> Value:
        target, name = children[0], str(children[1])
        if not isinstance(target, Tree) or target.data != "variable":
            raise OperationError(f"only a metric has the method {name}")
        metric = str(target.children[0])
        metric = _OLD_NAMES.get(metric, metric)
        if metric not in METRICS:
            raise OperationError(f"{metric} is not a metric and has no method {name}")
        return self._call_metric(metric, name, self._arguments(children[2:]))

    def _call_metric(self, metric: str, name: str, arguments: list[Value]) -> Value:
        history, now = self._situation.history, self._situation.now
        match name, arguments:
            case "GetSample", [float() as count]:
                return history.last(metric, int(count), now)
            case "GetSample", [(Interval() | datetime()) as start]:
                return history.between(metric, self._time(start), now, now)
            case "GetSample", [(Interval() | datetime()) as start, float() as percent]:
                return history.between(metric, self._time(start), now, now, percent)
            case "GetSample", [(Interval() | datetime()) as start, (Interval() | datetime()) as end, *rest]:
                if not rest or (len(rest) == 1 and isinstance(rest[0], float)):
                    first, last = sorted((self._time(start), self._time(end)))
                    return history.between(metric, first, last, now, *map(_double, rest))
            case "GetSamplePercent", [(Interval() | datetime()) as start]:
                return history.percent(metric, self._time(start), now, now)
            case "GetSamplePercent", [(Interval() | datetime()) as start, (Interval() | datetime()) as end]:
                first, last = sorted((self._time(start), self._time(end)))
                return history.percent(metric, first, last, now)
            case "GetSamplePeriod", []:
                return Interval(history.period)
            case "Count", []:
                return float(history.count(metric, now))
            case "HistoryBeginTime", []:
                return history.begins(metric, now)
        shown = ", ".join(type_name(each) for each in arguments)
        raise OperationError(f"a metric has no {name}({shown})")

    def _time(self, value: datetime | Interval) -> datetime:
        """A point in time: an interval is subtracted from now."""
        if isinstance(value, datetime):
            return value
        return self._situation.now - timedelta(seconds=abs(value.seconds))


def _double(value: Value) -> float:
    return value if isinstance(value, float) else 0.0


def _member(value: Value, name: str) -> Value:
    if isinstance(value, datetime):
        moment_utc = value.astimezone(UTC)
        if name == "weekday":
            # Sunday is 0, Monday 1.
            return float(moment_utc.isoweekday() % 7)
        if name in _MEMBERS:
            return float(getattr(moment_utc, name))
    raise OperationError(f"a {type_name(value)} has no member {name}")


def _error(text: str, at: Node | Token) -> FormulaError:
    if isinstance(at, Token):
        return FormulaError(text, line=at.line or 1, column=at.column or 1)
    meta = at.meta
    return FormulaError(text, line=getattr(meta, "line", 1), column=getattr(meta, "column", 1))
