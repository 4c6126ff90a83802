"""`python -m local.fault_proxy`: runs a fault-injecting proxy on loopback until stopped."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import ssl
import sys
from pathlib import Path

import aiohttp
from aiohttp import web
from yarl import URL

from local.fault_proxy.forwarding import Upstream
from local.fault_proxy.proxy import application
from local.identity.header import VARIABLE
from local.shutdown import stop_event

# Less than the 5 s after which Node.js closes an idle connection.
_KEEP_ALIVE_SECONDS = 2.0
_BUFFER_BYTES = 1 << 18


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.fault_proxy", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--service", choices=["storage", "identity"], required=True, help="selects the error bodies")
    parser.add_argument("--upstream", required=True, metavar="URL", help="URL of the service")
    parser.add_argument("--ca-bundle", type=Path, help="CA certificates for an HTTPS service")
    parser.add_argument("--tls-cert", type=Path, help="serve over TLS with this certificate")
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when standard input ends")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, *, secret: str) -> None:
    stop = stop_event(exit_with_stdin=arguments.exit_with_stdin)
    upstream = URL(arguments.upstream)
    connector = aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
        ssl=ssl.create_default_context(cafile=arguments.ca_bundle),
    )
    async with aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=_BUFFER_BYTES,
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        app = application(Upstream(str(upstream.origin()), session), service=arguments.service, secret=secret)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        context = None
        if arguments.tls_cert is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(arguments.tls_cert, arguments.tls_key)
        try:
            await web.TCPSite(runner, "127.0.0.1", arguments.port, ssl_context=context, backlog=1024).start()
            scheme = "http" if context is None else "https"
            url = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}{upstream.path}"
            print(json.dumps({"url": url}), flush=True)
            await stop.wait()
        finally:
            await runner.cleanup()


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Not a command-line argument: every user of the machine can list those.
    secret = os.environ.get(VARIABLE, "")
    if not secret:
        print(f"{VARIABLE} is not set", file=sys.stderr)
        return 1
    try:
        asyncio.run(_run(arguments, secret=secret))
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
