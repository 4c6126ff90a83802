"""ETags, and file names in Content-Disposition."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.api.http import MAX_FILE_NAME_CHARS, content_disposition, etag_matches, revalidated


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ('"b"', False),
        ("", False),
        (None, False),
    ],
)
def test_etag_is_compared_weakly(header: str | None, matches: bool) -> None:
    assert etag_matches(header, '"a"') is matches
    assert etag_matches(header, 'W/"a"') is matches


def test_body_that_has_not_changed_is_not_sent_again() -> None:
    first = revalidated({"state": "queued"}, {}, headers={"Retry-After": "2"})
    tag = first.headers["ETag"]
    again = revalidated({"state": "queued"}, {"if-none-match": tag}, headers={"Retry-After": "2"})
    assert (again.status, again.body, again.headers) == (304, b"", first.headers)
    assert revalidated({"state": "running"}, {"if-none-match": tag}).status == 200


def test_etag_can_depend_on_a_part_of_the_body() -> None:
    tag = revalidated({"videos": [], "as_of": 1}, {}, same=[]).headers["ETag"]
    assert tag.startswith("W/")
    assert revalidated({"videos": [], "as_of": 2}, {"if-none-match": tag}, same=[]).status == 304


@pytest.mark.parametrize(
    ("name", "plain", "encoded"),
    [
        ("cats/tom.gif", "tom.gif", "tom.gif"),
        ("jérry & tom.gif", "je_rry & tom.gif", "j%C3%A9rry%20%26%20tom.gif"),
        ('a"; filename="evil.exe.gif', "a_; filename=_evil.exe.gif", "a_%3B%20filename%3D_evil.exe.gif"),
        ("..\\..\\a.gif", ".._.._a.gif", ".._.._a.gif"),
        ("a\u202egpj.gif", "a_gpj.gif", "a_gpj.gif"),
        ("100%41.gif", "100_41.gif", "100_41.gif"),
    ],
)
def test_file_name_cannot_leave_its_quotes_or_its_folder(name: str, plain: str, encoded: str) -> None:
    assert content_disposition(name) == f"inline; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def test_download_is_an_attachment() -> None:
    assert content_disposition("a.gif", download=True).startswith("attachment; ")


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=1024))
@example("0" * MAX_FILE_NAME_CHARS)
@example("a." + "b" * MAX_FILE_NAME_CHARS)
def test_header_is_well_formed_whatever_the_name(name: str) -> None:
    header = content_disposition(name + ".gif")
    found = re.fullmatch(r"inline; filename=\"([ !#-\[\]-~]*)\"; filename\*=UTF-8''([A-Za-z0-9_.~%-]*)", header)
    assert found
    assert found[1].endswith(".gif")
    assert len(unquote(found[2])) <= MAX_FILE_NAME_CHARS
    assert not set(unquote(found[2])) & set("/\\\r\n")
