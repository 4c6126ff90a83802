"""The options of a GIF: read from blob metadata over the app's defaults, all bounded."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal

from shared.suggestion import MAX_NAME_CHARS, did_you_mean
from shared.targets import TARGETS

PRESETS = ("small", "balanced", "best")
FITS = ("inside", "cover", "exact")
EXTRAS = ("poster", "webp")
"""What can be made beside the GIF."""

SIZE_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "kib": 2**10, "mib": 2**20}
"""Bytes of a unit, in lower case."""
MAX_SPEED = 8.0
MAX_CROP_PIXELS = 65_535

METADATA_PREFIX = "gif_"
MAX_WARNINGS = 3
NOT_KNOWN_PRESET = ""
"""`Options.preset` of a stored conversion whose options are not known."""


class InvalidOptionError(ValueError):
    """An option's value is not allowed; the message says which values are."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to make a GIF. `None` leaves the choice to the preset, or to the converter."""

    preset: str = "balanced"
    width: int | None = None
    """Pixels, as `height`. `fit` says what a GIF with both is like."""
    height: int | None = None
    fit: str | None = None
    """`inside`, the default, `cover` or `exact`."""
    crop: str | None = None
    """An aspect such as `1:1`, or `width:height:x:y` in pixels of the video as it is shown."""
    fps: float | None = None
    start: float = 0
    """Seconds into the video."""
    duration: float | None = None
    """Seconds of the video, whatever the speed."""
    speed: float | None = None
    """2 is twice as fast as the video."""
    reverse: bool = False
    boomerang: bool = False
    """Whether the GIF plays forwards, then backwards."""
    loop: int = 0
    """How often the GIF plays again; 0 is for ever."""
    max_bytes: int | None = None
    """The owner's limit; the operator's is `Settings.max_gif_bytes`."""
    target: str | None = None
    """A key of `TARGETS`, whose limits apply beside those above."""
    also: tuple[str, ...] = ()
    """What is made beside the GIF, out of `EXTRAS`."""

    def to_json(self) -> dict[str, object]:
        """The options as a JSON object, without those that are not set."""
        unset = (None, ())
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value not in unset and value is not False
        }


METADATA = {field.name: f"gif_{field.name}" for field in fields(Options)} | {"target": "gif_for"}
"""Option -> its blob metadata key."""
OPTION_NAMES = {option: key.removeprefix(METADATA_PREFIX) for option, key in METADATA.items()}
"""Option -> its name in a request: as in metadata, without the prefix."""


def options_from(
    texts: Mapping[str, str],
    defaults: Options,
    *,
    max_seconds: int,
    label: Callable[[str], str] = METADATA.__getitem__,
) -> Options:
    """`defaults` overridden by `texts`, option name -> text; empty text overrides nothing.

    `label` gives the name of an option in error messages. Raises `InvalidOptionError`.
    """
    changes: dict[str, object] = {}

    def parse(name: str, parser: Callable[[str], object]) -> None:
        if value := texts.get(name, "").strip():
            try:
                changes[name] = parser(value)
            except ValueError as error:
                raise InvalidOptionError(f"{label(name)} must be {error}.") from None

    for name, parser in _PARSERS.items():
        parse(name, parser)
    speed = changes.get("speed", defaults.speed)
    # The operator limits the seconds of the GIF: at double speed, twice as many of the video fit.
    parse("duration", _number(0.1, max_seconds * max(1.0, speed if isinstance(speed, float) else 1.0)))
    return replace(defaults, **changes)  # type: ignore[arg-type]  # each parser returns its field's type


def options_of(metadata: Mapping[str, str], defaults: Options, *, max_seconds: int) -> Options:
    """The options in a blob's metadata, whose names are case-insensitive. Raises `InvalidOptionError`."""
    lower = {name.lower(): value for name, value in metadata.items()}
    return options_from(
        {option: lower.get(key, "") for option, key in METADATA.items()}, defaults, max_seconds=max_seconds
    )


# Each parser raises ValueError with the values that are allowed. They match patterns, because float() accepts "nan",
# "1e9", "1_0" and digits of other scripts.


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", text) or not low <= float(text) <= high:
            raise ValueError(f"a number from {low:.15g} to {high:.15g}")
        return float(text)

    return parse


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return text

    return parse


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return text.lower() == "true"


def _size(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([A-Za-z]*)", text)
        unit = SIZE_UNITS.get(match[2].lower()) if match else None
        size = int(Decimal(match[1]) * unit) if match and unit else 0
        if not low <= size <= high:
            allowed = f"a number of bytes, KB, MB, KiB or MiB from {low} to {high} bytes"
            raise ValueError(f"{allowed}, such as 2000000, 1.5MB or 128KB (1 KB = 1000 bytes, 1 KiB = 1024)")
        return size

    return parse


def _crop(text: str) -> str:
    if re.fullmatch(r"[1-9][0-9]{0,2}:[1-9][0-9]{0,2}", text):
        return text
    if re.fullmatch(r"[0-9]{1,5}(:[0-9]{1,5}){3}", text):
        numbers = [int(number) for number in text.split(":")]
        if min(numbers[:2]) >= 16 and max(numbers) <= MAX_CROP_PIXELS:
            return ":".join(str(number) for number in numbers)
    raise ValueError(
        "an aspect such as 1:1 or 16:9, of numbers from 1 to 999, or width:height:x:y in pixels of the video such as "
        f"640:360:0:0, with width and height from 16 to {MAX_CROP_PIXELS}"
    )


def _list_of(*allowed: str) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        found = {item.strip() for item in text.split(",")}
        if not found <= set(allowed):
            raise ValueError(f"{' or '.join(allowed)}, or several with commas between them")
        return tuple(item for item in allowed if item in found)

    return parse


_PARSERS: dict[str, Callable[[str], object]] = {
    "preset": _one_of(*PRESETS),
    "width": _whole(16, 1920),
    "height": _whole(16, 1920),
    "fit": _one_of(*FITS),
    "crop": _crop,
    "fps": _number(1, 50),
    "start": _number(0, 86_400),
    "speed": _number(0.25, MAX_SPEED),
    "reverse": _flag,
    "boomerang": _flag,
    "loop": _whole(0, 65_535),
    "max_bytes": _size(1000, 256 * 2**20),
    "target": _one_of(*TARGETS),
    "also": _list_of(*EXTRAS),
}
"""Option -> the parser of its text, for all but `duration`, whose limit depends on the speed."""


def option_warnings(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each of the first metadata keys that look like an option and are none."""
    known = METADATA.values()
    unknown = sorted(key for key in map(str.lower, metadata) if key.startswith(METADATA_PREFIX) and key not in known)
    warnings = []
    for key in unknown[:MAX_WARNINGS]:
        hint = did_you_mean(key.removeprefix(METADATA_PREFIX), OPTION_NAMES.values(), prefix=METADATA_PREFIX)
        warnings.append(f"The metadata {key[:MAX_NAME_CHARS]} is not an option and was ignored.{hint}")
    return tuple(warnings)
