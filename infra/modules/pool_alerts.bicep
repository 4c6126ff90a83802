// Alerts on the nodes of one Batch account. What Batch logs reaches the workspace, whose alerts watch all accounts.

param name string
param tags object
param batchAccountId string

@description('Name of the action group in this resource group.')
param actionGroup string

var poolMetrics = [
  {
    name: 'start-task-failures'
    description: 'The start task of a node failed, so the node runs no tasks.'
    metric: 'StartTaskFailedNodeCount'
  }
  {
    name: 'unusable-nodes'
    description: 'A node is in the unusable state: it costs money and runs no tasks.'
    metric: 'UnusableNodeCount'
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' existing = {
  name: actionGroup
}

resource onMetric 'Microsoft.Insights/metricAlerts@2018-03-01' = [for item in poolMetrics: {
  name: '${name}-${item.name}'
  location: 'global'
  tags: tags
  properties: {
    description: item.description
    enabled: true
    severity: 2
    scopes: [batchAccountId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: item.name
          metricNamespace: 'Microsoft.Batch/batchAccounts'
          metricName: item.metric
          operator: 'GreaterThan'
          threshold: 0
          timeAggregation: 'Total'
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}]
