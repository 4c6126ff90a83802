"""python -m infra.check [FOLDER]: a schema lint of a folder's Bicep files, default infra/; no compiler."""

import sys
from pathlib import Path

from infra.check.files import check


def main(folder: Path) -> int:
    problems = check(folder)
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{len(list(folder.rglob('*.bicep')))} Bicep files: the schema lint found no problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]))
