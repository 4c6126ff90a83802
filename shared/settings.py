"""The app's settings, read once from environment variables and checked before anything uses them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from shared.options import InvalidOptionError, Options, options_from


class SettingsError(Exception):
    """One or more settings are missing or wrong; the message has a line for each."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The app's configuration. `VARIABLES` maps each field to its environment variable."""

    storage_url: str
    """Blob endpoint of the storage account, without a trailing slash."""
    batch_url: str
    """Endpoint of the Batch account, without a trailing slash."""
    pool_id: str
    pool_identity: str
    """Resource id of the pool's user-assigned identity: nodes read videos and write GIFs with it."""
    package_version: str
    """Version of the application package that holds the converter."""
    fallback_batch_urls: tuple[str, ...] = ()
    """Endpoints of Batch accounts in other regions, tried in order when the first accepts no tasks."""
    avoided_batch_urls: tuple[str, ...] = ()
    """Endpoints of Batch accounts that get no new tasks while another account accepts them."""
    package_id: str = "gifdrop"
    input_container: str = "videos"
    output_container: str = "gifs"
    staging_container: str = "staging"
    records_container: str = "conversions"
    logs_container: str = "logs"
    deadletter_container: str = "deadletters"
    link_url: str = ""
    """Blob endpoint with which signed links begin, where browsers reach the account by another address. Default:
    `storage_url`."""
    table_url: str = ""
    """Table endpoint of the storage account, without a trailing slash. Default: derived from `storage_url`."""
    index_table: str = "conversions"
    """Table of the index of conversions."""
    max_video_bytes: int = 5 * 1024**3
    """A larger video is refused without a task."""
    max_gif_bytes: int = 100 * 1024**2
    """At most 256 MiB, the limit of a synchronous blob copy (Copy Blob From URL)."""
    max_seconds: int = 60
    """Seconds of a GIF, at most."""
    task_seconds: int = 1800
    """Wall-clock limit of one attempt on a node, without queueing."""
    grace_seconds: int = 120
    """How long an event may take to arrive, or a task to be listed, before the reconciliation acts."""
    hung_seconds: int = 600
    """A running task without progress for this long counts as hung."""
    sandbox: str = "required"
    """Whether a node that cannot confine ffmpeg converts nothing (`required`), or converts without (`optional`)."""
    logs: str = "failure"
    """When a task's logs are uploaded: on `failure`, or `always`."""
    sweep_seconds: int = 300
    """Time budget of one completion sweep."""
    reconcile_seconds: int = 900
    """Time budget of one reconciliation; the next one continues where it stopped."""
    audit_names: int = 100_000
    """Names of videos and records that one reconciliation compares; the next one continues there."""
    give_up_seconds: int = 3600
    """A completed task whose outcome a service keeps refusing is failed this long after its end."""
    node_price: float | None = None
    """USD for an hour of a node, from which the cost of a video is computed; optional."""
    task_slots: int = 1
    """Tasks that run on a node at a time: each pays for its share of the node."""
    vm_size: str | None = None
    """VM size of a node."""
    max_nodes: int | None = None
    """Dedicated nodes that the autoscale formula may ask for."""
    core_quota: int | None = None
    """Dedicated cores that the home account was allowed when gifdrop was deployed; `None` if it is not known."""
    pool_quota: int | None = None
    """Likewise for pools."""
    job_quota: int | None = None
    """Likewise for active jobs and job schedules."""
    wake: str = "on"
    """Whether the app has the pool's autoscale formula evaluated when videos wait, instead of on Batch's schedule."""
    repair: str = "on"
    """Whether the app repairs the pool: reboots, reimages and removes nodes that cannot be used."""
    repair_seconds: int = 600
    """A node that cannot be used for this long is repaired, and again if it stays so."""
    repairs_per_hour: int = 6
    """Repairs of the pool in one hour, at most."""
    identity_client_id: str | None = None
    """Client id of the app's user-assigned identity; the system-assigned one is used if it is not set."""
    operator_sha256: str | None = None
    """SHA-256, in hex, of the operator's key, which a caller must send to change anything beside a function key. `None`
    asks for no more than a function key."""
    sign_in: str = "off"
    """Whether people who have signed in with Entra ID may call the API without a key."""
    app_service_authentication: str = "false"
    """Whether App Service authenticates requests, and removes its headers from those of clients. Set by App Service."""
    uploads: str = "on"
    """Whether the API uploads and deletes videos: `on` needs the right to write and delete in the input container."""
    canary_hours: int = 0
    """Hours between uploads of the canary video; 0 is never."""
    results_topic_url: str | None = None
    """Endpoint of the custom Event Grid topic that receives an event when a conversion ends; optional."""
    defaults: Options = field(default_factory=Options)
    """Options of videos without metadata."""

    @property
    def batch_urls(self) -> tuple[str, ...]:
        """All Batch accounts, home first."""
        return (self.batch_url, *self.fallback_batch_urls)


