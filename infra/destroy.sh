#!/usr/bin/env bash
# Deletes a resource group with everything in it, videos and GIFs too: infra/destroy.sh -g GROUP [-y]
set -euo pipefail

group='' ask=yes
while getopts ':g:y' option; do
  case $option in
    g) group=$OPTARG ;;
    y) ask=no ;;
    *) group='' && break ;;
  esac
done
[[ -n $group ]] || { sed -n 2p "${BASH_SOURCE[0]}" | sed 's/^# //' >&2; exit 2; }

there=$(az group exists --name "$group")
if [[ $there != true ]]; then
  echo "There is no resource group $group."
  exit 0
fi
echo "In $group, all of this will be gone for good:"
az resource list --resource-group "$group" --query '[].[type,name]' --output tsv
if [[ $ask == yes ]]; then
  read -r -p 'Type the name of the group to delete it: ' answer
  [[ $answer == "$group" ]] || { echo 'Nothing was deleted.'; exit 1; }
fi
az group delete --name "$group" --yes
echo 'Deleted. A key vault of user subscription mode keeps its name until it is purged (az keyvault purge).'
