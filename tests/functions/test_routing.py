"""Route templates, and which function a request finds."""

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
def test_what_a_template_matches(template: str, path: str, values: dict[str, str] | None) -> None:
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
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(InvalidRouteError):
        parse(template)


def route(name: str, template: str, *methods: str) -> Route[str]:
    return Route(name=name, template=parse(template), methods=frozenset(methods) or None, target=name)


def test_the_first_function_by_name_wins_however_general_its_route() -> None:
    routes = in_order([route("b_exact", "zoo/list"), route("A_any", "zoo/{name}")])
    assert find(routes, method="GET", path="zoo/list") == ("A_any", {"name": "list"})
    assert [(later.name, earlier.name) for later, earlier in shadowed(routes)] == [("b_exact", "A_any")]


def test_an_empty_catch_all_takes_what_a_later_function_was_meant_for() -> None:
    routes = in_order([route("status_list", "status", "GET"), route("status", "status/{*video}", "GET")])
    assert find(routes, method="GET", path="status") == ("status", {})
    assert [later.name for later, _ in shadowed(routes)] == ["status_list"]


def test_names_are_ordered_as_in_capitals() -> None:
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
def test_a_path_is_decoded_and_its_dots_are_resolved(raw: str, path: str) -> None:
    assert decode_path(raw) == path


def test_other_methods_and_other_paths_shadow_nothing() -> None:
    routes = in_order([route("a", "x/{y}", "GET"), route("b", "x/list", "POST"), route("c", "x", "GET")])
    assert shadowed(routes) == []
    assert find(routes, method="POST", path="x/list") == ("b", {})
    assert find(routes, method="PUT", path="x/list") is None


def test_the_more_specific_function_shadows_nothing() -> None:
    assert shadowed(in_order([route("a_list", "zoo/list"), route("b", "zoo/{name}"), route("c", "{*all}")])) == []


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_quoted_name_comes_out_of_a_catch_all_unchanged(name: str) -> None:
    path = decode_path("/api/status/" + quote(name, safe=""))
    if {".", ".."} & set(name.split("/")):
        return
    expected = None if name.startswith("/") else {"video": name}
    assert parse("api/status/{*video}").match(path) == expected
