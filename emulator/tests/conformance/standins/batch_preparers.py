"""A stand-in for the module beside Microsoft's tests: makes resources in an emulator, not through ARM."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import emulated_account
from devtools_testutils import Preparer

IMAGES = {
    "Linux": ("Canonical", "0001-com-ubuntu-server-jammy", "22_04-lts", "batch.node.ubuntu 22.04"),
    "Windows": ("MicrosoftWindowsServer", "WindowsServer", "2016-Datacenter-smalldisk", "batch.node.windows amd64"),
}
JOB_PROPERTIES = {"task_failure_mode": "onTaskFailure", "on_task_failure": "onTaskFailure"}


def machine(system: str = "Linux") -> dict[str, Any]:
    publisher, offer, sku, agent = IMAGES[system]
    image = {"publisher": publisher, "offer": offer, "sku": sku}
    return {
        "vmSize": "standard_d2_v2",
        "virtualMachineConfiguration": {"imageReference": image, "nodeAgentSKUId": agent},
    }


class AccountPreparer(Preparer):
    """An emulator for one test."""

    def create(self, **_resources: Any) -> dict[str, Any]:
        account = emulated_account.start("batch")
        credential = account.credential()
        name = "credentials" if type(credential).__name__ == "SharedKeyCredentials" else "credential"
        return {"batch_account": account, name: credential}

    def remove(self) -> None:
        emulated_account.stop()


class PoolPreparer(Preparer):
    """A pool with a user and an inbound NAT pool."""

    def create(self, **resources: Any) -> dict[str, Any]:
        account = resources["batch_account"]
        name = self.settings.get("pool_name") or "pool"
        nat = {"name": "ruleName", "protocol": "tcp", "backendPort": 3389}
        nat |= {"frontendPortRangeStart": 15000, "frontendPortRangeEnd": 15100}
        pool = machine(self.settings.get("os", "Linux")) | {
            "id": name,
            "displayName": "test_pool",
            "targetDedicatedNodes": self.settings.get("size", 0),
            "userAccounts": [{"name": "task-user", "password": "secret", "elevationLevel": "admin"}],
            "networkConfiguration": {"endpointConfiguration": {"inboundNATPools": [nat]}},
        }
        account.call("POST", "/pools", pool)
        while account.call("GET", f"/pools/{name}")["allocationState"] != "steady":
            time.sleep(0.1)
        return {"batch_pool": SimpleNamespace(name=name, id=name)}


class JobPreparer(Preparer):
    """A job on the test's pool, or on an automatic pool."""

    def create(self, **resources: Any) -> dict[str, Any]:
        pool = resources.get("batch_pool")
        automatic = {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": machine()}}
        settings = {
            JOB_PROPERTIES[name]: getattr(value, "value", value)
            for name, value in self.settings.items()
            if name in JOB_PROPERTIES
        }
        info = automatic if pool is None else {"poolId": pool.id}
        resources["batch_account"].call("POST", "/jobs", {"id": "job", "poolInfo": info} | settings)
        return {"batch_job": SimpleNamespace(name="job", id="job")}
