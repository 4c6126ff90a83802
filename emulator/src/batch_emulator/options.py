"""The command-line options."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

ContainerMode = Literal["refuse", "host", "podman"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Settings of one emulator; times are in seconds."""

    host: str = "127.0.0.1"
    port: int = 10100
    public_url: str | None = None
    account: str = "devbatchaccount"
    key: str | None = field(default=None, repr=False)
    token_key: str | None = field(default=None, repr=False)
    unsigned_tokens: bool = False
    tls: Literal["auto"] | None = None
    tls_dir: Path | None = None
    tls_names: tuple[str, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    data: Path | None = None
    node_root: Path | None = None
    applications: Path | None = None
    pools: Path | None = None
    identity_endpoint: str | None = None
    identity_header: str | None = field(default=None, repr=False)
    ca_bundle: Path | None = None
    auto_storage: str | None = None
    containers: ContainerMode = "refuse"
    isolate: bool = False
    control: bool = False
    exit_with_stdin: bool = False
    allocation_delay: float = 0.0
    autoscale_speed: float = 1.0
    max_active_jobs: int = 1000
    max_pools: int = 100
    max_nodes: int = 64


def parse(arguments: list[str] | None = None) -> Options:
    """Options from the command line."""
    parser = argparse.ArgumentParser(
        prog="batch-emulator",
        description="Serve the Azure Batch data plane on this machine, with real processes as tasks. The first line of "
        "output is JSON with the URL, the account and, unless you chose one, its key. Ctrl-C or SIGTERM stops it.",
        epilog="Every option is explained in emulator/README.md.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on; default: 127.0.0.1")
    add("--port", type=int, default=10100, help="default: 10100; 0 picks a free one")
    add("--public-url", metavar="URL", help="URL of the account as clients and tasks reach it, such as that of a proxy")
    add("--account", default="devbatchaccount", metavar="NAME", help="account name; default: devbatchaccount")
    # Secrets preferably in the environment: every user of the machine can list arguments.
    key = os.environ.get("BATCH_ACCOUNT_KEY")
    add("--key", default=key, metavar="BASE64", help="shared key; default: BATCH_ACCOUNT_KEY, or a random key")
    add("--unsigned-tokens", action="store_true", help="accept bearer tokens without checking their signature")
    add("--tls", choices=["auto"], help="serve over TLS with certificates made in --tls-dir")
    add("--tls-dir", type=Path, metavar="DIR", help="where --tls auto keeps its authority and certificate")
    add(
        "--tls-name", dest="tls_names", action="append", default=[], metavar="NAME", help="one more name for --tls auto"
    )
    add("--tls-cert", type=Path, metavar="FILE", help="with --tls-key: serve over TLS")
    add("--tls-key", type=Path, metavar="FILE", help="the private key of --tls-cert")
    add("--data", type=Path, metavar="DIR", help="keep the state here across restarts")
    add("--node-root", type=Path, metavar="DIR", help="where the nodes' directories are created; default: temporary")
    add("--applications", type=Path, metavar="DIR", help="application packages: <id>/<version>.zip")
    add("--pools", type=Path, metavar="FILE", help="JSON array of pools to create at start; they may have identities")
    add("--identity-endpoint", metavar="URL", help="App Service managed identity endpoint for the nodes' tokens")
    header = os.environ.get("IDENTITY_HEADER")
    add("--identity-header", metavar="VALUE", default=header, help="the endpoint's secret; otherwise IDENTITY_HEADER")
    add("--ca-bundle", type=Path, metavar="FILE", help="certificates to trust when reaching storage")
    add("--auto-storage", metavar="URL", help="blob endpoint of the account's own storage")
    modes = get_args(ContainerMode)
    add("--containers", choices=modes, default="refuse", help="what runs container tasks; default: refuse")
    add("--isolate", action="store_true", help="give each command a file system of its own over the host's")
    add("--control", action="store_true", help="serve /_control: fault injection")
    add("--exit-with-stdin", action="store_true", help="stop at the end of standard input")
    add(
        "--allocation-delay",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="how long a node takes to be allocated; default: 0",
    )
    add(
        "--autoscale-speed",
        type=float,
        default=1.0,
        metavar="N",
        help="autoscale time passes N times faster; default: 1",
    )
    add(
        "--max-active-jobs",
        type=int,
        default=1000,
        metavar="N",
        help="quota of active jobs and schedules; default: 1000",
    )
    add("--max-pools", type=int, default=100, metavar="N", help="quota of pools; default: 100")
    add("--max-nodes", type=int, default=64, metavar="N", help="quota of nodes in one pool; default: 64")
    given = vars(parser.parse_args(arguments))
    if given["tls"] is not None and given["tls_cert"] is not None:
        parser.error("--tls auto and --tls-cert exclude each other")
    if given["tls"] is not None and given["tls_dir"] is None:
        parser.error("--tls auto needs --tls-dir")
    given["tls_names"] = tuple(given["tls_names"])
    return Options(**given, token_key=os.environ.get("BATCH_TOKEN_KEY") or None)
