"""Whatever happens in whatever order, every video ends with one GIF of its newest version, or one error."""

import asyncio

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.simulation.batch import End
from tests.simulation.gate import Ending
from tests.simulation.world import World

VIDEOS = st.sampled_from(["a.mp4", "b.mp4", "c.mp4"])
ENDINGS: st.SearchStrategy[Ending] = st.sampled_from(
    ["done", "done", "done", "done", "refused", "throttled", "response lost"]
)
ENDS: st.SearchStrategy[End] = st.sampled_from(["judged", "judged", "crashed", "node lost", "upload failed"])
ALSO = st.sampled_from(["", "", "webp", "poster", "poster,webp"])
MANY = st.integers(0, 1000)


class Interleavings(RuleBasedStateMachine):
    """Each rule is one thing that may happen next; at the end everything works again and the invariant is checked."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world = self.runner.run(_new_world())
        self.uploads = 0

    def idle(self) -> None:
        self.runner.run(self.world.idle())

    @rule(video=VIDEOS, kind=st.sampled_from(["good", "good", "bad", ""]), also=ALSO, event_sent=st.booleans())
    def upload(self, video: str, kind: str, also: str, event_sent: bool) -> None:
        """A new version, with other files to make beside its GIF, whose event is sent or lost."""
        self.uploads += 1
        self.world.videos.put(video, f"{kind}{self.uploads}".encode() if kind else b"", {"gif_also": also})
        if event_sent:
            self.world.events.append(video)

    @rule(video=VIDEOS)
    def delete(self, video: str) -> None:
        self.world.videos.blobs.pop(video, None)

    @rule(video=VIDEOS)
    def delete_by_api(self, video: str) -> None:
        self.runner.run(_call(self.world.delete_by_api, video))
        self.idle()

    @rule(video=VIDEOS)
    def convert_again(self, video: str) -> None:
        self.runner.run(_call(self.world.convert_again, video))
        self.idle()

    @precondition(lambda self: self.world.events)
    @rule(which=MANY, again=st.booleans())
    def deliver(self, which: int, again: bool) -> None:
        """An event arrives, in any order, perhaps more than once."""
        index = which % len(self.world.events)
        video = self.world.events[index] if again else self.world.events.pop(index)
        self.runner.run(_call(self.world.deliver, video))
        self.idle()

    @rule()
    def sweep(self) -> None:
        self.runner.run(_call(self.world.sweep))
        self.idle()

    @rule()
    def reconcile(self) -> None:
        self.runner.run(_call(self.world.reconcile))
        self.idle()

    @precondition(lambda self: self.world.gate.waiting)
    @rule(which=MANY, ending=ENDINGS)
    def one_call(self, which: int, ending: Ending) -> None:
        self.world.gate.end(which % len(self.world.gate.waiting), ending)
        self.idle()

    @precondition(lambda self: self.world.gate.waiting)
    @rule(count=st.integers(1, 40))
    def many_calls(self, count: int) -> None:
        for _ in range(count):
            if self.world.gate.waiting:
                self.world.gate.end(0, "done")
                self.idle()

    @rule()
    def kill(self) -> None:
        self.runner.run(self.world.kill())

    @precondition(lambda self: self.world.batch.tasks)
    @rule(which=MANY)
    def begin(self, which: int) -> None:
        task = self.world.batch.tasks[which % len(self.world.batch.tasks)]
        if task.state == "active":
            self.world.batch.begin(task)

    @precondition(lambda self: any(task.state == "running" for task in self.world.batch.tasks))
    @rule(which=MANY, how=ENDS, event_sent=st.booleans())
    def end(self, which: int, how: End, event_sent: bool) -> None:
        running = [task for task in self.world.batch.tasks if task.state == "running"]
        task = running[which % len(running)]
        self.world.batch.end(task, how)
        if how == "judged" and event_sent:
            self.world.results.append(task.id)

    @precondition(lambda self: self.world.results)
    @rule(which=MANY, again=st.booleans())
    def deliver_result(self, which: int, again: bool) -> None:
        """The event of a result arrives, in any order, perhaps more than once."""
        index = which % len(self.world.results)
        task_id = self.world.results[index] if again else self.world.results.pop(index)
        self.runner.run(_call(self.world.deliver_result, task_id))
        self.idle()

    @precondition(lambda self: self.world.batch.jobs)
    @rule(which=MANY, how=st.sampled_from(["completed", "disabled", "deleted"]))
    def close_job(self, which: int, how: str) -> None:
        """By hand; a deleted or terminated job takes its tasks along."""
        jobs = self.world.batch.jobs
        job = list(jobs.values())[which % len(jobs)]
        if how == "deleted":
            del jobs[job.id]
        else:
            job.state = how
            for task in job.tasks.values():
                if how == "completed" and task.state != "completed":
                    task.state, task.failure, task.ended = "completed", "TaskEnded", self.world.clock.seconds
                    task.started = task.started or self.world.clock.seconds

    @rule(seconds=st.sampled_from([60, 200, 1000, 5000]))
    def wait(self, seconds: float) -> None:
        self.world.clock.seconds += seconds

    def teardown(self) -> None:
        try:
            self.runner.run(self.world.come_to_rest())
            self.world.check()
        finally:
            self.runner.close()


async def _new_world() -> World:
    return World()


async def _call(function: object, *arguments: object) -> None:
    function(*arguments)  # type: ignore[operator]


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
