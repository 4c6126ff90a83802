"""python -m infra.check [FOLDER]: a schema lint of a folder's Bicep files, default infra/; no compiler."""

import sys
from collections.abc import Sequence
from pathlib import Path

from infra.check.files import check


def main(arguments: Sequence[str]) -> int:
    match arguments:
        case ["-h" | "--help"]:
            print(__doc__)
            return 0
        case []:
            folder = Path(__file__).parents[1]
        case [given] if Path(given).is_dir():
            folder = Path(given)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    problems = check(folder)
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{len(list(folder.rglob('*.bicep')))} Bicep files: the schema lint found no problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
