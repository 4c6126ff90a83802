"""How often conversions ran, read from the storage service's access log."""

import re
from collections import Counter
from pathlib import Path

from local.events.access_log import blob_change

_RESULT = re.compile(r"(?P<conversion>[0-9a-f]+)-[0-9]+/result\.json")


def runs_by_conversion(access_log: Path) -> Counter[str]:
    """Conversion id -> tasks that ended with a result, all attempts together: each of them uploads one result.json."""
    runs: Counter[str] = Counter()
    for line in access_log.read_text(errors="replace").splitlines():
        change = blob_change(line)
        if change and change.container == "staging" and change.api != "DeleteBlob":
            found = _RESULT.fullmatch(change.name)
            if found:
                runs[found["conversion"]] += 1
    return runs
