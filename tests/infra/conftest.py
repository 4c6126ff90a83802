"""Fixtures: a Python for the modules that the deploy scripts run, and a fake subscription for them."""

from collections.abc import Iterator

import pytest

from tests.support.fork_server import ForkServer, fork_server


@pytest.fixture(scope="session")
def python() -> Iterator[ForkServer]:
    """An interpreter that has imported the standard library only: our modules read the environment as they start."""
    with fork_server() as server:
        yield server
