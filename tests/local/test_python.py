"""The Python of tasks: the one that runs the stack, not whatever the machine calls `python3`."""

import os
import subprocess
import sys
from pathlib import Path

from local.layout import Layout, link_python
from local.services import StackConfig
from local.tls import Certificates

KEYS = {name: name for name in ("function", "master", "batch_key", "storage_key", "token_key", "identity_header")}


def test_tasks_find_the_python_of_the_stack_before_an_older_one(tmp_path: Path) -> None:
    older = tmp_path / "older" / "python3"
    older.parent.mkdir()
    older.write_text("#!/bin/sh\necho 3.6\n")
    older.chmod(0o755)
    layout = Layout(tmp_path / "stack")
    for _ in range(2):  # a second start finds the link of the first
        link_python(layout)
    path = f"{layout.programs}{os.pathsep}{older.parent}"
    show = "import sys; print('%d.%d' % sys.version_info[:2], sys.prefix == sys.base_prefix)"
    found = subprocess.run(
        ["/bin/bash", "-c", f'exec python3 -I -c "{show}"'],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["{}.{}".format(*sys.version_info), "True"]


def test_batch_service_has_that_python_first_in_its_search_path(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    config = StackConfig(
        layout=layout,
        ports=dict.fromkeys(("storage", "tables", "links", "batch", "identity", "events", "functions"), 1),
        tls=Certificates(bundle=tmp_path, chain=tmp_path, key=tmp_path),
        keys=KEYS,
        packages=tmp_path,
        settings={},
    )
    assert config.batch().environment["PATH"].split(os.pathsep) == [
        str(layout.programs),
        *os.environ["PATH"].split(os.pathsep),
    ]
