"""The two stored forms of a conversion: the record's JSON body, and its metadata, which a listing returns."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from shared.conversion import STATES, Conversion, Extra, Gif, Problem, Source
from shared.names import extra_name, gif_name
from shared.options import NOT_KNOWN_PRESET, Options
from shared.timestamps import to_rfc3339

T = TypeVar("T")

SCHEMA = 1
"""Version of the record's schema, in `schema`. It rises only when an older app would misunderstand a record: new fields
alone do not raise it, because an older app keeps them. Records without it have version 1."""
MAX_METADATA_MESSAGE_CHARS = 600
MAX_METADATA_BYTES = 7800
"""Azure allows 8 KiB for all names and values."""
_JSON_FIELDS = ("source", "options", "warnings", "notes")
"""Fields that are JSON in the metadata. What does not fit any more is left out there."""
_FIELD_TYPES = {f.name: str(f.type) for f in fields(Conversion)}
_WHOLE_NUMBERS = tuple(name for name, type_ in _FIELD_TYPES.items() if type_ == "int")
_NUMBERS = tuple(name for name, type_ in _FIELD_TYPES.items() if type_ == "float | None")
_MOMENTS = tuple(name for name, type_ in _FIELD_TYPES.items() if type_ == "datetime | None")


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a record's body says."""

    conversion: Conversion | None
    """`None` only where a newer schema cannot be read."""
    newer: bool
    """Whether a newer version of gifdrop wrote it with a schema that this one must not change."""
    unknown: Mapping[str, object]
    """Top-level fields that this version does not know."""


class UnreadableRecordError(Exception):
    """A stored record does not have the form that gifdrop writes."""


def to_json(conversion: Conversion, *, unknown: Mapping[str, object] | None = None) -> bytes:
    """The record's body; `unknown` are fields of the stored record that this version does not know."""
    values = asdict(conversion) | {"options": conversion.options.to_json()}
    body = dict(unknown or {}) | values | {"schema": SCHEMA}
    return json.dumps(body, default=to_rfc3339, ensure_ascii=False).encode()


def from_json(body: bytes) -> Record:
    """The record in a body. Raises `UnreadableRecordError`.

    Of a record with a newer schema, what cannot be read is left out.
    """
    try:
        values = json.loads(body)
        newer = int(values.pop("schema", SCHEMA)) > SCHEMA
    except (ValueError, TypeError, AttributeError) as error:
        raise UnreadableRecordError(str(error)) from error
    unknown = {name: value for name, value in values.items() if name not in _FIELD_TYPES}
    try:
        known = {name: value for name, value in values.items() if name in _FIELD_TYPES}
        conversion = _conversion(known | {"options": _options(values["options"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if not newer:
            raise UnreadableRecordError(str(error)) from error
        conversion = None
    return Record(conversion=conversion, newer=newer, unknown=unknown)


METADATA_FIELDS = tuple(name for name in _FIELD_TYPES if name not in ("video", "leftovers", *_JSON_FIELDS))
"""Fields that are also in the record's metadata, so that listing conversions opens no record."""


def to_metadata(conversion: Conversion) -> dict[str, str]:
    """The fields that are set, in ASCII: metadata is sent as headers and limited to 8 KiB."""
    metadata = {"schema": str(SCHEMA)}
    for name in METADATA_FIELDS:
        value = getattr(conversion, name)
        if isinstance(value, Problem):
            metadata["error_code"] = value.code
            metadata["error_message"] = quote(value.message[:MAX_METADATA_MESSAGE_CHARS], safe=" '(),:")
        elif isinstance(value, Gif):
            metadata[name] = json.dumps(_without_names(value))
        elif value is not None and value != "":  # a header without a value may be dropped on the way
            metadata[name] = to_rfc3339(value) if isinstance(value, datetime) else str(value)
    return metadata | _json_metadata(conversion, MAX_METADATA_BYTES - _size(metadata))


def _json_metadata(conversion: Conversion, free: int) -> dict[str, str]:
    """The `_JSON_FIELDS` that are set and fit into so many bytes."""
    values = {
        "source": asdict(conversion.source) if conversion.source else None,
        "options": conversion.options.to_json() if conversion.options.preset != NOT_KNOWN_PRESET else None,
        "warnings": conversion.warnings,
        "notes": conversion.notes,
    }
    metadata: dict[str, str] = {}
    for name, value in values.items():
        text = json.dumps(value)  # in ASCII
        if value and _size(metadata) + len(name) + len(text) <= free:
            metadata[name] = text
    return metadata


def _size(metadata: Mapping[str, str]) -> int:
    return sum(len(name) + len(value) for name, value in metadata.items())


def from_metadata(video: str, metadata: Mapping[str, str]) -> Conversion:
    """The conversion in a record's metadata. Raises `UnreadableRecordError`.

    Records of earlier versions have no options in their metadata: their preset is `NOT_KNOWN_PRESET`.
    """
    try:
        values: dict[str, Any] = {name: metadata[name] for name in METADATA_FIELDS if name in metadata}
        for name in values.keys() & _WHOLE_NUMBERS:
            values[name] = int(values[name])
        for name in values.keys() & _NUMBERS:
            values[name] = float(values[name])
        if "gif" in values:
            values["gif"] = _with_names(json.loads(values["gif"]), gif_name(video))
        if "error_code" in metadata:
            values["error"] = {"code": metadata["error_code"], "message": unquote(metadata["error_message"])}
        values |= {name: json.loads(metadata[name]) for name in _JSON_FIELDS if name in metadata}
        values["options"] = _options(values.get("options", {"preset": NOT_KNOWN_PRESET}))
        return _conversion(values | {"video": video})
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableRecordError(str(error)) from error


def is_newer(metadata: Mapping[str, str]) -> bool:
    """Whether the record with this metadata has a newer schema."""
    text = metadata.get("schema", "")
    return text.isascii() and text.isdigit() and int(text) > SCHEMA


def _known(type_: type[T], values: Mapping[str, Any]) -> T:
    """A dataclass made of the values that it has fields for."""
    names = {f.name for f in fields(type_)}  # type: ignore[arg-type]  # a dataclass
    return type_(**{name: value for name, value in values.items() if name in names})


def _options(values: Mapping[str, Any]) -> Options:
    options = _known(Options, values)
    return replace(options, also=tuple(options.also))  # JSON has lists only


def _without_names(gif: Gif) -> dict[str, Any]:
    """The measurements of a GIF and the files beside it. Their names derive from the video's."""
    values = asdict(gif)
    del values["name"]
    for extra in values["also"]:
        del extra["name"]
    if not values["also"]:
        del values["also"]
    return values


def _with_names(values: dict[str, Any], name: str) -> dict[str, Any]:
    also = [extra | {"name": extra_name(name, extra["kind"])} for extra in values.get("also", ())]
    return {"name": name, **values, "also": also}


def _gif(values: Mapping[str, Any]) -> Gif:
    gif = _known(Gif, values)
    return replace(gif, also=tuple(_known(Extra, extra) for extra in values.get("also", ())))


def _conversion(values: dict[str, Any]) -> Conversion:
    for name in _MOMENTS:
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    if values.get("gif") is not None:
        values["gif"] = _gif(values["gif"])
    if values.get("error") is not None:
        values["error"] = _known(Problem, values["error"])
    if values.get("source") is not None:
        values["source"] = _known(Source, values["source"])
    for name in ("warnings", "notes", "leftovers"):
        values[name] = tuple(map(str, values.get(name) or ()))
    conversion = Conversion(**values)
    if conversion.state not in STATES:
        raise ValueError(f"unknown state {conversion.state!r}")
    return conversion
