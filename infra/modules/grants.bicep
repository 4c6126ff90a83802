// Role assignments on containers of one storage account, or on the account if a grant names no container.

param account string

@description('Per grant: principal (object id), role (a name in roles.json or of roles.bicep), container (empty: the account), listing (false: reading does not include listing), until (UTC, when the grant ends; empty: never), why (description of the assignment).')
param grants grant[]

@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'ServicePrincipal'

type grant = {
  principal: string
  role: string
  container: string
  listing: bool?
  until: string?
  why: string
}

var roles = loadJsonContent('../roles.json')

// Listing blobs is part of reading them, so only a condition can take it away. No listing has this prefix.
var blobs = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs'
var lists = '(ActionMatches{\'${blobs}/read\'} AND SubOperationMatches{\'Blob.List\'})'
var listsNothing = '((!${lists}) OR (@Request[${blobs}:prefix] StringEquals \'listing is not allowed\'))'

var uses = map(['read', 'write', 'add/action', 'delete'], action => '!(ActionMatches{\'${blobs}/${action}\'})')
var ends = '((${join(uses, ' AND ')}) OR (@Environment[UtcNow] DateTimeLessThan \'{{until}}\'))'

var onContainers = filter(grants, item => !empty(item.container))
var onAccount = filter(grants, item => empty(item.container))

resource storage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: account
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = [for item in onContainers: {
  name: '${account}/default/${item.container}'
}]

resource containerRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (item, i) in onContainers: {
  name: guid(storage.id, item.container, item.principal, item.role)
  scope: container[i]
  properties: {
    principalId: item.principal
    principalType: principalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', contains(roles, item.role) ? roles[item.role] : guid(resourceGroup().id, item.role))
    condition: item.?listing == false ? listsNothing : !empty(item.?until) ? replace(ends, '{{until}}', item.?until ?? '') : null
    conditionVersion: item.?listing == false || !empty(item.?until) ? '2.0' : null
    description: item.why
  }
}]

resource accountRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for item in onAccount: {
  name: guid(storage.id, item.principal, item.role)
  scope: storage
  properties: {
    principalId: item.principal
    principalType: principalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', contains(roles, item.role) ? roles[item.role] : guid(resourceGroup().id, item.role))
    condition: item.?listing == false ? listsNothing : !empty(item.?until) ? replace(ends, '{{until}}', item.?until ?? '') : null
    conditionVersion: item.?listing == false || !empty(item.?until) ? '2.0' : null
    description: item.why
  }
}]
