"""Stand-ins of `az`, `func` and `azd` that start in milliseconds, because this process answers them; and their faults.

Each tool is a short bash script that sends its arguments over a socket and prints the answer. So is `python`: its
modules are the real ones, in forks of one interpreter.
"""

import json
import os
import re
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tests.infra import fake_az
from tests.infra.bicep import INFRA, ROOT
from tests.support.fork_server import ForkServer

Answer: TypeAlias = tuple[int, str, str]
"""Exit code, output, error output."""
Fault: TypeAlias = Callable[[Callable[[], Answer]], Answer]
"""Takes what carries out the command, and answers in its place."""

Run: TypeAlias = subprocess.CompletedProcess[str]

SITE_PACKAGES = [path for path in sys.path if path.endswith("site-packages")]
VERSION = "0123456789abcdef" * 4
TOOL = r"""#!/bin/bash
exec 3<>"/dev/tcp/127.0.0.1/$FAKE_AZ_PORT"
given=(); for name in ${!FAKE_AZ_@} ${!AZURE_@}; do given+=("$name=${!name}"); done
printf '%s\0' "$#" "${0##*/}" "$@" "${#given[@]}" "${given[@]}" '' >&3
IFS= read -r -d '' -u 3 code && IFS= read -r -d '' -u 3 out && IFS= read -r -d '' -u 3 error
[ -z "$out" ] || printf '%s\n' "$out"
[ -z "$error" ] || printf '%s\n' "$error" >&2
exit "$code"
"""
PYTHON = r"""#!/bin/bash
case "$*" in
STUBS
  "-m infra."*) ;;
  *) exec EXECUTABLE "$@" ;;
esac
case "$2" in infra.az_output | infra.failures) IFS= read -r -d '' input ;; *) input='' ;; esac
exec 3<>"/dev/tcp/127.0.0.1/$FAKE_AZ_PORT"
given=()
for name in PATH HOME PWD PYTHON ${!FAKE_AZ_@} ${!AZURE_@} ${!GIFDROP_@}; do given+=("$name=${!name}"); done
printf '%s\0' "$#" python "$@" "${#given[@]}" "${given[@]}" "$input" >&3
IFS= read -r -d '' -u 3 code && IFS= read -r -d '' -u 3 out && IFS= read -r -d '' -u 3 error
printf '%s' "$out"
printf '%s' "$error" >&2
exit "$code"
"""
FACTS = {"-m infra.package": f"printf 'id: gifdrop\\nversion: {VERSION}\\npath: /tmp/{VERSION}.zip\\n'"}
"""Not the real package, which takes seconds to build."""
STUBS = FACTS | {
    "-m infra.costs summary": "true",
    "-m infra.sign_in probe *": "true",
    "-m infra.smoke wait *": """echo '"state": "succeeded"'""",
}
"""Pattern of bash for a command line of Python -> what runs in its place."""

DENIED = (
    "ERROR: (AuthorizationFailed) The client 'me@example.com' with object id '11111111-2222-3333-4444-555555555555'"
    " does not have authorization to perform action 'Microsoft.Example/things/write' over scope"
    " '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/pets' or the scope is invalid."
)
NEW_ROLE = (
    "ERROR: InaccessibleStorageException: Failed to access storage account for deployment: BlobUploadFailedException:"
    " Status: 403 (This request is not authorized to perform this operation using this permission.)"
)
FAULTS: dict[str, Fault] = {
    "failure": lambda run: (1, "", "ERROR: something is wrong with the request"),
    # The command has its effect, but does not return in time.
    "time-out": lambda run: (run() and 124, "", ""),
    "throttling": lambda run: (1, "", "ERROR: (TooManyRequests) The request is being throttled. Status: 429"),
    "denial": lambda run: (1, "", DENIED),
    "refusal": lambda run: (1, "", NEW_ROLE),
}


