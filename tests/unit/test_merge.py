"""Two sorted listings merged by key."""

from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from shared.merge import merged


async def listing(names: list[str]) -> AsyncIterator[str]:
    for name in names:
        yield name


async def merge(left: list[str], right: list[str]) -> list[tuple[str, str | None, str | None]]:
    return [each async for each in merged(listing(left), listing(right), key=lambda name: name)]


async def test_merged_pairs_items_of_the_same_key() -> None:
    assert await merge(["a", "b", "d"], ["b", "c"]) == [
        ("a", "a", None),
        ("b", "b", "b"),
        ("c", None, "c"),
        ("d", "d", None),
    ]


async def test_merged_of_empty_listings_is_empty() -> None:
    assert await merge([], []) == []


async def test_merged_uses_the_key_and_not_the_item() -> None:
    pairs = merged(listing(["1z", "2a"]), listing(["2b"]), key=lambda name: name[0])
    assert [each async for each in pairs] == [("1", "1z", None), ("2", "2a", "2b")]


@given(st.sets(st.text(max_size=3)), st.sets(st.text(max_size=3)))
async def test_merged_has_each_key_once_in_order(left: set[str], right: set[str]) -> None:
    assert await merge(sorted(left), sorted(right)) == [
        (key, key if key in left else None, key if key in right else None) for key in sorted(left | right)
    ]
