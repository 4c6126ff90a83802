#!/usr/bin/env bash
# Deploys gifdrop into one resource group. Every step is idempotent: after a failure, run the same command again.
#
#   infra/deploy.sh -g GROUP [-l REGION] [-p NAME=VALUE]... [-v VIDEO] [-a DIR] [-y] [STEP]...
#
#   -g  resource group, created if it is missing      -p  a parameter of infra/main.bicep, repeatable
#   -l  region, required if the group is new          -v  the MP4 for the smoke test, default: a generated one
#   -y  do not ask for confirmation                   -a  deploy what `python -m infra.artifact DIR` built
#
# Steps, all in this order by default: check package infra upload publish events smoke
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

STEPS=(check package infra upload publish events smoke)
EVENT_FUNCTIONS=(on_video_uploaded on_result_uploaded)
PYTHON=${PYTHON:-.venv/bin/python}
PROVIDERS=(
  Microsoft.App Microsoft.Batch Microsoft.Compute Microsoft.Consumption Microsoft.EventGrid Microsoft.Insights
  Microsoft.KeyVault Microsoft.ManagedIdentity Microsoft.Network Microsoft.OperationalInsights Microsoft.Storage
  Microsoft.Web
)
WAIT=${GIFDROP_WAIT_SECONDS:-10}
ATTEMPTS=${GIFDROP_ATTEMPTS:-30}

group='' region='' video='' artifact='' ask=yes parameters=() step=''

say() { printf '%s\n' "$*"; }
die() { printf 'deploy.sh: %s\n' "$*" >&2; exit 1; }

usage() { sed -n '2,10p' infra/deploy.sh | sed 's/^# \{0,1\}//'; }

failed() {
  local code=$?
  [[ $code -eq 0 || -z $step ]] || say "The step '$step' failed. Nothing needs to be undone: fix the cause and run the same command again." >&2
}
trap failed EXIT

# Role assignments and published functions take effect in Azure only after a while.
retry() {
  local n
  for ((n = 1; n <= ATTEMPTS; n++)); do
    if "$@"; then return 0; fi
    [[ $n -eq $ATTEMPTS ]] || sleep "$WAIT"
  done
  return 1
}

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
  local tool provider missing subscription exists
  local tools=(az)
  [[ -n $artifact ]] || tools+=(func)
  for tool in "${tools[@]}"; do command -v "$tool" >/dev/null || die "$tool is not installed"; done
  [[ -x $PYTHON ]] || command -v "$PYTHON" >/dev/null || die "$PYTHON not found: run 'make check' once to create .venv"
  subscription=$(az account show --query name --output tsv)
  say "Subscription: $subscription"
  missing=$(az provider list --query "[?registrationState!='Registered'].namespace" --output tsv)
  for provider in "${PROVIDERS[@]}"; do
    if grep -qix -- "$provider" <<<"$missing"; then az provider register --namespace "$provider" --wait; fi
  done
  exists=$(az group exists --name "$group")
  if [[ $exists != true ]]; then
    [[ -n $region ]] || die "resource group $group does not exist: pass a region with -l to create it"
    az group create --name "$group" --location "$region" --output none
  fi
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
  local earlier file=".local/parameters/$group.json"
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
    az functionapp deployment source config-zip --resource-group "$group" --name "$app" --src "$artifact/app.zip" \
      --build-remote true --output none
  else
    func azure functionapp publish "$app" --python --build remote
  fi
}

step_events() {
  need_outputs
  local function
  for function in "${EVENT_FUNCTIONS[@]}"; do
    retry az functionapp function show --resource-group "$group" --name "$app" --function-name "$function" \
      --output none || die "the app has no function $function: did the step 'publish' succeed?"
  done
  az deployment group create --resource-group "$group" --name gifdrop-events --template-file "$(template events)" \
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
  retry az storage blob upload --auth-mode login --account-name "$data" --container-name videos --name "$name" \
    --file "$file" --only-show-errors --output none
  key=$(az functionapp keys list --resource-group "$group" --name "$app" --query functionKeys.default --output tsv)
  # Through the environment: an argument would be visible in the process list.
  GIFDROP_KEY=$key "$PYTHON" -m infra.smoke wait "$url" "$name"
  "$PYTHON" -m infra.old_pools "$group" "$pool"
}

plan() {
  say "Deploys into resource group $group:"
  say '  storage (3 accounts), Batch account and pool, function app (Flex Consumption), identities and roles,'
  say '  Event Grid topic and two subscriptions, Log Analytics, Application Insights, alerts, a workbook.'
  "$PYTHON" -m infra.costs summary 2>/dev/null || say 'docs/operations.md has its cost.'
  say "Steps: ${chosen[*]}"
}

while getopts ':g:l:p:v:a:yh' option; do
  case $option in
    g) group=$OPTARG ;;
    l) region=$OPTARG ;;
    p) parameters+=("$OPTARG") ;;
    v) video=$OPTARG ;;
    a) artifact=$OPTARG ;;
    y) ask=no ;;
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
chosen=("${@:-${STEPS[@]}}")
for name in "${chosen[@]}"; do
  [[ " ${STEPS[*]} " == *" $name "* ]] || die "no step '$name'; the steps are: ${STEPS[*]}"
done

plan
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
