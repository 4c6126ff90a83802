// A storage account that accepts Entra ID tokens only, its containers and tables.

param name string
param location string
param tags object
param sku string
param containers string[]
param tables string[] = []

@description('Days after which the blobs of a container are deleted, by container name.')
param expiryDays object = {}

@description('Days during which a deleted or overwritten blob can be restored.')
@minValue(1)
@maxValue(365)
param undeleteDays int = 7

@description('Restrict access to private endpoints and allowedIpRanges.')
param private bool
param allowedIpRanges string[] = []

@description('Origins of web pages that may upload blobs by signed links.')
param uploadOrigins string[] = []

@description('Refuse to delete the account and its containers. Blobs can be deleted.')
param deleteLock bool = false

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: private && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'
    networkAcls: {
      // Event Grid writes dead letters as a trusted service.
      bypass: 'AzureServices'
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: [for range in allowedIpRanges: {
        action: 'Allow'
        value: range
      }]
    }
  }
}

// The page uploads by signed links. The same rule is in local/storage/client.py.
var uploads = {
  allowedOrigins: uploadOrigins
  allowedMethods: ['PUT']
  allowedHeaders: ['content-type', 'if-none-match', 'x-ms-blob-type', 'x-ms-meta-*', 'x-ms-version']
  exposedHeaders: ['etag', 'x-ms-error-code', 'x-ms-request-id']
  maxAgeInSeconds: 3600
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    cors: {
      corsRules: empty(uploadOrigins) ? [] : [uploads]
    }
    deleteRetentionPolicy: {
      enabled: true
      days: undeleteDays
    }
    // Blob soft delete does not cover the deletion of a whole container.
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [for item in containers: {
  parent: blobs
  name: item
  properties: { publicAccess: 'None' }
}]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-01-01' = if (!empty(tables)) {
  parent: account
  name: 'default'
}

resource table 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' = [for item in tables: {
  parent: tableService
  name: item
}]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = if (!empty(expiryDays)) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [for item in items(expiryDays): {
        name: 'expire-${item.key}'
        enabled: true
        type: 'Lifecycle'
        definition: {
          filters: {
            blobTypes: ['blockBlob', 'appendBlob']
            prefixMatch: ['${item.key}/']
          }
          actions: {
            baseBlob: {
              delete: { daysAfterModificationGreaterThan: item.value }
            }
          }
        }
      }]
    }
  }
  dependsOn: [container]
}

resource lock 'Microsoft.Authorization/locks@2016-09-01' = if (deleteLock) {
  name: 'gifdrop'
  scope: account
  properties: {
    level: 'CanNotDelete'
    notes: 'Videos and GIFs. infra/destroy.sh removes this lock.'
  }
}

output id string = account.id
output name string = account.name
output blobEndpoint string = account.properties.primaryEndpoints.blob
output tableEndpoint string = account.properties.primaryEndpoints.table
