"""What nodes and the tasks on them can reach: the start task, and the rules of the network."""

import base64
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.check.syntax import literal, property_of, text
from tests.infra.bicep import INFRA, declaration, entries

METADATA, WIRESERVER = "169.254.169.254", "168.63.129.16"
AGENT, TASK = 990, 1001


@dataclass(frozen=True)
class Node:
    """A fake node: runs the start task, keeps the rules that it adds, and evaluates them.

    `open_address`: an address that tasks reach in spite of the rules.
    """

    home: Path

    def start(self, *parts: str, open_address: str = "", python: str = "3.12") -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.home}:{os.environ['PATH']}",
            "RULES": str(self.home / "rules"),
            "OPEN_ADDRESS": open_address,
            "PYTHON_IS_OLD": "" if python == "3.12" else "yes",
        }
        command = shlex.split(start_command(parts))
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def rules(self, chain: str) -> list[str]:
        """The rules of a chain, in the order in which they apply."""
        lines = (self.home / "rules").read_text(encoding="utf-8").splitlines()
        return [line.removeprefix(f"{chain} ") for line in lines if line.startswith(f"{chain} ")]

    def allows(self, user: int, address: str, *, port: int = 80, protocol: str = "tcp") -> bool:
        return self._ends("OUTPUT", user, address, port, protocol) != "REJECT"

    def _ends(self, chain: str, user: int, address: str, port: int, protocol: str) -> str:
        for rule in self.rules(chain):
            words = rule.split()
            if not _matches(words, user, address, port, protocol):
                continue
            target = words[words.index("-j") + 1]
            if target == "RETURN":
                return "RETURN"
            ending = target if target == "REJECT" else self._ends(target, user, address, port, protocol)
            if ending == "REJECT":
                return ending
        return "ACCEPT"


def _matches(words: Sequence[str], user: int, address: str, port: int, protocol: str) -> bool:
    """Whether a rule of iptables applies to a packet that leaves by the network."""
    negated = False
    pairs = iter(words)
    for word in pairs:
        if word == "!":
            negated = True
            continue
        value = next(pairs)
        match word:
            case "-d":
                holds = value == address
            case "-p":
                holds = value == protocol
            case "--dport":
                holds = int(value) == port
            case "--uid-owner":
                first, _, last = value.partition("-")
                holds = int(first) <= user <= int(last or first)
            case "-o":
                holds = value != "lo"
            case "-m" | "-j":
                holds = True
            case _:
                raise AssertionError(f"unknown option {word}")
        if holds == negated:
            return False
        negated = False
    return True


IPTABLES = """#!/usr/bin/env python3
import os, sys
from pathlib import Path
file = Path(os.environ["RULES"])
rules = file.read_text().splitlines() if file.exists() else []
assert sys.argv[1:3] == ["-w", "30"]
option, chain, *rule = sys.argv[3:]
line = " ".join([chain, *rule])
if option == "-N":
    if f":{chain}" in rules:
        sys.exit(1)
    rules.append(f":{chain}")
elif option == "-F":
    rules = [item for item in rules if not item.startswith(f"{chain} ")]
elif option == "-C":
    sys.exit(0 if line in rules else 1)
elif option == "-A":
    rules.append(line)
elif option == "-I":
    rules.insert(0, line)
else:
    sys.exit(2)
file.write_text("\\n".join(rules) + "\\n")
"""
FAKES = {
    "iptables": IPTABLES,
    "sudo": '#!/bin/sh\nshift\nexec "$@"\n',
    # The last argument is the address that an ordinary user tries to reach.
    "setpriv": '#!/bin/sh\nfor address; do :; done\n[ "$address" = "$OPEN_ADDRESS" ]\n',
    "id": f'#!/bin/sh\n[ "$2" = root ] && echo 0 || echo {AGENT}\n',
    "python3": f'#!/bin/sh\n[ -z "$PYTHON_IS_OLD" ] && exec {sys.executable} "$@"\n',
}


def start_command(parts: Sequence[str]) -> str:
    """The command line of the start task as Bicep builds it."""
    template = text(
        declaration("modules/pool.bicep", "startCommand").value or declaration("modules/pool.bicep", "pool").node
    )
    code = base64.b64encode((INFRA / "start_task.sh").read_bytes()).decode()
    closed = "".join(f" {part}" for part in parts)
    return template[1:-1].replace("\\'", "'").replace("${script}", code).replace("${closed}", closed)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    for name, content in FAKES.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    return Node(tmp_path)


def test_metadata_service_and_wireserver_are_closed_to_tasks_by_default() -> None:
    for file in ("main.bicep", "region.bicep"):
        for name in ("blockMetadataService", "blockTaskNetwork"):
            value = declaration(file, name).value
            assert value is not None
            assert text(value) == "true"
    closed = text(declaration("modules/pool.bicep", "closed").node)
    assert "blockMetadataService ? ' metadata'" in closed
    assert "blockTaskNetwork ? ' network'" in closed


