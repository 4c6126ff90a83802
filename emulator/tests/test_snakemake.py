"""snakemake and its plugins for Azure, unmodified: a workflow on a pool that it creates and deletes itself."""

from __future__ import annotations

import os
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import certifi
import pytest
import trustme

from support.connect_proxy import connect_proxy
from support.emulators import ACCOUNT, ROOT, emulator
from support.secure import AZURITE_KEY
from support.waiting import wait_until

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

BIN = ROOT / ".local/venvs/snakemake/bin"
pytestmark = [
    pytest.mark.skipif(not BIN.exists(), reason="snakemake is not installed; make test-clients installs and runs it"),
    pytest.mark.timeout(600),
]
ACCOUNT_HOST = f"{ACCOUNT}.westeurope.batch.azure.com"
RESOURCE_MANAGER = "management.azure.com"
SUBSCRIPTION = "00000000-1111-2222-3333-444444444444"
IDENTITY = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n"
)
PIP_SETTINGS = [name for name in os.environ if name.startswith("PIP_")]
SNAKEFILE = """
rule all:
    input: "count.txt"

rule words:
    output: "words.txt"
    shell: "printf 'one\\ntwo\\nthree\\n' > {output}"

rule upper:
    input: "words.txt"
    output: "upper.txt"
    shell: "tr a-z A-Z < {input} > {output}"

rule count:
    input: "upper.txt"
    output: "count.txt"
    shell: "wc -l < {input} > {output}"
"""


@pytest.fixture
def trust(tmp_path: Path, storage_ca: Path) -> tuple[Path, Path, Path]:
    """A bundle of the tests' authorities, and a certificate for the emulator's names with its key."""
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", RESOURCE_MANAGER, ACCOUNT_HOST)
    bundle, cert, key = tmp_path / "bundle.pem", tmp_path / "cert.pem", tmp_path / "key.pem"
    # The tasks' pip needs the public authorities, and those of this machine.
    public = [os.environ.get(name) for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")]
    paths = {Path(each) for each in (*public, ssl.get_default_verify_paths().cafile, certifi.where()) if each}
    authorities = [path.read_bytes() for path in paths if path.is_file()]
    bundle.write_bytes(b"\n".join([authority.cert_pem.bytes(), storage_ca.read_bytes(), *authorities]))
    server.cert_chain_pems[0].write_to_path(str(cert))
    server.private_key_pem.write_to_path(str(key))
    return bundle, cert, key


def test_workflow_of_three_rules_runs_on_a_pool_that_snakemake_creates(
    trust: tuple[Path, Path, Path], identity_endpoint: str, storage: BlobServiceClient, tmp_path: Path
) -> None:
    bundle, cert, key = trust
    storage.create_container("flow")
    work = tmp_path / "work"
    work.mkdir()
    (work / "Snakefile").write_text(SNAKEFILE)
    # The nodes of --containers host have the programs of this machine.
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    options = ["--containers", "host", "--tls-cert", cert, "--tls-key", key]
    with emulator(*options, environment={"PATH": path}) as started:
        port = urlsplit(started.url).port
        assert port is not None
        with connect_proxy({RESOURCE_MANAGER: port, ACCOUNT_HOST: port}) as proxy:
            connection = (
                f"DefaultEndpointsProtocol=https;AccountName={storage.account_name};AccountKey={AZURITE_KEY};"
                f"BlobEndpoint={storage.url}"
            )
            environment = os.environ | {
                "PATH": path,
                "HTTPS_PROXY": proxy,
                "NO_PROXY": "127.0.0.1",
                "REQUESTS_CA_BUNDLE": str(bundle),
                "IDENTITY_ENDPOINT": identity_endpoint,
                "IDENTITY_HEADER": "secret",
                "AZURITE_CONNECTION_STRING": connection,
            }
            command = [
                *(BIN / "snakemake", "--executor", "azure-batch", "--jobs", "3"),
                *("--seconds-between-status-checks", "1"),
                *("--default-storage-provider", "azure", "--default-storage-prefix", "az://flow"),
                *("--storage-azure-account-name", storage.account_name or ""),
                *("--azure-batch-account-url", f"https://{ACCOUNT_HOST}"),
                *("--azure-batch-resource-group-name", "g", "--azure-batch-subscription-id", SUBSCRIPTION),
                *("--azure-batch-managed-identity-resource-id", IDENTITY),
                # Each task installs the storage plugin by pip, so it needs its settings.
                *("--envvars", "AZURITE_CONNECTION_STRING", "REQUESTS_CA_BUNDLE", *PIP_SETTINGS),
            ]
            done = subprocess.run(
                command, cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=500
            )
            assert done.returncode == 0, done.stdout + done.stderr
        with started.client(connection_verify=str(bundle)) as client:
            wait_until(lambda: not list(client.list_pools()))
    assert storage.get_blob_client("flow", "count.txt").download_blob().readall() == b"3\n"
