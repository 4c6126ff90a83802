// A Batch account and pool in another region, used when the first has no quota or capacity, or is down.
// Deploy it into the resource group of main.bicep with the same pool parameters, then pass its batchUrl to main.bicep.

targetScope = 'resourceGroup'

@description('The same value as for main.bicep.')
param name string = 'gifdrop'
param location string
param tags object = {}

param vmSize string = 'Standard_D2ads_v5'
param taskSlotsPerNode int = 2
param maxDedicatedNodes int = 4
param maxLowPriorityNodes int = 0
param minNodes int = 0
param zoneRedundant bool = false
param tasksPerSlot int = 4
param appChangesPool bool = true
param blockMetadataService bool = true
param blockTaskNetwork bool = true
param limitNodeEgress bool = false
param egressAddressPrefix string = '10.91.0.0/23'

@allowed(['none', 'changes', 'all'])
param storageLogs string = 'all'

var unique = uniqueString(resourceGroup().id, name)
var prefix = toLower(name)
var fullName = '${prefix}-${take(unique, 6)}'
var shortName = '${replace(prefix, '-', '')}${take(uniqueString(resourceGroup().id, name, location), 8)}'

// The same identity as in the first region: every task names it, and the pool's name depends on it.
resource appIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: '${fullName}-app'
}

resource poolIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: '${fullName}-pool'
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: fullName
}

module packages 'modules/storage.bicep' = {
  name: 'packages-${location}'
  params: {
    name: '${shortName}pkgs'
    location: location
    tags: tags
    sku: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'
    containers: []
    private: false
  }
}

module batch 'modules/batch.bicep' = {
  name: 'batch-${location}'
  params: {
    name: shortName
    location: location
    tags: tags
    poolAllocationMode: 'BatchService'
    keyVaultId: ''
    keyVaultUrl: ''
    packageId: 'gifdrop'
    packagesAccountId: packages.outputs.id
    poolIdentityId: poolIdentity.id
    appPrincipalId: appIdentity.properties.principalId
    appChangesPool: appChangesPool
    workspaceId: workspace.id
    private: false
    allowedIpRanges: []
  }
}

module packageGrants 'modules/grants.bicep' = {
  name: 'package-grants-${location}'
  params: {
    account: packages.outputs.name
    grants: [
      {
        principal: batch.outputs.principalId
        role: 'Storage Blob Data Contributor'
        container: ''
        why: 'Batch stores application packages in containers whose names it chooses.'
      }
      {
        principal: poolIdentity.properties.principalId
        role: 'gifdrop blob reader'
        container: ''
        listing: false
        why: 'Nodes download the converter.'
      }
    ]
  }
}

module egress 'modules/egress.bicep' = if (limitNodeEgress) {
  name: 'egress-${location}'
  params: {
    name: '${fullName}-${location}'
    location: location
    tags: tags
    addressPrefix: egressAddressPrefix
  }
}

module audit 'modules/audit.bicep' = {
  name: 'audit-${location}'
  params: {
    accounts: [packages.outputs.name]
    logs: storageLogs
    workspaceId: workspace.id
  }
}

module pool 'modules/pool.bicep' = {
  name: 'pool-${location}'
  params: {
    batchAccount: batch.outputs.name
    vmSize: vmSize
    taskSlotsPerNode: taskSlotsPerNode
    maxDedicatedNodes: maxDedicatedNodes
    maxLowPriorityNodes: maxLowPriorityNodes
    minNodes: minNodes
    zoneRedundant: zoneRedundant
    tasksPerSlot: tasksPerSlot
    identityId: poolIdentity.id
    network: limitNodeEgress ? 'limited' : 'open'
    subnetId: limitNodeEgress ? egress!.outputs.subnetId : ''
    blockMetadataService: blockMetadataService
    blockTaskNetwork: blockTaskNetwork
  }
}

module alerts 'modules/pool_alerts.bicep' = {
  name: 'alerts-${location}'
  params: {
    name: '${fullName}-${location}'
    tags: tags
    batchAccountId: batch.outputs.id
    actionGroup: fullName
  }
}

output batchAccount string = batch.outputs.name
output batchUrl string = batch.outputs.url
output pool string = pool.outputs.name