def test_tasks_reach_neither_the_metadata_service_nor_wireserver(node: Node) -> None:
    run = node.start("metadata")
    assert run.returncode == 0, run.stderr
    for address, port in ((METADATA, 80), (WIRESERVER, 80), (WIRESERVER, 32526)):
        assert not node.allows(TASK, address, port=port)
        assert node.allows(0, address, port=port)
        assert node.allows(AGENT, address, port=port)
    # The name server, and DHCP.
    assert node.allows(TASK, WIRESERVER, port=53)
    assert node.allows(TASK, WIRESERVER, port=53, protocol="udp")
    assert node.allows(TASK, "1.1.1.1", port=443)


def test_tasks_reach_nothing_with_the_network_closed(node: Node) -> None:
    assert node.start("metadata", "network").returncode == 0
    for address, port in ((METADATA, 80), (WIRESERVER, 80), (WIRESERVER, 53), ("1.1.1.1", 443)):
        assert not node.allows(TASK, address, port=port)
        assert node.allows(0, address, port=port)
        assert node.allows(AGENT, address, port=port)
    system = 101
    assert node.allows(system, WIRESERVER, port=53)
    assert not node.allows(system, METADATA)


def test_owner_of_the_process_that_runs_the_start_task_keeps_its_access(node: Node) -> None:
    """The node agent, whoever it runs as."""
    node.start("metadata")
    kept = {int(rule.split()[3]) for rule in node.rules("tasks") if "RETURN" in rule}
    assert kept == {0, AGENT, os.getuid()} | {Path(f"/proc/{os.getppid()}").stat().st_uid}


def test_start_task_can_be_repeated(node: Node) -> None:
    node.start("metadata", "network")
    first = node.rules("OUTPUT"), node.rules("tasks")
    assert node.start("metadata", "network").returncode == 0
    assert (node.rules("OUTPUT"), node.rules("tasks")) == first


def test_start_task_adds_no_rules_unless_asked(node: Node) -> None:
    assert node.start().returncode == 0
    assert not (node.home / "rules").exists()


@pytest.mark.parametrize("address", [METADATA, WIRESERVER])
def test_start_task_fails_if_the_rules_have_no_effect(node: Node, address: str) -> None:
    run = node.start("metadata", open_address=address)
    assert run.returncode == 1
    assert f"tasks can still reach {address}" in run.stderr


def test_start_task_fails_without_iptables_or_with_an_old_python(node: Node) -> None:
    assert "Python 3.11 or newer" in node.start(python="3.10").stderr
    (node.home / "iptables").write_text("#!/bin/sh\nexit 4\n")
    assert node.start("metadata").returncode != 0


def test_tasks_run_as_users_of_their_own() -> None:
    """The start task lets root and Batch's own user pass, so no task may run as one of them."""
    spec = (INFRA.parent / "shared/services/batch/task_spec.py").read_text(encoding="utf-8")
    assert "scope=models.AutoUserScope.TASK, elevation_level=models.ElevationLevel.NON_ADMIN" in spec


def test_limited_nodes_reach_storage_and_batch_and_nothing_else() -> None:
    reached = declaration("modules/egress.bicep", "reached").value
    assert reached is not None
    assert [text(item).strip("'") for item in reached.named_children] == [
        "BatchNodeManagement.${location}",
        "Storage.${location}",
    ]
    rules = text(declaration("modules/egress.bicep", "rules").node)
    allowed = re.findall(
        r"access: 'Allow'\n\s+direction: 'Outbound'.*?destinationAddressPrefix: (.*?)\n\s+(.*?)\n", rules, re.DOTALL
    )
    assert allowed == [("reached[i]", "destinationPortRange: '443'")]
    denied = re.findall(r"access: 'Deny'\n\s+direction: '(\w+)'.*?destinationAddressPrefix: '(.*?)'", rules, re.DOTALL)
    assert denied == [("Outbound", "*"), ("Inbound", "*")]
    subnet = text(declaration("modules/egress.bicep", "vnet").node)
    assert "networkSecurityGroup: { id: rules.id }" in subnet


def test_pool_has_public_addresses_unless_its_network_is_private() -> None:
    addresses = text(declaration("modules/pool.bicep", "addresses").node)
    assert "network == 'private' ? 'NoPublicIPAddresses' : 'BatchManaged'" in addresses
    params = entries(property_of(declaration("main.bicep", "pool").value, "params"))
    assert text(params["network"]) == "privateNetworking ? 'private' : limited ? 'limited' : 'open'"
    fixed = declaration("modules/pool.bicep", "fixed").value
    assert fixed is not None
    assert "network" in [text(item) for item in fixed.named_children]


def test_nodes_are_not_limited_by_default_because_that_has_a_price() -> None:
    assert literal(declaration("main.bicep", "limitNodeEgress").value) is None
    assert text(declaration("main.bicep", "limitNodeEgress").node).endswith("= false")
