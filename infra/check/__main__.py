"""python -m infra.check [FOLDER]: checks the Bicep files of a folder, default infra/."""

import sys
from pathlib import Path

from infra.check.files import check


def main(folder: Path) -> int:
    problems = check(folder)
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{len(list(folder.rglob('*.bicep')))} Bicep files: no problems found")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]))
