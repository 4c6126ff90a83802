"""Fixtures of the tests of storage."""

from collections.abc import AsyncIterator

import pytest

from tests.simulation.gate import Gate
from tests.simulation.storage import Clock
from tests.unit.services.storage.index_table import Recorder, indexed


@pytest.fixture
async def table() -> AsyncIterator[Recorder]:
    """An empty table, whose calls succeed without waiting; at the end it must be consistent."""
    table = Recorder(Gate(), Clock())
    table.gate.open = True
    yield table
    indexed(table)
