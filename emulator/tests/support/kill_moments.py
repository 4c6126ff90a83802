"""Kills an emulator at random moments: takes its database as it is after random commits, and restarts from each.

A database after a commit is what SIGKILL leaves. It is taken within the process, so that hundreds of moments are fast.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp

from batch_emulator import clock, server
from batch_emulator import store as stores
from batch_emulator.options import Options
from batch_emulator.store import Store
from support.resources import pool_options
from support.tokens import TOKEN_KEY, make_token

if TYPE_CHECKING:
    from pathlib import Path

    from batch_emulator.account import Account

SETTLE_TIMEOUT_SECONDS = 60.0
"""Within which a restarted account must have nothing left to do."""
CONCURRENT_RESTARTS = 16
ENDING = ("disabling", "terminating", "deleting")
POOL = pool_options("", target_dedicated_nodes=0).as_dict()
for _name in ("id", "targetDedicatedNodes"):
    del POOL[_name]


@dataclass
class Moment:
    """What a kill leaves, and what the emulator had accepted by then."""

    number: int
    database: bytes
    accepted: set[str]
    deallocated: set[str]


@dataclass
class Recorder:
    """Keeps the state after `count` of all commits, chosen at random."""

    random: random.Random
    count: int
    moments: list[Moment] = field(default_factory=list)
    commits: int = 0
    accepted: set[str] = field(default_factory=set)
    """Paths of jobs and tasks whose creation was acknowledged and whose deletion was not requested."""
    deallocated: set[str] = field(default_factory=set)
    """Nodes that are to stay deallocated."""

    def record(self, store: Store) -> None:
        self.commits += 1
        place = len(self.moments) if len(self.moments) < self.count else self.random.randrange(self.commits)
        if place >= self.count:
            return
        assert store.database is not None
        moment = Moment(self.commits, store.database.serialize(), set(self.accepted), set(self.deallocated))
        self.moments[place : place + 1] = [moment]


class RecordingStore(Store):
    """A store that reports every commit."""

    recorder: Recorder

    def flush(self) -> None:
        changed = bool(self._dirty)
        super().flush()
        if changed:
            self.recorder.record(self)


@dataclass
class Driver:
    """Sends random requests to one emulator."""

    url: str
    http: aiohttp.ClientSession
    random: random.Random
    recorder: Recorder
    numbers: int = 0

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        url = f"{self.url}{path}?api-version=2025-06-01"
        async with self.http.request(method, url, json=body) as response:
            return response.status, await response.json(content_type=None)

    def name(self, prefix: str) -> str:
        self.numbers += 1
        return f"{prefix}{self.numbers}"

    async def nodes(self, pool: str) -> list[str]:
        status, page = await self.call("GET", f"/pools/{pool}/nodes")
        return [node["id"] for node in page["value"]] if status == 200 else []

    async def prepare(self) -> None:
        for name, size in (
            ("fixed", {"targetLowPriorityNodes": 3}),
            ("idle", {"targetDedicatedNodes": 3}),
            ("scaled", {"enableAutoScale": True, "autoScaleFormula": "$TargetLowPriorityNodes=2"}),
        ):
            status, body = await self.call("POST", "/pools", {"id": name} | POOL | size)
            assert status == 201, body
        for _ in range(2):
            await self.add_job()

    async def step(self) -> None:
        """Send one random request."""
        choices = (
            *(self.add_tasks, self.add_tasks, self.preempt, self.preempt, self.preempt, self.lose, self.resize),
            *(self.remove_node, self.deallocate, self.restart_node, self.add_job, self.end_job, self.end_job),
            *(self.add_auto_pool_job, self.add_schedule, self.end_schedule, self.delete_pool, self.inject),
        )
        await self.random.choice(choices)()

    async def add_job(self, **changes: object) -> None:
        name = self.name("job")
        constraints = self.random.choice([{}, {}, {"maxWallClockTime": "PT2S"}])
        pool = self.random.choice(["fixed", "fixed", "scaled"])
        body = {"id": name, "poolInfo": {"poolId": pool}, "constraints": constraints} | changes
        if (await self.call("POST", "/jobs", body))[0] == 201:
            self.recorder.accepted.add(f"/jobs/{name}")
            await self.add_tasks(name)

    async def add_auto_pool_job(self) -> None:
        pool = POOL | {"targetDedicatedNodes": 1}
        info = {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": pool}}
        await self.add_job(poolInfo=info, onAllTasksComplete="terminatejob")

    async def jobs(self) -> list[str]:
        _, page = await self.call("GET", "/jobs")
        return [job["id"] for job in page["value"] if job["state"] not in (*ENDING, "completed")]

    async def add_tasks(self, job: str | None = None) -> None:
        jobs = [job] if job is not None else await self.jobs()
        if not jobs:
            return
        job = self.random.choice(jobs)
        commands = [self.random.choice(["true", "sleep 0.2", "sleep 0.5"]) for _ in range(6)]
        tasks = [{"id": self.name("t"), "commandLine": command} for command in commands]
        status, body = await self.call("POST", f"/jobs/{job}/addtaskcollection", {"value": tasks})
        if status == 200 and f"/jobs/{job}" in self.recorder.accepted:
            self.recorder.accepted |= {
                f"/jobs/{job}/tasks/{each['taskId']}" for each in body["value"] if each["status"] == "success"
            }

    async def preempt(self) -> None:
        pool = self.random.choice(["fixed", "scaled"])
        for node in await self.nodes(pool):
            if self.random.random() < 0.7:
                seconds = self.random.choice([0.1, 0.5, 1.0])
                await self.call("POST", f"/_control/pools/{pool}/nodes/{node}/preempt", {"seconds": seconds})

    async def lose(self) -> None:
        pool = self.random.choice(["fixed", "scaled"])
        for node in (await self.nodes(pool))[:1]:
            await self.call("POST", f"/_control/pools/{pool}/nodes/{node}/lose")

    async def resize(self) -> None:
        change = {
            "targetLowPriorityNodes": self.random.randint(1, 4),
            "targetDedicatedNodes": self.random.randint(0, 1),
        }
        option = self.random.choice(["requeue", "terminate", "taskcompletion"])
        await self.call("POST", "/pools/fixed/resize", change | {"nodeDeallocationOption": option})
        if self.random.random() < 0.3:
            await self.call("POST", "/pools/fixed/stopresize")

    async def remove_node(self) -> None:
        nodes = await self.nodes("fixed")
        if len(nodes) > 1:
            option = self.random.choice(["requeue", "taskcompletion"])
            body = {"nodeList": nodes[:1], "nodeDeallocationOption": option}
            await self.call("POST", "/pools/fixed/removenodes", body)

    async def deallocate(self) -> None:
        for node in (await self.nodes("idle"))[:1]:
            if (await self.call("POST", f"/pools/idle/nodes/{node}/deallocate"))[0] == 202:
                self.recorder.deallocated.add(node)

    async def restart_node(self) -> None:
        for node in (await self.nodes("fixed"))[-1:]:
            await self.call("POST", f"/pools/fixed/nodes/{node}/{self.random.choice(['reboot', 'reimage'])}")

    async def end_job(self) -> None:
        jobs = await self.jobs()
        if len(jobs) < 2:
            return
        job = self.random.choice(jobs)
        action = self.random.choice(["delete", "hold", "terminate", "disable", "disable"])
        if action == "hold":
            fault = {"operation": "delete_job", "path": f"/jobs/{job}", "deleting": 1}
            await self.call("POST", "/_control/faults", {"faults": [fault]})
        if action in ("delete", "hold"):
            path = f"/jobs/{job}"
            self.recorder.accepted -= {each for each in self.recorder.accepted if f"{each}/".startswith(f"{path}/")}
            await self.call("DELETE", path)
        elif action == "terminate":
            await self.call("POST", f"/jobs/{job}/terminate")
        else:
            how = self.random.choice(["requeue", "terminate", "wait"])
            await self.call("POST", f"/jobs/{job}/disable", {"disableTasks": how})
            if self.random.random() < 0.5:
                await self.call("POST", f"/jobs/{job}/enable")

    async def add_schedule(self) -> None:
        first = clock.timestamp(datetime.now(UTC) + timedelta(seconds=self.random.choice([0, 0.5, 1])))
        specification = {
            "poolInfo": {"poolId": "fixed"},
            "onAllTasksComplete": "terminatejob",
            "jobManagerTask": {"id": "manager", "commandLine": "sleep 0.1"},
        }
        schedule = {"doNotRunUntil": first, **self.random.choice([{}, {"recurrenceInterval": "PT1H"}])}
        body = {"id": self.name("schedule"), "schedule": schedule, "jobSpecification": specification}
        await self.call("POST", "/jobschedules", body)

    async def end_schedule(self) -> None:
        _, page = await self.call("GET", "/jobschedules")
        for each in page["value"][:1]:
            jobs = {f"/jobs/{job['id']}" for job in (await self.call("GET", "/jobs"))[1]["value"]}
            self.recorder.accepted -= {job for job in jobs if each["id"] in job}
            if self.random.random() < 0.5:
                await self.call("POST", f"/jobschedules/{each['id']}/terminate")
            else:
                await self.call("DELETE", f"/jobschedules/{each['id']}")

    async def delete_pool(self) -> None:
        name = self.name("pool")
        await self.call("POST", "/pools", {"id": name, "targetDedicatedNodes": 2} | POOL)
        await asyncio.sleep(0.1)
        await self.call("DELETE", f"/pools/{name}")

    async def inject(self) -> None:
        fault = {"operation": "get_task", "code": "TooManyRequests", "seconds": self.random.choice([0.5, 1])}
        await self.call("POST", "/_control/faults", {"faults": [fault]})


def options(directory: Path) -> Options:
    return Options(port=0, data=directory, control=True, token_key=TOKEN_KEY, allocation_delay=0.1)


async def record_moments(directory: Path, *, seed: int, count: int, seconds: float) -> list[Moment]:
    """Run a busy emulator for `seconds`, and return its state after `count` of its commits."""
    chance = random.Random(seed)  # noqa: S311
    recorder = RecordingStore.recorder = Recorder(chance, count)
    headers = {"Authorization": f"Bearer {make_token('https://batch.core.windows.net/')}"}
    opened = stores.open_store

    def open_recording(directory: Path | None) -> Store:
        return RecordingStore(opened(directory).database)

    stores.open_store = open_recording
    try:
        async with server.running(options(directory)) as emulator, aiohttp.ClientSession(headers=headers) as http:
            driver = Driver(emulator.url, http, chance, recorder)
            await driver.prepare()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while True:
                        await driver.step()
                        await asyncio.sleep(chance.random() * 0.05)
            # What happens while the emulator stops is no kill.
            moments = list(recorder.moments)
    finally:
        stores.open_store = opened
    return moments


async def restart_all(moments: list[Moment], directory: Path) -> list[str]:
    """Restart from each moment; returns what was lost or never finished."""
    gate = asyncio.Semaphore(CONCURRENT_RESTARTS)

    async def restart(index: int, moment: Moment) -> list[str]:
        async with gate:
            data = directory / str(index)
            data.mkdir()
            (data / "batch.sqlite").write_bytes(moment.database)
            async with server.running(options(data)) as emulator:
                left = await _settle(emulator.account, moment)
        return [f"commit {moment.number}: {each}" for each in left]

    results = await asyncio.gather(*(restart(index, moment) for index, moment in enumerate(moments)))
    return [each for result in results for each in result]


async def _settle(account: Account, moment: Moment) -> list[str]:
    lost = [path for path in moment.accepted if not _exists(account, path)]
    left = [f"{path} is lost" for path in lost]
    deadline = asyncio.get_running_loop().time() + SETTLE_TIMEOUT_SECONDS
    while (unfinished := _unfinished(account, moment)) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.1)
    return left + unfinished


def _exists(account: Account, path: str) -> bool:
    _, _, job, *rest = path.split("/")
    found = account.jobs.get(job)
    return found is not None and (not rest or rest[-1] in found.tasks)


def _unfinished(account: Account, moment: Moment) -> list[str]:
    """What an account still has to do."""
    left: list[str] = []
    for pool in account.pools.values():
        if pool.state == "deleting" or pool.doc["allocationState"] != "steady":
            left.append(f"pool {pool.id} is {pool.state} and {pool.doc['allocationState']}")
        targets = [pool.doc["targetDedicatedNodes"], pool.doc["targetLowPriorityNodes"]]
        numbers = [pool.doc["currentDedicatedNodes"], pool.doc["currentLowPriorityNodes"]]
        counted = [sum(node.dedicated is kind for node in pool.nodes.values()) for kind in (True, False)]
        if not targets == numbers == counted:
            left.append(f"pool {pool.id} has {counted} nodes, shows {numbers} and wants {targets}")
        for node in pool.nodes.values():
            wanted = ("deallocated",) if node.id in moment.deallocated else ("idle", "deallocated")
            if node.state not in wanted:
                left.append(f"node {node.id} of {pool.id} is {node.state}, not {wanted}")
    for job in account.jobs.values():
        if job.state in ENDING:
            left.append(f"job {job.id} is {job.state}")
        elif job.state == "active":
            waiting = [f"{task.id} is {task.state}" for task in job.tasks.values() if task.state != "completed"]
            left += [f"job {job.id} has {len(waiting)} open tasks, {waiting[0]}"] if waiting else []
        if job.state != "completed" and job.doc["constraints"]["maxWallClockTime"] == "PT2S":
            left.append(f"job {job.id} is {job.state} after its maxWallClockTime")
        if job.has_auto_pool and job.state == "completed" and job.pool is not None:
            left.append(f"job {job.id} is completed and has its automatic pool")
    for schedule in account.schedules.values():
        due = schedule.info.get("nextRunTime")
        if schedule.state in ENDING or (schedule.state == "active" and due is not None and due < clock.now()):
            left.append(f"schedule {schedule.id} is {schedule.state}, due {due}")
    return left
