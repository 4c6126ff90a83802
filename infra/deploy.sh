#!/usr/bin/env bash
# Deploys gifdrop into one resource group. Every step is idempotent: after a failure, run the same command again.
#
#   infra/deploy.sh -g GROUP [-l REGION] [-p NAME=VALUE]... [-v VIDEO] [-a DIR] [-y] [STEP... | COMMAND]
#
#   -g  resource group, created if it is missing      -p  a parameter of infra/main.bicep, repeatable
#   -l  region, required if the group is new          -v  the MP4 for the smoke test, default: a generated one
#   -y  do not ask for confirmation                   -a  deploy what `python -m infra.artifact DIR` built
#
# Steps, all in this order by default: check package infra upload publish events smoke
# Commands: plan      checks what would fail and previews the changes, without making any
#           doctor    reads a deployed group and says what is wrong, without changing anything
#           canary    converts one video on the newest pool, then offers to move today's work to it
#           sign-in   registers the app in Entra ID, so that people can sign in, or prints the commands for it
#           rollback  deploys the code, converter and settings of the release before
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

STEPS=(check package infra upload publish events smoke)
COMMANDS=(plan doctor canary sign-in rollback preprovision)
EVENT_FUNCTIONS=(on_video_uploaded on_result_uploaded)
PYTHON=${PYTHON:-.venv/bin/python}
WAIT=${GIFDROP_WAIT_SECONDS:-10}
# A new role takes up to ten minutes to take effect, at times longer.
ATTEMPTS=${GIFDROP_ATTEMPTS:-60}
READ_SECONDS=${GIFDROP_READ_SECONDS:-180}
CHANGE_SECONDS=${GIFDROP_CHANGE_SECONDS:-3600}

group='' region='' video='' artifact='' ask=yes parameters=() step='' explained='' yes=''

say() { printf '%s\n' "$*"; }
die() { printf 'deploy.sh: %s\n' "$*" >&2; explained=yes; exit 1; }

usage() { sed -n '2,15p' infra/deploy.sh | sed 's/^# \{0,1\}//'; }

failed() {
  local code=$? last=()
  # shellcheck disable=SC2046  # process ids
  [[ -z $(jobs -pr) ]] || kill $(jobs -pr) 2>/dev/null || true
  if [[ $code -ne 0 && -z $explained && -s $failures/command ]]; then
    mapfile -d '' -t last <"$failures/command"
    "$PYTHON" -m infra.failures explain "${last[@]}" <"$failures/stderr" >&2 || true
  fi
  rm -rf -- "$failures"
  [[ $code -eq 0 || -z $step ]] || say "The step '$step' failed. Nothing needs to be undone: fix the cause and run the same command again." >&2
}
failures=$(mktemp -d)
trap failed EXIT

az() { azure az "$@"; }
func() { azure func "$@"; }

# Runs a command with a time limit, and again after the kinds of failure in $again.
azure() {
  local n code kind limit=$READ_SECONDS
  case " $* " in
    *' create '* | *' publish '* | *' upload '* | *' config-zip '* | *' register '* | *' delete '*) limit=$CHANGE_SECONDS ;;
  esac
  # A subshell has no trap for EXIT, and its output stays open until the command ends.
  [[ $BASH_SUBSHELL -eq 0 ]] || trap 'kill "$!" 2>/dev/null; exit 130' INT TERM
  for ((n = 1; ; n++)); do
    code=0
    # In the background, because only `wait` is interrupted by Ctrl-C.
    if [[ $1 == func ]]; then
      timeout --kill-after=10 "$limit" "$@" </dev/null 2>&1 | tee "$failures/stderr" &
    else
      timeout --kill-after=10 "$limit" "$@" 2>"$failures/stderr" </dev/null &
    fi
    wait "$!" || code=$?
    [[ $1 == func || ! -s $failures/stderr ]] || cat "$failures/stderr" >&2
    if [[ $code -eq 0 ]]; then
      [[ ! -e $failures/command ]] || rm -f "$failures/command"
      return 0
    fi
    kind=$("$PYTHON" -m infra.failures kind "$code" <"$failures/stderr") || kind=other
    printf '%s' "$kind" >"$failures/kind"
    printf '%s\0' "$code" "$@" >"$failures/command"
    if [[ $again != any && " $again " != *" $kind "* || $kind == timed-out || $n -ge $ATTEMPTS ]]; then return "$code"; fi
    say "Trying again in $WAIT s ($((n + 1)) of $ATTEMPTS): ${kind/other/failed}" >&2
    sleep "$WAIT"
  done
}
again='throttled unavailable'

