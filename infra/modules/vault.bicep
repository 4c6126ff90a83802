// The key vault required by a Batch account in user subscription mode.

param name string
param location string
param tags object

@description('Object id of the "Microsoft Azure Batch" service principal in this tenant: az ad sp show --id ddbf3205-c6bd-46ae-8127-60eb93363864 --query id')
param batchServicePrincipalId string

var roles = loadJsonContent('../roles.json')

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enabledForDeployment: true
    enabledForDiskEncryption: true
    enabledForTemplateDeployment: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 7
    // Cannot be undone. The vault's name stays reserved for these days after the group is deleted.
    enablePurgeProtection: true
  }
}

resource secrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, batchServicePrincipalId, 'Key Vault Secrets Officer')
  scope: vault
  properties: {
    principalId: batchServicePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Key Vault Secrets Officer'])
    description: 'Batch stores here the secrets for running nodes in this subscription.'
  }
}

output id string = vault.id
output url string = vault.properties.vaultUri
