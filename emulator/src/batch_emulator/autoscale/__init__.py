"""Batch's autoscale language: parse a formula, evaluate it against a history of samples. Pure: no clock, no I/O."""

from batch_emulator.autoscale.evaluator import Result, Situation, evaluate
from batch_emulator.autoscale.history import History, InsufficientSampleDataError
from batch_emulator.autoscale.parser import Formula, FormulaError, parse

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
