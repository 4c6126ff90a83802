"""Lists: `$filter`, `$select`, `$expand`, `maxresults`, and the link to the next page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from batch_emulator.errors import BatchError
from batch_emulator.wire import odata, old_versions
from batch_emulator.wire.call import Call, json_response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import web

    from batch_emulator.entity import Doc

_MAX_PAGE_ITEMS = 1000


@dataclass(frozen=True, slots=True)
class Kind:
    """The properties by which a list of one kind of resource can be selected and filtered."""

    name: str
    selectable: frozenset[str]
    filterable: frozenset[str]
    max_items: int = _MAX_PAGE_ITEMS


def kind(name: str, selectable: Iterable[str], filterable: str, *, max_items: int = _MAX_PAGE_ITEMS) -> Kind:
    """A Kind; `filterable` is a space-separated list of paths."""
    return Kind(name, frozenset(selectable), frozenset(filterable.split()), max_items)


def selected(call: Call, kind: Kind) -> frozenset[str] | None:
    """The properties that `$select` names; None for all. Also checks `$expand`."""
    expand = call.request.query.get("$expand")
    if expand and expand != "stats":
        raise _bad("$expand", expand, "Only stats can be expanded")
    text = call.request.query.get("$select")
    if not text:
        return None
    names = frozenset(old_versions.normal_name(name.strip(), call.version) for name in text.split(",") if name.strip())
    if "*" in names:
        return None
    unknown = names - kind.selectable
    if unknown:
        raise _bad("$select", text, f"Unknown properties: {', '.join(sorted(unknown))}")
    return names


def project(doc: Doc, names: frozenset[str] | None) -> Doc:
    """`doc` with only the properties `names`."""
    return doc if names is None else {name: value for name, value in doc.items() if name in names}


def page(call: Call, kind: Kind, items: Iterable[tuple[int, Doc]]) -> web.Response:
    """A page of `items`, each with its position in the order of the list."""
    names = selected(call, kind)
    query = call.request.query
    text = query.get("$filter")
    try:
        wanted = odata.compile_filter(text, kind.filterable) if text and text.strip() else None
    except odata.FilterError as error:
        raise _bad("$filter", str(text), str(error)) from None
    limit = _number(query.get("maxresults"), "maxresults", 1, kind.max_items, default=kind.max_items)
    after = _number(query.get("$skiptoken"), "$skiptoken", 0, 1 << 62, default=0)
    found: list[Doc] = []
    last = more = 0
    for place, doc in items:
        if place > after and (wanted is None or wanted(doc)):
            if len(found) == limit:
                more = last
                break
            found.append(project(doc, names))
            last = place
    body: Doc = {"odata.metadata": f"{call.base}/$metadata#{kind.name}", "value": found}
    if more:
        body["odata.nextLink"] = _next(call, more)
    return json_response(body)


def _next(call: Call, after: int) -> str:
    path, _, query = call.request.raw_path.partition("?")
    pairs = [(name, value) for name, value in parse_qsl(query) if name != "$skiptoken"]
    return f"{call.base}{path}?{urlencode([*pairs, ('$skiptoken', str(after))])}"


def _number(text: str | None, name: str, low: int, high: int, *, default: int) -> int:
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        raise _bad(name, text, "A number is expected") from None
    if not low <= value <= high:
        raise _bad(name, text, f"A number from {low} to {high} is expected")
    return value


def _bad(name: str, value: str, reason: str) -> BatchError:
    return BatchError("InvalidQueryParameterValue", QueryParameterName=name, QueryParameterValue=value, Reason=reason)
