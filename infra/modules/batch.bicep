// The Batch account, the application for the converter's packages, and diagnostic settings.

param name string
param location string
param tags object

@description('BatchService: nodes use the account\'s core quota. UserSubscription: the subscription\'s, and spot nodes are available.')
@allowed(['BatchService', 'UserSubscription'])
param poolAllocationMode string
param keyVaultId string
param keyVaultUrl string

param packageId string
param packagesAccountId string
param poolIdentityId string
param appPrincipalId string

@description('Whether the app may change the pool: its autoscale formula and its nodes.')
param appChangesPool bool
param workspaceId string
param private bool
param allowedIpRanges string[]

var roles = loadJsonContent('../roles.json')
var allowed = [for range in allowedIpRanges: {
  action: 'Allow'
  value: range
}]

resource account 'Microsoft.Batch/batchAccounts@2024-07-01' = {
  name: name
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    allowedAuthenticationModes: ['AAD']
    poolAllocationMode: poolAllocationMode
    keyVaultReference: poolAllocationMode == 'UserSubscription' ? {
      id: keyVaultId
      url: keyVaultUrl
    } : null
    autoStorage: {
      storageAccountId: packagesAccountId
      authenticationMode: 'BatchAccountManagedIdentity'
      nodeIdentityReference: { resourceId: poolIdentityId }
    }
    publicNetworkAccess: private && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'
    networkProfile: private && !empty(allowedIpRanges) ? {
      accountAccess: {
        defaultAction: 'Deny'
        ipRules: allowed
      }
      nodeManagementAccess: { defaultAction: 'Deny' }
    } : null
  }
}

resource application 'Microsoft.Batch/batchAccounts/applications@2024-07-01' = {
  parent: account
  name: packageId
  properties: {
    // A version whose upload failed can be replaced, and old versions deleted. Tasks check the digest of what they run.
    allowUpdates: true
    displayName: 'gifdrop converter with its ffmpeg'
  }
}

resource submitter 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, appPrincipalId, 'Azure Batch Job Submitter')
  scope: account
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Azure Batch Job Submitter'])
    description: 'The app manages jobs and tasks and reads the pool; it cannot change pools or the account.'
  }
}

resource editor 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (appChangesPool) {
  name: guid(account.id, appPrincipalId, 'gifdrop pool editor')
  scope: account
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guid(resourceGroup().id, 'gifdrop pool editor'))
    description: 'The app has the pool scaled when videos wait, and repairs its nodes (wakePool, repairPool).'
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-log-analytics'
  scope: account
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

output id string = account.id
output name string = account.name
output principalId string = account.identity.principalId
// What the account is allowed now. In user subscription mode cores are the subscription's, and Azure returns none.
output coreQuota string = poolAllocationMode == 'BatchService' ? string(account.properties.dedicatedCoreQuota) : ''
output poolQuota string = string(account.properties.poolQuota)
output jobQuota string = string(account.properties.activeJobAndJobScheduleQuota)
output url string = 'https://${account.properties.accountEndpoint}'
