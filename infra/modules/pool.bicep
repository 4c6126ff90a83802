// The pool. Its name contains a hash of what Batch cannot change in place: changing that creates a second pool.

param batchAccount string
param vmSize string

@minValue(1)
param taskSlotsPerNode int
param maxDedicatedNodes int
param maxLowPriorityNodes int
param minNodes int
param tasksPerSlot int
param identityId string

@description('open: managed by Batch, reaches the internet. limited: storage and Batch only. private: endpoints of the network only.')
@allowed(['open', 'limited', 'private'])
param network string

@description('Empty if the network is open.')
param subnetId string

@description('Place nodes in several availability zones.')
param zoneRedundant bool

@description('Close the instance metadata service, which issues the pool identity\'s tokens, and WireServer to tasks.')
param blockMetadataService bool

@description('Close all other addresses to tasks, too. Batch itself moves the files of tasks.')
param blockTaskNetwork bool

var image = {
  publisher: 'canonical'
  offer: 'ubuntu-24_04-lts'
  sku: 'server'
  version: 'latest'
}
var nodeAgent = 'batch.node.ubuntu 24.04'
var placement = zoneRedundant ? 'Zonal' : 'Regional'
var addresses = network == 'private' ? 'NoPublicIPAddresses' : 'BatchManaged'
var slots = string(taskSlotsPerNode)
var template = loadTextContent('../autoscale.txt')
var withDedicated = replace(template, '{{maxDedicated}}', string(maxDedicatedNodes))
var withLowPriority = replace(withDedicated, '{{maxLowPriority}}', string(maxLowPriorityNodes))
var withFloor = replace(withLowPriority, '{{minNodes}}', string(minNodes))
var formula = replace(withFloor, '{{tasksPerSlot}}', string(tasksPerSlot))

var script = base64(loadTextContent('../start_task.sh'))
var closed = '${blockMetadataService ? ' metadata' : ''}${blockTaskNetwork ? ' network' : ''}'
var startCommand = '/bin/bash -c \'set -e; code=$(echo ${script} | base64 -d); exec /bin/bash -c "$code" start_task.sh${closed}\''

// Includes the start command: Batch accepts a new one, but existing nodes never run it. The kind of network stands for
// the subnet, so that a pool in a second region gets the same name.
var fixed = [vmSize, taskSlotsPerNode, image, nodeAgent, identityId, network, addresses, placement, startCommand]
var poolName = 'gifdrop-${uniqueString(string(fixed))}'

resource account 'Microsoft.Batch/batchAccounts@2024-07-01' existing = {
  name: batchAccount
}

resource pool 'Microsoft.Batch/batchAccounts/pools@2024-07-01' = {
  parent: account
  name: poolName
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    displayName: 'gifdrop ${vmSize}, ${slots} tasks a node'
    vmSize: vmSize
    taskSlotsPerNode: taskSlotsPerNode
    taskSchedulingPolicy: { nodeFillType: 'Pack' }
    interNodeCommunication: 'Disabled'
    targetNodeCommunicationMode: 'Simplified'
    deploymentConfiguration: {
      virtualMachineConfiguration: {
        imageReference: image
        nodeAgentSkuId: nodeAgent
        nodePlacementConfiguration: { policy: placement }
      }
    }
    networkConfiguration: {
      subnetId: empty(subnetId) ? null : subnetId
      publicIPAddressConfiguration: { provision: addresses }
    }
    scaleSettings: {
      autoScale: {
        evaluationInterval: 'PT5M'
        formula: formula
      }
    }
    startTask: {
      commandLine: startCommand
      maxTaskRetryCount: 2
      waitForSuccess: true
      userIdentity: {
        autoUser: {
          elevationLevel: 'Admin'
          scope: 'Pool'
        }
      }
    }
  }
}

output name string = pool.name
