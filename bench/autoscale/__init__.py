"""Simulates the pool under our autoscale formula and under others' rules: cost against waiting."""

from bench.autoscale.report import run

__all__ = ["run"]
