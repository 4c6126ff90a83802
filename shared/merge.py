"""Merges two sorted listings in constant memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable

A = TypeVar("A")
B = TypeVar("B")


async def merged(
    left: AsyncIterable[A], right: AsyncIterable[B], *, key: Callable[[A | B], str]
) -> AsyncIterator[tuple[str, A | None, B | None]]:
    """Each key of either listing once, with the item of each side or `None`.

    Both listings must be sorted by `key` and have each key at most once.
    """
    lefts, rights = aiter(left), aiter(right)
    one, other = await anext(lefts, None), await anext(rights, None)
    while one is not None or other is not None:
        keys = [key(item) for item in (one, other) if item is not None]
        first = min(keys)
        left_has = one is not None and key(one) == first
        right_has = other is not None and key(other) == first
        yield first, one if left_has else None, other if right_has else None
        if left_has:
            one = await anext(lefts, None)
        if right_has:
            other = await anext(rights, None)
