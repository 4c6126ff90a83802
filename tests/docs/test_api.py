"""The fields of responses in docs/api.md are those of the code."""

import re
from pathlib import Path

import pytest

from shared.api.schemas import HealthResponse, ListResponse, StatsResponse
from shared.representation import VideoResponse

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("heading", "response"),
    [
        ("`GET status/{video}`", VideoResponse),
        ("`GET status?state=&prefix=&sort=&limit=&cursor=&include=`", ListResponse),
        ("`GET stats`", StatsResponse),
    ],
)
def test_table_has_every_field_of_the_response(heading: str, response: type) -> None:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert documented == set(response.__annotations__)


def test_health_is_described_with_every_field() -> None:
    section = PAGE.partition("## `GET health`\n")[2].partition("\n## ")[0]
    assert all(f"`{name}`" in section for name in HealthResponse.__annotations__)
