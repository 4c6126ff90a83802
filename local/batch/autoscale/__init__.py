"""Batch's autoscale language: parse a formula, evaluate it against a history of samples. Pure: no clock, no I/O."""

from local.batch.autoscale.evaluator import Result, Situation, evaluate
from local.batch.autoscale.history import History, InsufficientSampleDataError
from local.batch.autoscale.parser import Formula, FormulaError, parse

__all__ = [
    "Formula",
    "FormulaError",
    "History",
    "InsufficientSampleDataError",
    "Result",
    "Situation",
    "evaluate",
    "parse",
]
