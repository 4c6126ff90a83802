#!/usr/bin/env bash
# Deletes a resource group and everything in it, including videos and GIFs: infra/destroy.sh -g GROUP [-y]   (-y does not ask)
set -euo pipefail

group='' ask=yes
usage() { sed -n 2p "${BASH_SOURCE[0]}" | sed 's/^# //'; }
[[ ${1:-} != --help ]] || set -- -h
while getopts ':g:yh' option; do
  case $option in
    g) group=$OPTARG ;;
    y) ask=no ;;
    h) usage; exit 0 ;;
    *) group='' && break ;;
  esac
done
[[ -n $group ]] || { usage >&2; exit 2; }

exists=$(az group exists --name "$group")
if [[ $exists != true ]]; then
  echo "Resource group $group does not exist."
  exit 0
fi
echo "These resources in $group will be permanently deleted:"
az resource list --resource-group "$group" --query '[].[type,name]' --output tsv
if [[ $ask == yes ]]; then
  read -r -p 'Type the name of the resource group to confirm: ' reply
  [[ $reply == "$group" ]] || { echo 'Nothing was deleted.'; exit 1; }
fi
locks=$(az lock list --resource-group "$group" --query "[?level=='CanNotDelete'].id" --output tsv)
while read -r lock; do
  [[ -n $lock ]] || continue
  echo "Removing the lock $lock"
  # Needs Owner or User Access Administrator, like creating it.
  az lock delete --ids "$lock"
done <<<"$locks"
az group delete --name "$group" --yes
echo 'Deleted. A key vault (user subscription mode only) keeps its name reserved for 7 days: use another group until then.'
