// The system topic of the storage account and, optionally, a topic for finished conversions.

param name string
param location string
param tags object
param storageAccountId string
param resultsTopic bool

@description('Close the results topic to all but its private endpoint and allowedIpRanges. Subscribers are unaffected.')
param private bool
param allowedIpRanges string[]
param appPrincipalId string

var allowed = [for range in allowedIpRanges: {
  action: 'Allow'
  ipMask: range
}]

var roles = loadJsonContent('../roles.json')

resource blobEvents 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: '${name}-blobs'
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    source: storageAccountId
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource results 'Microsoft.EventGrid/topics@2025-02-15' = if (resultsTopic) {
  name: '${name}-results'
  location: location
  tags: tags
  properties: {
    inputSchema: 'CloudEventSchemaV1_0'
    disableLocalAuth: true
    minimumTlsVersionAllowed: '1.2'
    publicNetworkAccess: private && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'
    inboundIpRules: private ? allowed : []
  }
}

resource sender 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (resultsTopic) {
  name: guid(resourceGroup().id, name, appPrincipalId, 'EventGrid Data Sender')
  scope: results
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['EventGrid Data Sender'])
    description: 'The app publishes events of finished conversions.'
  }
}

output name string = blobEvents.name
output id string = blobEvents.id
output principalId string = blobEvents.identity.principalId
output resultsId string = resultsTopic ? results.id : ''
output resultsEndpoint string = resultsTopic ? results!.properties.endpoint : ''