# What a deployment has just made takes effect after a while: functions and their keys, for example.
retry() { local again=any; "$@"; }

# The same for roles: services answer 403 until then. https://github.com/Azure/azure-dev/issues/8026
with_fresh_role() { local again='throttled unavailable refused'; "$@"; }

was() { [[ -f $failures/kind && $(<"$failures/kind") == "$1" ]]; }

# Outputs of the last successful deployment of main.bicep; empty if there is none.
outputs() {
  local good="[?properties.provisioningState=='Succeeded' && properties.outputs.functionApp]"
  local of=properties.outputs found
  local names="name, $of.functionApp.value, $of.functionUrl.value, $of.dataAccount.value, $of.eventTopic.value"
  names+=", $of.pool.value"
  found=$(az deployment group list --resource-group "$group" --output tsv \
    --query "sort_by($good, &properties.timestamp)[-1].[$names]")
  read -r -d '' deployment app url data topic pool <<<"$found" || true
}

need_outputs() {
  [[ -n ${topic:-} ]] || outputs
  [[ -n ${topic:-} ]] || die "nothing is deployed in $group yet: run the step 'infra' first"
}

# The template of a stage: compiled when it was built, or now.
template() { if [[ -f $artifact/$1.json ]]; then echo "$artifact/$1.json"; else echo "infra/$1.bicep"; fi; }

