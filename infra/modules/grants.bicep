// Role assignments on containers of one storage account, or on the account if a grant names no container.

param account string

@description('Per grant: principal (object id), role (a name in roles.json), container (empty: the account), why (description of the assignment).')
param grants grant[]

@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'ServicePrincipal'

type grant = {
  principal: string
  role: string
  container: string
  why: string
}

var roles = loadJsonContent('../roles.json')
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
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[item.role])
    description: item.why
  }
}]

resource accountRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for item in onAccount: {
  name: guid(storage.id, item.principal, item.role)
  scope: storage
  properties: {
    principalId: item.principal
    principalType: principalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[item.role])
    description: item.why
  }
}]
