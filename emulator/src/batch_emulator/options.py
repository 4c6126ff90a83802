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

    port: int = 10100
    account: str = "devbatchaccount"
    key: str | None = field(default=None, repr=False)
    token_key: str | None = field(default=None, repr=False)
    unsigned_tokens: bool = False
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
        prog="batch-emulator", description="Serve the Azure Batch data plane on this machine."
    )
    add = parser.add_argument
    add("--port", type=int, default=10100, help="0 picks a free one; 127.0.0.1 only")
    add("--account", default="devbatchaccount", help="account name")
    # Secrets preferably in the environment: every user of the machine can list arguments.
    key = os.environ.get("BATCH_ACCOUNT_KEY")
    add("--key", default=key, metavar="BASE64", help="shared key; default: BATCH_ACCOUNT_KEY, or a random key")
    add("--unsigned-tokens", action="store_true", help="accept bearer tokens without checking their signature")
    add("--tls-cert", type=Path, metavar="FILE", help="with --tls-key: serve over TLS")
    add("--tls-key", type=Path, metavar="FILE")
    add("--data", type=Path, metavar="DIR", help="keep the state here across restarts")
    add("--node-root", type=Path, metavar="DIR", help="where the nodes' directories are created")
    add("--applications", type=Path, metavar="DIR", help="application packages: <id>/<version>.zip")
    add("--pools", type=Path, metavar="FILE", help="JSON array of pools to create at start; they may have identities")
    add("--identity-endpoint", metavar="URL", help="App Service managed identity endpoint for the nodes' tokens")
    header = os.environ.get("IDENTITY_HEADER")
    add("--identity-header", metavar="VALUE", default=header, help="the endpoint's secret; otherwise IDENTITY_HEADER")
    add("--ca-bundle", type=Path, metavar="FILE", help="certificates to trust when reaching storage")
    add("--auto-storage", metavar="URL", help="blob endpoint of the account's own storage")
    modes = get_args(ContainerMode)
    add("--containers", choices=modes, default="refuse", help="run container tasks on the host, by podman, or not")
    add("--control", action="store_true", help="serve /_control: fault injection")
    add("--exit-with-stdin", action="store_true", help="stop at the end of standard input")
    add("--allocation-delay", type=float, default=0.0, metavar="SECONDS", help="how long a node takes to be allocated")
    add("--autoscale-speed", type=float, default=1.0, metavar="N", help="autoscale time passes N times faster")
    add("--max-active-jobs", type=int, default=1000, help="quota of active jobs and job schedules")
    add("--max-pools", type=int, default=100, help="quota of pools")
    add("--max-nodes", type=int, default=64, help="quota of nodes in one pool")
    return Options(**vars(parser.parse_args(arguments)), token_key=os.environ.get("BATCH_TOKEN_KEY") or None)
