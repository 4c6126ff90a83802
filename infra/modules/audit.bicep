// Logs who reads, writes and deletes blobs of storage accounts, in the table StorageBlobLogs.

param accounts string[]

@allowed(['none', 'changes', 'all'])
param logs string
param workspaceId string

var categories = logs == 'all' ? ['StorageRead', 'StorageWrite', 'StorageDelete'] : ['StorageWrite', 'StorageDelete']

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' existing = [for item in accounts: {
  name: '${item}/default'
}]

resource setting 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = [for (item, i) in accounts: if (logs != 'none') {
  name: 'to-log-analytics'
  scope: blobs[i]
  properties: {
    workspaceId: workspaceId
    logs: [for category in categories: {
      category: category
      enabled: true
    }]
  }
}]
