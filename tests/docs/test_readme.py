"""The README's tables, figures and pictures agree with the code."""

import re
from pathlib import Path

import pytest

from shared.options import METADATA, PRESETS, InvalidOptionError, Options, options_of
from shared.settings import Settings
from shared.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip("`"): cells[1:]
    for line in README.splitlines()
    if line.startswith("| `gif_")
    for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
}
BOUNDED = {key: (low, high) for key, (_, low, high) in ROWS.items() if low}
MAX_EXAMPLE_BYTES = 600_000


def is_allowed(key: str, text: str) -> bool:
    try:
        options_of({key: text}, Options(), max_seconds=Settings.max_seconds)
    except InvalidOptionError:
        return False
    return True


def test_options_in_the_table_exist() -> None:
    assert ROWS
    assert ROWS.keys() <= set(METADATA.values())


@pytest.mark.parametrize(("key", "low", "high"), [(key, *bounds) for key, bounds in BOUNDED.items()])
def test_bounds_in_the_table_are_those_of_the_code(key: str, low: str, high: str) -> None:
    step = 0.01 if "." in low else 1
    assert is_allowed(key, low)
    assert is_allowed(key, high)
    assert not is_allowed(key, f"{float(low) - step:g}")
    assert not is_allowed(key, str(int(high) + 1))


def test_choices_in_the_table_are_those_of_the_code() -> None:
    assert set(re.findall(r"`([\w-]+)`", ROWS["gif_preset"][0])) == set(PRESETS)
    assert set(re.findall(r"`([\w-]+)`", ROWS["gif_for"][0])) == set(TARGETS)


def test_costs_are_those_of_the_generated_tables() -> None:
    page = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
    totals = re.findall(r"\| \*\*total\*\* \| \| \*\*([\d.,]+)\*\* \|", page)
    videos, idle = re.findall(r"([\d.]+) USD", README)
    assert [videos, idle] == totals[:2]


def test_example_is_a_gif_that_loads_fast() -> None:
    example = (ROOT / "docs" / "example.gif").read_bytes()
    assert example.startswith(b"GIF89a")
    assert len(example) <= MAX_EXAMPLE_BYTES
