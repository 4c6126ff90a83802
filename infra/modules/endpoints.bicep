// Private endpoints for storage and Batch, and the DNS zones that resolve the public names to them.

param name string
param location string
param tags object
param vnetId string
param subnetId string

param dataAccountId string
param hostAccountId string
param packagesAccountId string
param batchAccountId string

@description('Whether there is a topic for finished conversions.')
param resultsTopic bool

@description('Empty if there is no topic.')
param resultsTopicId string

var basicZones = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.batch.azure.com'
  'privatelink.table.${environment().suffixes.storage}'
]
var zoneNames = concat(basicZones, resultsTopic ? ['privatelink.eventgrid.azure.net'] : [])

// zone is an index into zoneNames, group the private link group id of the resource.
var basicTargets = [
  {
    name: 'data'
    resource: dataAccountId
    group: 'blob'
    zone: 0
  }
  {
    name: 'tables'
    resource: dataAccountId
    group: 'table'
    zone: 2
  }
  {
    name: 'host'
    resource: hostAccountId
    group: 'blob'
    zone: 0
  }
  {
    name: 'packages'
    resource: packagesAccountId
    group: 'blob'
    zone: 0
  }
  {
    name: 'batch'
    resource: batchAccountId
    group: 'batchAccount'
    zone: 1
  }
  {
    name: 'nodes'
    resource: batchAccountId
    group: 'nodeManagement'
    zone: 1
  }
]
var topicTarget = {
  name: 'results'
  resource: resultsTopicId
  group: 'topic'
  zone: 3
}
var targets = concat(basicTargets, resultsTopic ? [topicTarget] : [])

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [for zone in zoneNames: {
  name: zone
  location: 'global'
  tags: tags
}]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (zone, i) in zoneNames: {
  parent: zones[i]
  name: name
  location: 'global'
  properties: {
    registrationEnabled: false
    virtualNetwork: { id: vnetId }
  }
}]

resource endpoint 'Microsoft.Network/privateEndpoints@2024-07-01' = [for item in targets: {
  name: '${name}-${item.name}'
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      {
        name: item.name
        properties: {
          privateLinkServiceId: item.resource
          groupIds: [item.group]
        }
      }
    ]
  }
}]

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-07-01' = [for (item, i) in targets: {
  parent: endpoint[i]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: item.group
        properties: { privateDnsZoneId: zones[item.zone].id }
      }
    ]
  }
}]