def _text(value: str) -> str:
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an https:// address without a query")
    return value.rstrip("/")


def _link_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme == "http" and parts.hostname == "127.0.0.1":
        return value.rstrip("/")
    return _url(value)


def _urls(value: str) -> tuple[str, ...]:
    return tuple(_url(url) for url in value.split())


def _container(value: str) -> str:
    if not re.fullmatch(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*", value):
        raise ValueError("must be a container name: 3-63 of a-z, 0-9 and single hyphens")
    return value


def _table(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{2,62}", value):
        raise ValueError("must be a table name: 3-63 letters and digits, the first a letter")
    return value


def _batch_id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
        raise ValueError("must be a Batch id: 1-64 of letters, digits, hyphen and underscore")
    return value


def _version(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9_.-]{1,64}", value):
        raise ValueError("must be a package version: 1-64 of a-z, 0-9, dot, hyphen and underscore")
    return value


def _identity(value: str) -> str:
    if not value.lower().startswith("/subscriptions/") or "/userassignedidentities/" not in value.lower():
        raise ValueError("must be the resource id of a user-assigned identity")
    return value


def _sha256(value: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise ValueError("must be a SHA-256 in hex: 64 digits")
    return value.lower()


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", value) or not low <= int(value) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return parse


def _price(value: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", value) or float(value) == 0:
        raise ValueError("must be a price in USD above 0 and below 1000, such as 0.103")
    return float(value)


def _vm_size(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
        raise ValueError("must be a VM size, such as Standard_D2ads_v5")
    return value


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be {' or '.join(allowed)}")
        return value

    return parse


Value = str | int | float | tuple[str, ...]

VARIABLES: dict[str, tuple[str, Callable[[str], Value]]] = {
    "storage_url": ("GIFDROP_STORAGE_URL", _url),
    "batch_url": ("GIFDROP_BATCH_URL", _url),
    "fallback_batch_urls": ("GIFDROP_FALLBACK_BATCH_URLS", _urls),
    "avoided_batch_urls": ("GIFDROP_AVOID_BATCH_URLS", _urls),
    "pool_id": ("GIFDROP_POOL_ID", _batch_id),
    "pool_identity": ("GIFDROP_POOL_IDENTITY", _identity),
    "package_version": ("GIFDROP_PACKAGE_VERSION", _version),
    "package_id": ("GIFDROP_PACKAGE_ID", _version),
    "input_container": ("GIFDROP_INPUT_CONTAINER", _container),
    "output_container": ("GIFDROP_OUTPUT_CONTAINER", _container),
    "staging_container": ("GIFDROP_STAGING_CONTAINER", _container),
    "records_container": ("GIFDROP_RECORDS_CONTAINER", _container),
    "logs_container": ("GIFDROP_LOGS_CONTAINER", _container),
    "deadletter_container": ("GIFDROP_DEADLETTER_CONTAINER", _container),
    "link_url": ("GIFDROP_LINK_URL", _link_url),
    "table_url": ("GIFDROP_TABLE_URL", _url),
    "index_table": ("GIFDROP_INDEX_TABLE", _table),
    "max_video_bytes": ("GIFDROP_MAX_VIDEO_BYTES", _between(1, 4 * 1024**4)),
    "max_gif_bytes": ("GIFDROP_MAX_GIF_BYTES", _between(10_000, 256 * 1024**2)),
    "max_seconds": ("GIFDROP_MAX_SECONDS", _between(1, 600)),
    "task_seconds": ("GIFDROP_TASK_SECONDS", _between(60, 86_400)),
    "grace_seconds": ("GIFDROP_GRACE_SECONDS", _between(1, 86_400)),
    "hung_seconds": ("GIFDROP_HUNG_SECONDS", _between(1, 86_400)),
    "sandbox": ("GIFDROP_SANDBOX", _one_of("required", "optional")),
    "logs": ("GIFDROP_LOGS", _one_of("failure", "always")),
    "sweep_seconds": ("GIFDROP_SWEEP_SECONDS", _between(10, 1500)),
    "reconcile_seconds": ("GIFDROP_RECONCILE_SECONDS", _between(10, 1500)),
    "audit_names": ("GIFDROP_AUDIT_NAMES", _between(5_000, 100_000_000)),
    "give_up_seconds": ("GIFDROP_GIVE_UP_SECONDS", _between(60, 604_800)),
    "node_price": ("GIFDROP_NODE_PRICE", _price),
    "task_slots": ("GIFDROP_TASK_SLOTS", _between(1, 256)),
    "vm_size": ("GIFDROP_VM_SIZE", _vm_size),
    "max_nodes": ("GIFDROP_MAX_NODES", _between(0, 1_000_000)),
    "core_quota": ("GIFDROP_QUOTA_CORES", _between(0, 100_000_000)),
    "pool_quota": ("GIFDROP_QUOTA_POOLS", _between(0, 1_000_000)),
    "job_quota": ("GIFDROP_QUOTA_JOBS", _between(0, 1_000_000)),
    "operator_sha256": ("GIFDROP_OPERATOR_SHA256", _sha256),
    "sign_in": ("GIFDROP_SIGN_IN", _one_of("on", "off")),
    "app_service_authentication": ("WEBSITE_AUTH_ENABLED", str.lower),
    "uploads": ("GIFDROP_UPLOADS", _one_of("on", "off")),
    "canary_hours": ("GIFDROP_CANARY_HOURS", _between(0, 168)),
    "wake": ("GIFDROP_WAKE", _one_of("on", "off")),
    "repair": ("GIFDROP_REPAIR", _one_of("on", "off")),
    "repair_seconds": ("GIFDROP_REPAIR_SECONDS", _between(1, 86_400)),
    "repairs_per_hour": ("GIFDROP_REPAIRS_PER_HOUR", _between(1, 60)),
    "results_topic_url": ("GIFDROP_RESULTS_TOPIC_URL", _url),
    "identity_client_id": ("AZURE_CLIENT_ID", _text),
}
"""Field of `Settings` -> the variable it is read from and the parser of its text."""

OPTION_VARIABLES: dict[str, str] = {
    "preset": "GIFDROP_GIF_PRESET",
    "width": "GIFDROP_GIF_WIDTH",
    "fps": "GIFDROP_GIF_FPS",
    "duration": "GIFDROP_GIF_DURATION",
    "loop": "GIFDROP_GIF_LOOP",
}
"""Option of a conversion -> the variable that sets its default for all videos."""

REQUIRED = ("storage_url", "batch_url", "pool_id", "pool_identity", "package_version")


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from variables; an empty one counts as absent.

    Raises `SettingsError` naming every missing or wrong variable at once.
    """
    values: dict[str, Value] = {}
    problems: list[str] = []
    for name, (variable, parse) in VARIABLES.items():
        text = environment.get(variable, "").strip()
        if not text:
            if name in REQUIRED:
                problems.append(f"{variable} is not set")
            continue
        try:
            values[name] = parse(text)
        except ValueError as error:
            problems.append(f"{variable} {error}")
    if "table_url" not in values and (url := _table_url(str(values.get("storage_url", "")))):
        values["table_url"] = url
    elif "table_url" not in values and "storage_url" in values:
        problems.append("GIFDROP_TABLE_URL is not set, and GIFDROP_STORAGE_URL is not an address of Azure's")
    texts = {option: environment.get(variable, "") for option, variable in OPTION_VARIABLES.items()}
    cap = values.get("max_seconds", Settings.max_seconds)
    max_seconds = cap if isinstance(cap, int) else Settings.max_seconds
    try:
        defaults = options_from(texts, Options(), max_seconds=max_seconds, label=OPTION_VARIABLES.__getitem__)
    except InvalidOptionError as error:
        problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(problems))
    return Settings(**values, defaults=defaults)  # type: ignore[arg-type]  # each parser returns its field's type


def _table_url(storage_url: str) -> str | None:
    """The table endpoint of the account with this blob endpoint, `None` where the name does not show it."""
    parts = urlsplit(storage_url)
    account, found, domain = (parts.hostname or "").partition(".blob.")
    return f"https://{account}.table.{domain}" if found and not parts.path else None
