#!/usr/bin/env bash
# Runs the documentation's commands as a newcomer would: in a new clone, with an empty home and empty caches.
#
#   tests/newcomer.sh [-n TIMES] [-x PATTERN]... [-k] [SOURCE]
#
#   SOURCE  what is cloned, default: the repository of this script, as committed
#   -n      how often all commands are run, default: 2
#   -x      skip blocks that match this extended regular expression, such as 'make test$'
#   -k      keep the folder
#
# Every block of the language `sh` in README.md, CONTRIBUTING.md and docs/ is run exactly as printed, each in a shell of
# its own. Blocks of commands that need more than this machine, such as Azure, have no language.
set -euo pipefail

times=2 skip='' keep=no
usage() { sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
[[ ${1:-} != --help ]] || set -- -h
while getopts ':n:x:kh' option; do
  case $option in
    n) times=$OPTARG ;;
    x) skip=${skip:+$skip|}$OPTARG ;;
    k) keep=yes ;;
    h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
shift $((OPTIND - 1))
source=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}

work=$(mktemp -d)
finish() {
  local code=$?
  if [[ $keep == yes ]]; then echo "kept: $work"; else rm -rf -- "$work"; fi
  exit "$code"
}
trap finish EXIT

# Of the caller's environment: where to find programs and package indexes, and how to get through a proxy.
environment=(HOME="$work/home" PATH="$PATH" LANG="${LANG:-C.UTF-8}" TERM=dumb PIP_CACHE_DIR="$work/pip" npm_config_cache="$work/npm")
while IFS='=' read -r -d '' name value; do
  case ${name,,} in
    pip_cache_dir | npm_config_cache | npm_config_prefix) ;;
    pip_* | npm_config_* | http_proxy | https_proxy | no_proxy | ssl_cert_file | node_extra_ca_certs) environment+=("$name=$value") ;;
  esac
done < <(env -0)

mkdir "$work/home" "$work/blocks"
git clone --quiet -- "$source" "$work/gifdrop"
cd "$work/gifdrop"

# blocks/001 is the first block, and so on; the first line of each is a comment with its page.
for page in README.md CONTRIBUTING.md docs/*.md; do
  [[ -f $page ]] || continue
  awk -v page="$page" -v folder="$work/blocks" -v count="$(find "$work/blocks" -type f | wc -l)" '
    /^```sh$/ { file = sprintf("%s/%03d", folder, ++count); print "# " page > file; next }
    /^```/    { if (file) close(file); file = "" }
    file      { print > file }' "$page"
done

fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
is_gif() { [[ $(head -c 6 "$1") == GIF89a ]] || fail "$1 is no GIF"; }

# What the page presumes that its reader has.
prepare() {
  if [[ -f .local/sample.mp4 && ! -d $work/home/Videos/cats ]]; then
    mkdir -p "$work/home/Videos/cats"
    cp .local/sample.mp4 "$work/home/Videos/cats/tom.mp4"
  fi
  rm -rf out
}

# What the page promises of a block, and what it printed.
check() {
  case $(<"$1") in
    *'make demo VIDEO='*) is_gif out/tom.gif ;;
    *'make demo'*) is_gif out/sample.gif ;;
    *curl*'/api/status/'*)
      is_gif out/sample.gif
      grep -q '"state": "succeeded"' "$2" || fail 'no status of a video that has succeeded'
      grep -q '"videos": \[\]' "$2" || fail 'no list of failed videos'
      [[ ! -e .local/endpoints.json ]] || fail 'the stack has not stopped'
      ;;
  esac
}

for ((round = 1; round <= times; round++)); do
  for block in "$work"/blocks/*; do
    if [[ -n $skip ]] && grep -qE -- "$skip" "$block"; then
      echo "skipped: $(sed -n 2p "$block")"
      continue
    fi
    prepare
    started=$SECONDS
    # A limit, because a block that waits for a stack which has failed to start never ends.
    if ! timeout 3600 env -i "${environment[@]}" bash -eu -o pipefail "$block" >"$work/output" 2>&1 </dev/null; then
      tail -n 40 "$work/output" >&2
      fail "round $round, $(head -n 1 "$block"): $(<"$block")"
    fi
    check "$block" "$work/output"
    printf 'ok %d/%d %4d s  %s: %s\n' "$round" "$times" $((SECONDS - started)) "$(sed -n '1s/# //p' "$block")" "$(sed -n 2p "$block")"
  done
done

[[ -z $(git status --porcelain) ]] || fail "the commands left files that git does not ignore: $(git status --short)"
