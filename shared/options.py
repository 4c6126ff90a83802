"""The options of a GIF: read from blob metadata over the app's defaults, all bounded."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches

PRESETS = ("small", "balanced", "best")

METADATA = {name: f"gif_{name}" for name in ("preset", "width", "fps", "start", "duration", "loop")}
"""Option -> its blob metadata key."""


METADATA_PREFIX = "gif_"
MAX_WARNINGS = 3
MAX_KEY_CHARS = 64
"""Characters of an unknown key that a warning repeats."""
NOT_KNOWN_PRESET = ""
"""`Options.preset` of a stored conversion whose options are not known."""


class InvalidOptionError(ValueError):
    """An option's value is not allowed; the message says which values are."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to make a GIF. `None` leaves the choice to the preset."""

    preset: str = "balanced"
    width: int | None = None
    """Pixels; the height follows, and nothing is ever enlarged."""
    fps: float | None = None
    start: float = 0
    """Seconds into the video."""
    duration: float | None = None
    """Seconds of the video."""
    loop: int = 0
    """How often the GIF plays again; 0 is for ever."""

    def to_json(self) -> dict[str, object]:
        """The options as a JSON object, without those left to the preset."""
        return {name: value for name, value in asdict(self).items() if value is not None}


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
    bounds = {
        "width": (16, 1920, int),
        "fps": (1, 50, float),
        "start": (0, 86_400, float),
        "duration": (0.1, max_seconds, float),
        "loop": (0, 65_535, int),
    }
    changes: dict[str, object] = {}
    for name, text in texts.items():
        value = text.strip()
        if not value:
            continue
        if name == "preset":
            if value not in PRESETS:
                raise InvalidOptionError(f"{label(name)} must be one of {', '.join(PRESETS)}.")
            changes[name] = value
            continue
        low, high, kind = bounds[name]
        pattern = r"[0-9]{1,9}" if kind is int else r"[0-9]{1,9}(\.[0-9]{1,3})?"
        # A pattern, because float() accepts "nan", "1e9", "1_0" and digits of other scripts.
        if not re.fullmatch(pattern, value) or not low <= float(value) <= high:
            article = "a whole number" if kind is int else "a number"
            raise InvalidOptionError(f"{label(name)} must be {article} from {low} to {high}.")
        changes[name] = kind(value)
    return replace(defaults, **changes)  # type: ignore[arg-type]  # the kinds above are the fields' types


def options_of(metadata: Mapping[str, str], defaults: Options, *, max_seconds: int) -> Options:
    """The options in a blob's metadata, whose names are case-insensitive. Raises `InvalidOptionError`."""
    lower = {name.lower(): value for name, value in metadata.items()}
    return options_from(
        {option: lower.get(key, "") for option, key in METADATA.items()}, defaults, max_seconds=max_seconds
    )


def option_warnings(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each of the first metadata keys that look like an option and are none."""
    known = METADATA.values()
    unknown = sorted(key for key in map(str.lower, metadata) if key.startswith(METADATA_PREFIX) and key not in known)
    warnings = []
    for key in unknown[:MAX_WARNINGS]:
        hint = did_you_mean(key.removeprefix(METADATA_PREFIX), prefix=METADATA_PREFIX)
        warnings.append(f"The metadata {key[:MAX_KEY_CHARS]} is not an option and was ignored.{hint}")
    return tuple(warnings)


def did_you_mean(name: str, *, prefix: str = "") -> str:
    """A sentence, after a space, with the option that a name resembles; empty if there is none."""
    known = [key.removeprefix(METADATA_PREFIX) for key in METADATA.values()]
    close = get_close_matches(name[:MAX_KEY_CHARS].lower(), known, n=1)
    return f" Did you mean {prefix}{close[0]}?" if close else ""
