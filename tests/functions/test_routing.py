"""Route templates and matching."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.functions.routing import InvalidRouteError, Route, decode_path, find, in_order, parse, shadowed


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("status", "status", {}),
        ("status", "STATUS/", {}),
        ("status", "status/x", None),
        ("status/{video}", "status/tom.mp4", {"video": "tom.mp4"}),
        ("status/{video}", "status", None),
        ("status/{video}", "status/", None),
        ("status/{video}", "status/cats/tom.mp4", None),
        ("status/{video?}", "status", {}),
        ("status/{video=all}", "status", {"video": "all"}),
        ("status/{*video}", "status/cats/tom.mp4", {"video": "cats/tom.mp4"}),
        ("status/{*video}", "status/cats/", {"video": "cats/"}),
        ("status/{*video}", "status", {}),
        ("status/{*video}", "status//x", None),
        ("status/{*video=all}", "status", {"video": "all"}),
        ("status/{**video}", "status/a/b", {"video": "a/b"}),
        ("{*rest}", "", {}),
        ("items/{id:int}", "items/-7", {"id": "-7"}),
        ("items/{id:int}", "items/x7", None),
        ("items/{id:int:min(5)}", "items/4", None),
        ("items/{id:length(2,3)}", "items/abcd", None),
        (
            "items/{id:guid?}",
            "items/6F9619FF-8B86-D011-B42D-00CF4FC964FF",
            {"id": "6F9619FF-8B86-D011-B42D-00CF4FC964FF"},
        ),
        ("files/{name}.{ext}", "files/a.b.c", {"name": "a.b", "ext": "c"}),
        ("files/{name}.{ext}", "files/abc", None),
        ("v{major}/x", "V2/X", {"major": "2"}),
        ("ünï/{x}", "ünï/ä b", {"x": "ä b"}),
    ],
)
def test_template_matches_paths_and_extracts_values(template: str, path: str, values: dict[str, str] | None) -> None:
    assert parse(template).match(path) == values


@pytest.mark.parametrize(
    "template",
    [
        "/status",
        "~/status",
        "a//b",
        "a?b",
        "{a",
        "a}",
        "{}",
        "{a}{b}",
        "{a}/{A}",
        "{*a}/b",
        "x{*a}",
        "{a}-{b?}",
        "{a:nosuch}",
        "{a:min(x)}",
        "{a:range(1)}",
        "{a=b?}",
        "{1a}",
    ],
)  # fmt: skip
def test_invalid_template_is_rejected(template: str) -> None:
    with pytest.raises(InvalidRouteError):
        parse(template)


def route(name: str, template: str, *methods: str) -> Route[str]:
    return Route(name=name, template=parse(template), methods=frozenset(methods) or None, target=name)


def test_first_function_by_name_wins_even_if_less_specific() -> None:
    routes = in_order([route("b_exact", "zoo/list"), route("A_any", "zoo/{name}")])
    assert find(routes, method="GET", path="zoo/list") == ("A_any", {"name": "list"})
    assert [(later.name, earlier.name) for later, earlier in shadowed(routes)] == [("b_exact", "A_any")]


def test_empty_catch_all_shadows_a_later_route() -> None:
    routes = in_order([route("status_list", "status", "GET"), route("status", "status/{*video}", "GET")])
    assert find(routes, method="GET", path="status") == ("status", {})
    assert [later.name for later, _ in shadowed(routes)] == ["status_list"]


def test_names_are_ordered_as_if_upper_case() -> None:
    routes = in_order([route("a_b", "x"), route("AAB", "y"), route("aa", "z")])
    assert [route.name for route in routes] == ["aa", "AAB", "a_b"]


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/api/a/../b", "api/b"),
        ("/api/a/%2E%2E%2fb", "api/b"),
        ("/api/./a/.", "api/a/"),
        ("/../../a", "a"),
        ("/api/a/..", "api/"),
        ("/a//b", "a//b"),
        ("/%ff", "\ufffd"),
        ("/", ""),
    ],
)
def test_decode_path_decodes_once_and_resolves_dots(raw: str, path: str) -> None:
    assert decode_path(raw) == path


def test_routes_with_other_methods_or_paths_do_not_shadow() -> None:
    routes = in_order([route("a", "x/{y}", "GET"), route("b", "x/list", "POST"), route("c", "x", "GET")])
    assert shadowed(routes) == []
    assert find(routes, method="POST", path="x/list") == ("b", {})
    assert find(routes, method="PUT", path="x/list") is None


def test_more_specific_route_does_not_shadow() -> None:
    assert shadowed(in_order([route("a_list", "zoo/list"), route("b", "zoo/{name}"), route("c", "{*all}")])) == []


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_catch_all_returns_any_quoted_name_unchanged(name: str) -> None:
    path = decode_path("/api/status/" + quote(name, safe=""))
    if {".", ".."} & set(name.split("/")):
        return
    expected = None if name.startswith("/") else {"video": name}
    assert parse("api/status/{*video}").match(path) == expected