@dataclass
class StandIns:
    """A fake subscription, its tools, and the fault that is to happen."""

    home: Path
    interpreter: ForkServer
    port: int = 0
    calls: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """What commands print that start with the key, in place of what fake_az prints."""
    fault: Fault | None = None
    fault_at: Callable[[str], bool] = lambda command: False
    faults_left: int = 0

    def inject(self, fault: str, at: Callable[[str], bool], times: int = 1000) -> None:
        """The next `times` calls for which `at` holds fail in this way."""
        self.fault, self.fault_at, self.faults_left = FAULTS[fault], at, times

    def answer(self, tool: str, arguments: list[str], environment: Mapping[str, str]) -> Answer:
        command = " ".join([tool, *arguments])
        self.calls.append(command)

        def run() -> Answer:
            answer = next((text for start, text in self.answers.items() if command.startswith(start)), None)
            if answer is not None:
                return 0, answer, ""
            fake_az.HOME = self.home
            return fake_az.respond(tool, arguments, environment)

        if self.fault and self.faults_left > 0 and self.fault_at(command):
            self.faults_left -= 1
            return self.fault(run)
        return run()

    def python(self, module: str, *arguments: str, stdin: str = "", **environment: str) -> Run:
        """Run `python -m MODULE ARGUMENTS`."""
        folder = Path(environment.get("PWD", ROOT))
        path = [str(folder), *SITE_PACKAGES]
        return self.interpreter.run(module, *arguments, cwd=folder, environment=environment, path=path, stdin=stdin)

    def deploy(self, *arguments: str) -> Run:
        return self.run("-y", "-g", "pets", "-l", "westeurope", *arguments)

    def run(self, *arguments: str, script: str = "deploy.sh", stdin: str = "", **changed: str) -> Run:
        return subprocess.run(
            [str(INFRA / script), *arguments],
            env=self.environment | changed,
            capture_output=True,
            text=True,
            check=False,
            input=stdin,
        )

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a script that uses the stand-ins."""
        tools = self.home / "bin"
        return {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "PYTHON": str(tools / "python"),
            "FAKE_AZ_APP_URL": "https://gifdrop.example",
            "FAKE_AZ_PORT": str(self.port),
            "GIFDROP_WAIT_SECONDS": "0",
            "GIFDROP_ATTEMPTS": "3",
            "GIFDROP_PAUSE_SECONDS": "0",
            "GIFDROP_COMMIT": "c0ffee",
        }

    def state(self) -> dict[str, bytes]:
        """Everything that the fake subscription remembers."""
        return {path.name: path.read_bytes() for path in self.home.iterdir() if path.is_file() and path.name != "calls"}

    def restore(self, state: dict[str, bytes]) -> None:
        for path in self.home.iterdir():
            if path.is_file():
                path.unlink()
        for name, content in state.items():
            (self.home / name).write_bytes(content)
        self.calls.clear()
        self.faults_left = 0
        self.answers.clear()


def fingerprint(state: dict[str, bytes]) -> str:
    """Equal for states that differ only in the times that are part of names."""
    return re.sub(r"\d{8}T\d{6}-\d+", "TIME", json.dumps({name: text.decode() for name, text in sorted(state.items())}))


@contextmanager
def stand_ins(home: Path, python: ForkServer, stubs: Mapping[str, str] = STUBS) -> Iterator[StandIns]:
    """A fake subscription in a folder, with the tools in `bin`."""
    cloud = StandIns(home, python)
    lock = threading.Lock()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            count = int(self._word())
            tool, *arguments = [self._word() for _ in range(count + 1)]
            environment = dict(self._word().split("=", 1) for _ in range(int(self._word())))
            stdin = self._word()
            if tool == "python":  # without the lock: it may run az
                done = cloud.python(*arguments[1:], stdin=stdin, **environment)
                code, out, error = done.returncode, done.stdout, done.stderr
            else:
                with lock:
                    code, out, error = cloud.answer(tool, arguments, environment)
            self.wfile.write(f"{code}\0{out}\0{error}\0".encode())

        def _word(self) -> str:
            word = bytearray()
            while (byte := self.rfile.read(1)) != b"\0":
                word += byte
            return word.decode()

    (home / "bin").mkdir(parents=True)
    cases = "\n".join(
        f"{pattern.replace(' ', chr(92) + ' ')}) {command}; exit ;;" for pattern, command in stubs.items()
    )
    python_tool = PYTHON.replace("STUBS", cases).replace("EXECUTABLE", sys.executable)
    for tool, text in {"az": TOOL, "func": TOOL, "azd": TOOL, "python": python_tool}.items():
        (home / "bin" / tool).write_text(text, encoding="utf-8")
        (home / "bin" / tool).chmod(0o755)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        cloud.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield cloud
        finally:
            server.shutdown()
            thread.join()
