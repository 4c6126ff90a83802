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

@description('Empty: the nodes are in a network managed by Batch.')
param subnetId string

@description('Block the instance metadata service, which issues the pool identity\'s tokens, for tasks.')
param blockMetadataService bool

var image = {
  publisher: 'canonical'
  offer: 'ubuntu-24_04-lts'
  sku: 'server'
  version: 'latest'
}
var nodeAgent = 'batch.node.ubuntu 24.04'
var addresses = empty(subnetId) ? 'BatchManaged' : 'NoPublicIPAddresses'
var slots = string(taskSlotsPerNode)
var template = loadTextContent('../autoscale.txt')
var withDedicated = replace(template, '{{maxDedicated}}', string(maxDedicatedNodes))
var withLowPriority = replace(withDedicated, '{{maxLowPriority}}', string(maxLowPriorityNodes))
var withFloor = replace(withLowPriority, '{{minNodes}}', string(minNodes))
var formula = replace(withFloor, '{{tasksPerSlot}}', string(tasksPerSlot))

// The node agent runs as one of these users; any other user runs tasks.
var rule = 'iptables -w 30 -A OUTPUT -d 169.254.169.254'
var agents = 'for u in root _azbatch; do if id -u $u; then ${rule} -m owner --uid-owner $u -j ACCEPT; fi; done'
var firewall = '${agents}; ${rule} -j REJECT'
var checkPython = 'python3 -c "import sys; sys.exit(sys.version_info < (3, 11))"'
var startCommand = '/bin/bash -c \'set -e; ${checkPython}; ${blockMetadataService ? firewall : 'true'}\''

// Includes the start command: Batch accepts a new one, but existing nodes never run it.
var fixed = [vmSize, taskSlotsPerNode, image, nodeAgent, identityId, subnetId, addresses, startCommand]
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
