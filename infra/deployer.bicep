// What somebody who deploys gifdrop needs in its resource group, granted once by an owner. Deploying then needs no
// right to grant other roles, or to create any: pass createRoles=false to main.bicep.

targetScope = 'resourceGroup'

@description('Object id of the user, group or service principal that deploys.')
param deployerPrincipalId string

@allowed(['User', 'Group', 'ServicePrincipal'])
param deployerPrincipalType string = 'ServicePrincipal'

@description('The same value as for main.bicep.')
param name string = 'gifdrop'

@description('Object ids of the only principals to which the deployer may grant roles: the output principalIds of main.bicep, and the operator. Empty, for the first deployment: all.')
param principalIds string[] = []

var roles = loadJsonContent('roles.json')
var deploys = ['Contributor', 'Role Based Access Control Administrator']
var granted = map(filter(items(roles), item => !contains(deploys, item.key)), item => item.value)
var fullName = '${toLower(name)}-${take(uniqueString(resourceGroup().id, name), 6)}'

// Without this condition, a deployer could make itself the owner of the group.
var assignments = 'Microsoft.Authorization/roleAssignments'
var ids = join(concat(granted, custom.outputs.ids), ', ')
var toRoles = '@{{source}}[${assignments}:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${ids}}'
var toPrincipals = empty(principalIds) ? '' : ' AND @{{source}}[${assignments}:PrincipalId] ForAnyOfAnyValues:GuidEquals {${join(principalIds, ', ')}}'
var allowed = '((!(ActionMatches{\'${assignments}/{{action}}\'})) OR (${toRoles}${toPrincipals}))'
var writes = replace(replace(allowed, '{{action}}', 'write'), '{{source}}', 'Request')
var deletes = replace(replace(allowed, '{{action}}', 'delete'), '{{source}}', 'Resource')

module custom 'modules/roles.bicep' = {
  name: 'roles'
  params: { name: fullName }
}

resource deployer 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in deploys: {
  name: guid(resourceGroup().id, deployerPrincipalId, role)
  properties: {
    principalId: deployerPrincipalId
    principalType: deployerPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[role])
    condition: role == 'Contributor' ? null : '${writes} AND ${deletes}'
    conditionVersion: role == 'Contributor' ? null : '2.0'
    description: 'Deploys gifdrop into this group, and grants only the roles that its templates grant.'
  }
}]
