#!/usr/bin/env bash
# Runs the escape suite as a task on a node of a pool, as the same kind of user as the converter, and prints its output.
# Needs az, signed in to the Batch account: az batch account login --name ACCOUNT --resource-group GROUP
#   tests/converter/escape/on_pool.sh POOL            runs it; the job is deleted afterwards
#   tests/converter/escape/on_pool.sh --command       prints the task's command line, which needs no other file
set -euo pipefail
script=$(realpath "${BASH_SOURCE[0]}")
cd "$(dirname "$script")/../../.."

files=(converter/*.py converter/*/*.py tests/converter/escape/{__main__,attempts,programs}.py)
archive=$(tar --create --sort=name --owner=0 --group=0 "${files[@]}" | gzip --best | base64 --wrap=0)
command="/bin/bash -c 'echo $archive | base64 --decode | tar --extract --gzip && exec python3 -m tests.converter.escape'"

case "${1:-}" in
  --command) echo "$command"; exit ;;
  "" | -*) sed -n '2,5s/^# \{0,1\}//p' "$script" >&2; exit 2 ;;
esac

job="escape-$(date -u +%Y%m%d-%H%M%S)"
task=$(mktemp)
trap 'rm -f "$task"; az batch job delete --job-id "$job" --yes --output none || true' EXIT
az batch job create --id "$job" --pool-id "$1" --output none
python3 - "$command" >"$task" <<'PYTHON'
import json, sys
user = {"autoUser": {"scope": "task", "elevationLevel": "nonadmin"}}
limits = {"maxWallClockTime": "PT10M"}
print(json.dumps({"id": "escape", "commandLine": sys.argv[1], "userIdentity": user, "constraints": limits}))
PYTHON
az batch task create --job-id "$job" --json-file "$task" --output none
until [[ $(az batch task show --job-id "$job" --task-id escape --query state --output tsv) == completed ]]; do
  sleep 5
done
for name in stdout.txt stderr.txt; do
  output=$(mktemp --dry-run)
  az batch task file download --job-id "$job" --task-id escape --file-path "$name" --destination "$output" --output none
  cat "$output"
  rm -f "$output"
done
exit "$(az batch task show --job-id "$job" --task-id escape --query executionInfo.exitCode --output tsv)"
