"""The sources of the app and the converter hold no keys and no local branch."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = ("account_key", "accountkey", "connection_string", "namedkeycredential", "azurite", "localhost")


@pytest.mark.parametrize("word", FORBIDDEN)
def test_app_and_converter_do_not_mention(word: str) -> None:
    sources = [ROOT / "function_app.py", *(ROOT / "shared").rglob("*.py"), *(ROOT / "converter").rglob("*.py")]
    assert [str(source) for source in sources if word in source.read_text().lower()] == []
