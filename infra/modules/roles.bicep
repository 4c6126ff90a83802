// Custom roles. On blobs: Azure has no role that only writes them, and those that read or write them also sign user
// delegation keys or delete whole containers, which no condition on a role assignment can take away. On pools: Azure's
// roles that change a pool also delete it and change applications.

param name string

var group = resourceGroup().id
var blobs = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs'

// The ids derive from the names, so that grants.bicep finds the roles without an output.
var definitions = [
  {
    name: 'gifdrop blob reader'
    description: 'Read blobs, and nothing of containers or the account. For the nodes of a gifdrop pool, and its operator.'
    actions: []
    dataActions: ['${blobs}/read']
  }
  {
    name: 'gifdrop blob writer'
    description: 'Write blobs, without reading, listing or deleting any. For the nodes of a gifdrop pool.'
    actions: []
    dataActions: ['${blobs}/write', '${blobs}/add/action']
  }
  {
    name: 'gifdrop blob editor'
    description: 'Read, write and delete blobs, and nothing of containers or the account. For the operator of gifdrop.'
    actions: []
    dataActions: ['${blobs}/read', '${blobs}/write', '${blobs}/add/action', '${blobs}/delete']
  }
  {
    name: 'gifdrop pool editor'
    description: 'Read and change Batch pools and their nodes, without deleting pools. For the app of gifdrop.'
    // Batch has no data actions for pools: these apply to its own API, too.
    actions: ['Microsoft.Batch/batchAccounts/pools/read', 'Microsoft.Batch/batchAccounts/pools/write']
    dataActions: []
  }
]

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [for item in definitions: {
  name: guid(group, item.name)
  properties: {
    // Names of custom roles are unique in a tenant.
    roleName: '${item.name} (${name})'
    description: item.description
    type: 'CustomRole'
    assignableScopes: [group]
    permissions: [
      {
        actions: item.actions
        notActions: []
        dataActions: item.dataActions
        notDataActions: []
      }
    ]
  }
}]

output ids string[] = [for item in definitions: guid(group, item.name)]
