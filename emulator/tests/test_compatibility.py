"""COMPATIBILITY.md says what the routes and schemas say."""

from __future__ import annotations

import compatibility


def test_page_is_what_the_routes_and_schemas_generate() -> None:
    assert compatibility.PAGE.read_text(encoding="utf-8") == compatibility.page()


def test_every_client_calls_operations_that_exist() -> None:
    known = compatibility.operations().keys()
    assert {client: called - known for client, called in compatibility.CLIENTS.items() if called - known} == {}
    assert compatibility.SINCE.keys() <= known
