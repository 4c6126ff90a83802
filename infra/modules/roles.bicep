// Custom roles on blobs. Azure has no role that only writes blobs, and those that read or write them also sign user
// delegation keys or delete whole containers, which no condition on a role assignment can take away.

param name string

var group = resourceGroup().id
var blobs = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs'

// The ids derive from the names, so that grants.bicep finds the roles without an output.
var definitions = [
  {
    name: 'gifdrop blob reader'
    description: 'Read blobs, and nothing of containers or the account. For the nodes of a gifdrop pool, and its operator.'
    dataActions: ['${blobs}/read']
  }
  {
    name: 'gifdrop blob writer'
    description: 'Write blobs, without reading, listing or deleting any. For the nodes of a gifdrop pool.'
    dataActions: ['${blobs}/write', '${blobs}/add/action']
  }
  {
    name: 'gifdrop blob editor'
    description: 'Read, write and delete blobs, and nothing of containers or the account. For the operator of gifdrop.'
    dataActions: ['${blobs}/read', '${blobs}/write', '${blobs}/add/action', '${blobs}/delete']
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
        actions: []
        notActions: []
        dataActions: item.dataActions
        notDataActions: []
      }
    ]
  }
}]

output ids string[] = [for item in definitions: guid(group, item.name)]
