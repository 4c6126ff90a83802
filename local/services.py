"""The services of the stack: the command line and environment of each."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from local import resources
from local.events.schema import subject
from local.identity import PATH as IDENTITY_PATH
from local.identity.tokens import KEY_VARIABLE
from local.process import ROOT, clean_environment
from local.storage import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.layout import Layout
    from local.tls import Certificates

NAMES = ("storage", "identity", "batch", "functions", "events")
FAULT_PROXIES = {"storage": "storage_proxy", "identity": "identity_proxy"}
"""Service name -> name of the fault proxy before it; a stack has them only on request."""
BATCH_ACCOUNT = "gifdrop"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """Command line and environment of one service."""

    name: str
    arguments: list[str]
    environment: dict[str, str] = field(repr=False)
    module: str | None = None
    """The module that runs it; default: `name` in `local`."""


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """Everything the services share, fixed before the first one starts, so that each can start independently."""

    layout: Layout
    ports: Mapping[str, int]
    tls: Certificates
    keys: Mapping[str, str] = field(repr=False)
    packages: Path
    settings: Mapping[str, str]

    def _url(self, name: str, *, scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.ports[name]}"

    @property
    def endpoints(self) -> dict[str, str]:
        """Addresses and keys, as in `endpoints.json`."""
        functions, key = self._url("functions"), self.keys["function"]
        return {
            "storage": f"{self._url('storage', scheme='https')}/{ACCOUNT}",
            "tables": f"{self._url('tables', scheme='https')}/{ACCOUNT}",
            "links": f"{self._url('links')}/{ACCOUNT}",
            "batch": self._url("batch", scheme="https"),
            "identity": f"{self._url('identity')}{IDENTITY_PATH}",
            "events": self._url("events"),
            "functions": functions,
            "dashboard": f"{functions}/api/dashboard#code={quote(key)}",
            "function_key": key,
            "master_key": self.keys["master"],
            "account": BATCH_ACCOUNT,
            "batch_key": self.keys["batch_key"],
            "storage_key": self.keys["storage_key"],
            "pool": resources.POOL,
            **self._proxy_endpoints,
        }

    @property
    def page_origins(self) -> tuple[str, ...]:
        """Where browsers open the page."""
        return tuple(f"http://{host}:{self.ports['functions']}" for host in ("127.0.0.1", "localhost"))

    @property
    def _proxy_endpoints(self) -> dict[str, str]:
        if FAULT_PROXIES["storage"] not in self.ports:
            return {}
        return {
            "storage_proxy": self._url("storage_proxy", scheme="https"),
            "identity_proxy": self._url("identity_proxy"),
        }

    def env(self, *, package_version: str, sandbox: str) -> dict[str, str]:
        """The environment that the app and other clients need: the contents of the file `env`."""
        return {
            **self._client_environment,
            "NO_PROXY": clean_environment()["NO_PROXY"],
            "AZURE_CLIENT_ID": resources.APP_IDENTITY.client_id,
            "GIFDROP_STORAGE_URL": self.endpoints["storage"],
            "GIFDROP_TABLE_URL": self.endpoints["tables"],
            "GIFDROP_LINK_URL": self.endpoints["links"],
            **resources.CONTAINERS,
            **resources.TABLES,
            "GIFDROP_BATCH_URL": self.endpoints["batch"],
            "GIFDROP_POOL_ID": resources.POOL,
            "GIFDROP_POOL_IDENTITY": resources.POOL_IDENTITY.resource_id,
            "GIFDROP_PACKAGE_ID": "gifdrop",
            "GIFDROP_PACKAGE_VERSION": package_version,
            "GIFDROP_SANDBOX": sandbox,
            "GIFDROP_COMPLETE_SCHEDULE": "*/2 * * * * *",
            "GIFDROP_RECONCILE_SCHEDULE": "*/20 * * * * *",
            **self.settings,
        }

    @property
    def _client_environment(self) -> dict[str, str]:
        return {
            "SSL_CERT_FILE": str(self.tls.bundle),
            "REQUESTS_CA_BUNDLE": str(self.tls.bundle),
            "IDENTITY_ENDPOINT": self.endpoints["identity"],
            **self._identity_header,
        }

    @property
    def _identity_header(self) -> dict[str, str]:
        return {"IDENTITY_HEADER": self.keys["identity_header"]}

    @property
    def _token_key(self) -> dict[str, str]:
        return {KEY_VARIABLE: self.keys["token_key"]}

    def _port(self, name: str) -> list[str]:
        return ["--port", str(self.ports[name])]

    def _server_tls(self) -> list[str]:
        return ["--tls-cert", str(self.tls.chain), "--tls-key", str(self.tls.key)]

    def storage(self) -> Spec:
        arguments = [
            *self._port("storage"),
            *self._server_tls(),
            *("--data", str(self.layout.storage)),
            *("--access-log", str(self.layout.access_log)),
            *("--table-port", str(self.ports["tables"]), "--table-log", str(self.layout.table_log)),
            *("--cache", str(ROOT / ".local" / "node-cache")),
        ]
        own = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{self.keys['storage_key']}"}
        return Spec(name="storage", arguments=arguments, environment=clean_environment() | self._token_key | own)

    def identity(self) -> Spec:
        return Spec(
            name="identity",
            arguments=[*self._port("identity"), "--identities", str(self.layout.identities)],
            environment=clean_environment() | self._identity_header | self._token_key,
        )

    def batch(self) -> Spec:
        arguments = [
            *self._port("batch"),
            *self._server_tls(),
            *("--account", BATCH_ACCOUNT),
            *("--data", str(self.layout.batch)),
            *("--node-root", str(self.layout.nodes)),
            *("--applications", str(self.packages)),
            *("--pools", str(self.layout.pools)),
            *("--identity-endpoint", self.endpoints["identity"]),
            *("--ca-bundle", str(self.tls.bundle)),
            *("--auto-storage", self.endpoints["storage"]),
        ]
        own = {
            "BATCH_ACCOUNT_KEY": self.keys["batch_key"],
            "BATCH_TOKEN_KEY": self.keys["token_key"],
            # Tasks inherit it.
            "PATH": f"{self.layout.programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }
        return Spec(
            name="batch",
            module="batch_emulator",
            arguments=arguments,
            environment=clean_environment() | self._identity_header | own,
        )

    def functions(self, env: Mapping[str, str]) -> Spec:
        arguments = [
            *self._port("functions"),
            *("--app", str(ROOT)),
            *("--data", str(self.layout.functions)),
        ]
        keys = {f"FUNCTIONS_{name.upper()}_KEY": self.keys[name] for name in ("function", "master", "eventgrid")}
        keys["FUNCTIONS_TOKEN_KEY"] = self.keys["token_key"]
        environment = clean_environment() | dict(env) | self._proxy_settings | keys
        return Spec(name="functions", arguments=arguments, environment=environment)

    @property
    def _proxy_settings(self) -> dict[str, str]:
        """The app's settings that point to the fault proxies, if the stack has them."""
        proxies = self._proxy_endpoints
        if not proxies:
            return {}
        return {
            "GIFDROP_STORAGE_URL": f"{proxies['storage_proxy']}/{ACCOUNT}",
            "IDENTITY_ENDPOINT": f"{proxies['identity_proxy']}{IDENTITY_PATH}",
        }

    def fault_proxies(self) -> list[Spec]:
        """The fault proxies, if the stack has them."""
        if not self._proxy_endpoints:
            return []
        tls = [*self._server_tls(), "--ca-bundle", str(self.tls.bundle)]
        return [
            Spec(
                name=name,
                module="local.fault_proxy",
                arguments=[
                    *self._port(name),
                    *("--service", service, "--upstream", self.endpoints[service]),
                    *(tls if service == "storage" else ()),
                ],
                environment=clean_environment() | self._identity_header,
            )
            for service, name in FAULT_PROXIES.items()
        ]

    def events(self, env: Mapping[str, str]) -> Spec:
        arguments = [
            *self._port("events"),
            *("--access-log", str(self.layout.access_log)),
            *("--storage-url", self.endpoints["storage"]),
            *("--client-id", resources.EVENTS_IDENTITY.client_id),
            *("--journal", str(self.layout.events_checkpoint)),
        ]
        webhook = f"{self._url('functions')}/runtime/webhooks/eventgrid"
        key = quote(self.keys["eventgrid"])
        subscriptions = [
            {
                "name": item.name,
                "webhook": f"{webhook}?functionName={item.function}&code={key}",
                "subject_begins_with": subject(env[item.container], ""),
                "subject_ends_with": item.subject_ends_with,
                "dead_letter_container": env["GIFDROP_DEADLETTER_CONTAINER"],
            }
            for item in resources.EVENT_SUBSCRIPTIONS
        ]
        own = {"EVENTS_SUBSCRIPTIONS": json.dumps(subscriptions)}
        return Spec(
            name="events", arguments=arguments, environment=clean_environment() | self._client_environment | own
        )
