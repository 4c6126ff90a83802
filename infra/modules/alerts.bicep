// Alerts and their recipients. docs/operations.md says what each means and what to do.

param name string
param location string
param tags object
param emails string[]
param workspaceId string
param batchAccountId string
param eventTopicId string
param appId string

@description('Minutes without a reconciliation after which an alert fires.')
param heartbeatMinutes int

@description('0: no budget.')
param monthlyBudget int
param budgetStart string

@description('Object id of the pool\'s identity.')
param poolPrincipalId string

@description('Whether the app uploads a canary video.')
param canary bool

@description('Minutes a video may wait before an alert fires.')
@maxValue(1440)
param oldestQueuedMinutes int

@description('Failed videos per hour above which an alert fires; some uploads are always unusable.')
param failedPerHour int

var metricAlerts = [
  {
    name: 'dead-letters'
    description: 'Event Grid could not deliver the event of a video or a result and wrote it to the dead-letter container.'
    scope: eventTopicId
    namespace: 'Microsoft.EventGrid/systemTopics'
    metric: 'DeadLetteredCount'
    tolerated: 0
  }
  {
    name: 'dropped-events'
    description: 'Event Grid dropped the event of a video or a result because it could not write a dead letter.'
    scope: eventTopicId
    namespace: 'Microsoft.EventGrid/systemTopics'
    metric: 'DroppedEventCount'
    tolerated: 0
  }
  {
    name: 'delivery-failures'
    description: 'Event Grid keeps failing to deliver the events of videos or results: the app does not answer, or answers with an error.'
    scope: eventTopicId
    namespace: 'Microsoft.EventGrid/systemTopics'
    metric: 'DeliveryAttemptFailCount'
    // A delivery to an app that is starting may fail; one video and an app that is down give five in 15 minutes.
    tolerated: 4
  }
  {
    name: 'http-errors'
    description: 'The app answered many requests with 5xx, which Azure counts even if the app cannot start.'
    scope: appId
    namespace: 'Microsoft.Web/sites'
    metric: 'Http5xx'
    tolerated: 10
  }
]

// Each rule has a monthly price, so one rule watches all that leads to the same place to look.
var combined = '''
let Single = (
{{single}}
);
let Repeated = (
{{repeated}}
);
union Single, (Repeated | where toscalar(Repeated | count) > {{tolerated}})
'''

var logAlerts = [
  {
    name: 'no-heartbeat'
    description: 'No reconciliation ended within ${heartbeatMinutes} minutes: the app does not run, its storage or identity fails, or the daily cap of the workspace was reached and nothing is logged.'
    query: replace(
      replace(
        replace(combined, '{{single}}', loadTextContent('../queries/log_cap.kql')),
        '{{repeated}}',
        replace(loadTextContent('../queries/heartbeat.kql'), '{{minutes}}', string(heartbeatMinutes))
      ),
      '{{tolerated}}',
      '0'
    )
    window: 'PT1H'
    lookBack: null
  }
  {
    name: 'failed-videos'
    description: 'More than ${failedPerHour} videos failed within an hour, or a service kept refusing to publish a finished GIF (PublishRefused).'
    query: replace(
      replace(
        replace(combined, '{{single}}', loadTextContent('../queries/publish_refused.kql')),
        '{{repeated}}',
        loadTextContent('../queries/failed_videos.kql')
      ),
      '{{tolerated}}',
      string(failedPerHour)
    )
    window: 'PT1H'
    lookBack: null
  }
  {
    name: 'oldest-queued-video'
    description: 'A video has been waiting for longer than ${oldestQueuedMinutes} minutes.'
    query: replace(loadTextContent('../queries/oldest_queued.kql'), '{{minutes}}', string(oldestQueuedMinutes))
    window: 'P1D'
    // Twice the window, the maximum, so that the alert of a video stuck for a day does not resolve itself.
    lookBack: 'P2D'
  }
  {
    name: 'function-failures'
    description: 'More than 5 runs of functions failed within an hour, or one reached functionTimeout of host.json and its worker was restarted with everything else it ran.'
    query: replace(
      replace(
        replace(combined, '{{single}}', loadTextContent('../queries/function_timeouts.kql')),
        '{{repeated}}',
        loadTextContent('../queries/function_failures.kql')
      ),
      '{{tolerated}}',
      '5'
    )
    window: 'PT1H'
    lookBack: null
  }
  {
    name: 'pool-errors'
    description: 'The pool did not reach its target size (quota exceeded, or no capacity in the region), or the autoscale formula keeps failing.'
    query: replace(
      replace(
        replace(combined, '{{single}}', loadTextContent('../queries/resize_errors.kql')),
        '{{repeated}}',
        loadTextContent('../queries/autoscale_errors.kql')
      ),
      '{{tolerated}}',
      '2'
    )
    window: 'PT30M'
    lookBack: null
  }
  {
    name: 'canary'
    description: 'The canary video has no GIF ${oldestQueuedMinutes} minutes after its upload.'
    query: replace(loadTextContent('../queries/canary.kql'), '{{minutes}}', string(oldestQueuedMinutes))
    window: 'PT1H'
    lookBack: null
  }
  {
    name: 'node-identity'
    description: 'The identity of the pool was used for something that nodes never do, such as listing or deleting blobs, allowed or not.'
    query: replace(loadTextContent('../queries/node_identity.kql'), '{{pool}}', poolPrincipalId)
    window: 'PT1H'
    lookBack: null
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'gifdrop'
    emailReceivers: [for (email, i) in emails: {
      name: 'person-${i}'
      emailAddress: email
      useCommonAlertSchema: true
    }]
  }
}

module poolAlerts 'pool_alerts.bicep' = {
  name: 'pool-alerts'
  params: {
    name: name
    tags: tags
    batchAccountId: batchAccountId
    actionGroup: people.name
  }
}

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = if (monthlyBudget > 0) {
  name: name
  properties: {
    category: 'Cost'
    amount: monthlyBudget
    timeGrain: 'Monthly'
    timePeriod: { startDate: budgetStart }
    notifications: {
      Actual80: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: emails
        contactGroups: [people.id]
      }
      Actual100: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Actual'
        contactEmails: emails
        contactGroups: [people.id]
      }
      Forecast100: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: emails
        contactGroups: [people.id]
      }
    }
  }
}

resource onMetric 'Microsoft.Insights/metricAlerts@2018-03-01' = [for item in metricAlerts: {
  name: '${name}-${item.name}'
  location: 'global'
  tags: tags
  properties: {
    description: item.description
    enabled: true
    severity: 2
    scopes: [item.scope]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: item.name
          metricNamespace: item.namespace
          metricName: item.metric
          operator: 'GreaterThan'
          threshold: item.tolerated
          timeAggregation: 'Total'
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}]

resource onLogs 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for item in logAlerts: if (canary || item.name != 'canary') {
  name: '${name}-${item.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'gifdrop: ${item.name}'
    description: item.description
    enabled: true
    severity: 2
    scopes: [workspaceId]
    evaluationFrequency: 'PT15M'
    windowSize: item.window
    overrideQueryTimeRange: item.lookBack
    autoMitigate: true
    // Tables of a new workspace do not exist until their first row arrives.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: item.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: { actionGroups: [people.id] }
  }
}]
