// A virtual network for nodes that keep their public IP addresses but reach only storage and Batch in their region.

param name string
param location string
param tags object
param addressPrefix string

// Priorities leave room for rules of your own. Virtual machines reach the platform's addresses, such as the metadata
// service and DNS, whatever the rules say.
var reached = [
  'BatchNodeManagement.${location}'
  'Storage.${location}'
]

resource rules 'Microsoft.Network/networkSecurityGroups@2024-07-01' = {
  name: '${name}-egress'
  location: location
  tags: tags
  properties: {
    securityRules: concat(
      map(range(0, length(reached)), i => {
        name: 'reach-${split(reached[i], '.')[0]}'
        properties: {
          access: 'Allow'
          direction: 'Outbound'
          priority: 100 + 10 * i
          protocol: 'Tcp'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: reached[i]
          destinationPortRange: '443'
        }
      }),
      [
        {
          name: 'nothing-else-goes-out'
          properties: {
            access: 'Deny'
            direction: 'Outbound'
            priority: 4000
            protocol: '*'
            sourceAddressPrefix: '*'
            sourcePortRange: '*'
            destinationAddressPrefix: '*'
            destinationPortRange: '*'
          }
        }
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
      ]
    )
  }
}

resource vnet 'Microsoft.Network/virtualNetworks@2024-07-01' = {
  name: '${name}-egress'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'nodes'
        properties: {
          addressPrefix: addressPrefix
          // The rules decide what is reached; without a way out the nodes would reach nothing.
          defaultOutboundAccess: true
          networkSecurityGroup: { id: rules.id }
        }
      }
    ]
  }
}

output subnetId string = '${vnet.id}/subnets/nodes'
