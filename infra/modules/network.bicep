// The virtual network: subnets for nodes without public IP addresses, for the app, and for private endpoints.

param name string
param location string
param tags object

@description('At least a /22: a /23 for the nodes, a /24 each for the app and the endpoints.')
param addressPrefix string

resource nodeRules 'Microsoft.Network/networkSecurityGroups@2024-07-01' = {
  name: '${name}-nodes'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'nothing-comes-in'
        properties: {
          access: 'Deny'
          direction: 'Inbound'
          priority: 4000
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
      {
        name: 'endpoints-of-this-network'
        properties: {
          access: 'Allow'
          direction: 'Outbound'
          priority: 100
          protocol: 'Tcp'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: 'VirtualNetwork'
          destinationPortRange: '443'
        }
      }
      {
        name: 'no-internet'
        properties: {
          access: 'Deny'
          direction: 'Outbound'
          priority: 4000
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: 'Internet'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource address 'Microsoft.Network/publicIPAddresses@2024-07-01' = {
  name: '${name}-out'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIPAllocationMethod: 'Static' }
}

resource nat 'Microsoft.Network/natGateways@2024-07-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: {
    publicIpAddresses: [{ id: address.id }]
  }
}

resource vnet 'Microsoft.Network/virtualNetworks@2024-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'nodes'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 23, 0)
          defaultOutboundAccess: false
          networkSecurityGroup: { id: nodeRules.id }
        }
      }
      {
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 24, 2)
          // Event Grid and Application Insights are reached over the internet from one fixed address.
          natGateway: { id: nat.id }
          delegations: [
            {
              name: 'flex'
              properties: { serviceName: 'Microsoft.App/environments' }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 24, 3)
          defaultOutboundAccess: false
        }
      }
    ]
  }
}

output vnetId string = vnet.id
output nodesSubnetId string = '${vnet.id}/subnets/nodes'
output appSubnetId string = '${vnet.id}/subnets/app'
output endpointsSubnetId string = '${vnet.id}/subnets/endpoints'