package_facts() {
  [[ -z ${package:-} ]] || return 0
  local facts
  if [[ -n $artifact ]]; then
    local found=("$artifact"/gifdrop/*.zip)
    [[ ${#found[@]} -eq 1 && -f ${found[0]} ]] || die "$artifact/gifdrop must hold one package"
    "$PYTHON" -m infra.package_check "${found[0]}" || die "$artifact holds a package that was changed after it was built"
    package=${found[0]}
    version=$(basename "$package" .zip)
    return 0
  fi
  facts=$("$PYTHON" -m infra.package)
  version=$(sed -n 's/^version: //p' <<<"$facts")
  package=$(sed -n 's/^path: //p' <<<"$facts")
  [[ -n $version && -n $package ]] || die 'python -m infra.package printed no version and path'
}

step_check() {
  local tool provider wanted missing subscription exists refused=() no_group=''
  local tools=(az)
  [[ -n $artifact ]] || tools+=(func)
  for tool in "${tools[@]}"; do type -P "$tool" >/dev/null || die "$tool is not installed"; done
  [[ -x $PYTHON ]] || command -v "$PYTHON" >/dev/null || die "$PYTHON not found: run 'make check' once to create .venv"
  subscription=$(az account show --query name --output tsv)
  say "Subscription: $subscription"
  wanted=$("$PYTHON" -m infra.rights providers ${parameters[@]+"${parameters[@]}"})
  # Both need rights above the resource group. What is refused is collected, so that one message names all of it.
  if ! missing=$(az provider list --query "[?registrationState!='Registered'].namespace" --output tsv); then
    was denied || return 1
    say 'You may not list resource providers, so it is not known whether these are registered:' "${wanted//$'\n'/ }"
  fi
  for provider in $wanted; do
    grep -qix -- "$provider" <<<"$missing" || continue
    az provider register --namespace "$provider" --wait || { was denied || return 1; refused+=("$provider"); }
  done
  exists=$(az group exists --name "$group")
  if [[ $exists != true ]]; then
    [[ -n $region ]] || die "resource group $group does not exist: pass a region with -l to create it"
    az group create --name "$group" --location "$region" --output none || { was denied || return 1; no_group=yes; }
  fi
  [[ -n $no_group || ${#refused[@]} -gt 0 ]] || return 0
  find_operator
  "$PYTHON" -m infra.rights commands --subscription "$(az account show --query id --output tsv)" --group "$group" \
    --principal "$operator" --principal-type "$kind" ${no_group:+--create-group-in "$region"} \
    ${refused[@]+"${refused[@]}"} >&2
  [[ -z $no_group ]] || say 'Then run the same command with -p createRoles=false.' >&2
  explained=yes
  return 1
}

step_package() {
  package_facts
  say "Converter package: $version"
}

# The deploying user or service principal, which main.bicep lets upload videos.
find_operator() {
  local type
  type=$(az account show --query user.type --output tsv)
  kind=User
  [[ $type != servicePrincipal ]] || kind=ServicePrincipal
  operator=$(az account get-access-token --query accessToken --output tsv | "$PYTHON" -m infra.az_output object-id)
}

# Reuses the parameters of the last successful deployment: a default in their place could open private storage.
keep_parameters() {
  local earlier file=$failures/parameters.json
  earlier=$(az deployment group show --resource-group "$group" --name "$deployment" \
    --query properties.parameters --output json)
  "$PYTHON" -m infra.az_output parameters "$file" <<<"$earlier"
  given+=("@$file")
}

step_infra() {
  local given=(@infra/main.parameters.json)
  package_facts
  outputs
  # On an upgrade, upload the new package before the app's settings name it.
  if [[ -n ${app:-} ]]; then
    upload_everywhere
    keep_parameters
  fi
  find_operator
  given+=("packageVersion=$version" "operatorPrincipalId=$operator" "operatorPrincipalType=$kind")
  # A unique name: a failed deployment must not overwrite the last successful one.
  az deployment group create --resource-group "$group" --name "gifdrop-main-$(date -u +%Y%m%dT%H%M%S)-$$" \
    --template-file "$(template main)" --parameters "${given[@]}" ${parameters[@]+"${parameters[@]}"} \
    --query 'properties.outputs.warnings.value' --output tsv
  topic=''
}

upload_everywhere() {
  local account accounts
  accounts=$(az batch account list --resource-group "$group" --query '[].name' --output tsv)
  [[ -n $accounts ]] || die "no Batch account in $group yet: run the step 'infra' first"
  while read -r account; do
    GIFDROP_ATTEMPTS=$ATTEMPTS GIFDROP_WAIT_SECONDS=$WAIT \
      "$PYTHON" -m infra.package_upload "$group" "$account" "$version" "$package" </dev/null
  done <<<"$accounts"
}

step_upload() {
  package_facts
  upload_everywhere
}

step_publish() {
  need_outputs
  if [[ -n $artifact ]]; then
    with_fresh_role az functionapp deployment source config-zip --resource-group "$group" --name "$app" --src "$artifact/app.zip" \
      --build-remote true --output none
  else
    with_fresh_role func azure functionapp publish "$app" --python --build remote
  fi
  record_release false
}

# A deployment without resources: the group's history then says which commit was published with which settings.
record_release() {
  local commit=${GIFDROP_COMMIT:-}
  if [[ -z $commit ]]; then
    commit=$(git rev-parse HEAD 2>/dev/null) || commit=unknown
    [[ -z $(git status --porcelain --untracked-files=no 2>/dev/null) ]] || commit+=-dirty
  fi
  az deployment group create --resource-group "$group" --name "gifdrop-release-$(date -u +%Y%m%dT%H%M%S)-$$-$1" \
    --template-file infra/release.json --parameters "commit=$commit" "deployment=$deployment" "verified=$1" --output none ||
    say 'This release could not be recorded, so a rollback will not find it.' >&2
  rm -f "$failures/command"
}

step_events() {
  need_outputs
  local function
  for function in "${EVENT_FUNCTIONS[@]}"; do
    retry az functionapp function show --resource-group "$group" --name "$app" --function-name "$function" \
      --output none || { ! was other || die "the app has no function $function: did the step 'publish' succeed?"; return 1; }
  done
  with_fresh_role az deployment group create --resource-group "$group" --name gifdrop-events --template-file "$(template events)" \
    --parameters "topic=$topic" "functionApp=$app" "dataAccount=$data" --output none
}

step_smoke() {
  need_outputs
  local file=${video:-${artifact:+$artifact/smoke.mp4}} name key
  name="smoke/$(date -u +%Y%m%dT%H%M%S).mp4"
  if [[ -z $file ]]; then
    file=.local/smoke.mp4
    "$PYTHON" -m infra.smoke make "$file"
  fi
  with_fresh_role az storage blob upload --auth-mode login --account-name "$data" --container-name videos --name "$name" \
    --file "$file" --only-show-errors --output none
  key=$(az functionapp keys list --resource-group "$group" --name "$app" --query functionKeys.default --output tsv)
  # Through the environment: an argument would be visible in the process list.
  GIFDROP_KEY=$key "$PYTHON" -m infra.smoke wait "$url" "$name" || { explained=yes; return 1; }
  # A client must not be able to pose as a person who has signed in, whether or not the app has sign-in.
  "$PYTHON" -m infra.sign_in probe "$url" || { explained=yes; return 1; }
  record_release true
  "$PYTHON" -m infra.old_pools "$group" "$pool" || { explained=yes; return 1; }
}

command_plan() {
  local given=(@infra/main.parameters.json) exists
  package_facts
  find_operator
  exists=$(az group exists --name "$group")
  if [[ $exists == true ]]; then
    outputs
    [[ -z ${app:-} ]] || keep_parameters
  fi
  given+=("packageVersion=$version" "operatorPrincipalId=$operator" "operatorPrincipalType=$kind")
  "$PYTHON" -m infra.plan --group "$group" --region "$region" --template "$(template main)" \
    "${given[@]}" ${parameters[@]+"${parameters[@]}"}
}

command_doctor() { "$PYTHON" -m infra.doctor "$group"; }

command_sign-in() { "$PYTHON" -m infra.sign_in register "$group"; }

command_canary() { "$PYTHON" -m infra.canary "$group" ${yes:+"$yes"} ${video:+--video "$video"}; }

command_rollback() { "$PYTHON" -m infra.rollback "$group" ${yes:+"$yes"} ${artifact:+--artifact "$artifact"}; }

# For `azd up`, which reuses no parameters of the last deployment.
command_preprovision() {
  local exists accounts
  exists=$(az group exists --name "$group")
  [[ $exists == true ]] || return 0
  outputs
  [[ -n ${app:-} ]] || return 0
  az deployment group show --resource-group "$group" --name "$deployment" --query properties.parameters \
    --output json | "$PYTHON" -m infra.az_output azd-resets || { explained=yes; return 1; }
  # On an upgrade, upload the new package before the app's settings name it.
  package_facts
  upload_everywhere
}

overview() {
  say "Deploys into resource group $group:"
  say '  storage (3 accounts), Batch account and pool, function app (Flex Consumption), identities and roles,'
  say '  Event Grid topic and two subscriptions, Log Analytics, Application Insights, alerts, a workbook.'
  "$PYTHON" -m infra.costs summary 2>/dev/null || say 'docs/costs.md has its cost.'
  say "Steps: ${chosen[*]}"
}

[[ ${1:-} != --help ]] || set -- -h
while getopts ':g:l:p:v:a:yh' option; do
  case $option in
    g) group=$OPTARG ;;
    l) region=$OPTARG ;;
    p) parameters+=("$OPTARG") ;;
    v) video=$OPTARG ;;
    a) artifact=$OPTARG ;;
    y) ask=no yes=--yes ;;
    h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[[ -n $group ]] || { usage >&2; exit 2; }
[[ -z $video || -f $video ]] || die "$video is not a file"
[[ -z $artifact || -d $artifact ]] || die "$artifact is not a folder"
for item in ${parameters[@]+"${parameters[@]}"}; do
  [[ $item != name=* || $item =~ ^name=[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$ ]] ||
    die "$item: letters, digits and single hyphens only, a letter first"
done
if [[ $# -eq 1 && " ${COMMANDS[*]} " == *" $1 "* ]]; then
  "command_$1"
  exit
fi
chosen=("${@:-${STEPS[@]}}")
for name in "${chosen[@]}"; do
  [[ " ${STEPS[*]} " == *" $name "* ]] || die "no step '$name'; the steps are: ${STEPS[*]}; alone: ${COMMANDS[*]}"
done

overview
if [[ $ask == yes ]]; then
  read -r -p 'Continue? [y/N] ' reply || true
  [[ $reply == [yY]* ]] || die 'nothing was done; pass -y to skip the confirmation'
fi
for name in "${STEPS[@]}"; do
  [[ " ${chosen[*]} " == *" $name "* ]] || continue
  step=$name
  say "== $name"
  "step_$name"
done
step=''
say 'Done.'
