// Stage 1: everything except the event subscriptions, which need the published functions (events.bicep).

targetScope = 'resourceGroup'

@description('Prefix of all resource names: letters, digits and hyphens, first a letter. Made lower case.')
@minLength(3)
@maxLength(10)
param name string = 'gifdrop'
param location string = resourceGroup().location
param tags object = {}

@description('Version of the application package, as printed by `python -m infra.package`.')
@minLength(64)
@maxLength(64)
param packageVersion string

@description('Object id of the operator, who may upload videos and read all blobs. Empty: only the app has access.')
param operatorPrincipalId string = ''

@allowed(['User', 'Group', 'ServicePrincipal'])
param operatorPrincipalType string = 'User'

@description('Days after a deployment when the operator\'s access to blobs ends; the next deployment renews it. 0: it does not end.')
@minValue(0)
@maxValue(365)
param operatorDays int = 30

@description('The time of this deployment; do not set.')
param deployedAt string = utcNow('u')
@description('Who gets the emails of alerts and of the budget. Empty: nobody.')
param alertEmails string[] = []

@description('Minutes without a reconciliation after which an alert fires. At least three times the period of reconcileSchedule.')
@minValue(15)
@maxValue(60)
param heartbeatMinutes int = 20

@description('Budget of the resource group for a month, in the currency of the subscription. Emails at 80 and 100 percent, and if the forecast exceeds it. 0: none.')
@minValue(0)
param monthlyBudget int = 0

@description('First day of the month in which the budget starts; do not set. Azure accepts no change.')
param budgetStart string = utcNow('yyyy-MM-01')

@description('Lock the account of videos and GIFs against deletion, and so the group. Needs Owner or User Access Administrator; infra/destroy.sh removes the lock.')
param deleteLock bool = false

@description('The app has the pool scaled at once when videos wait or it is idle, instead of every five minutes. Needs the right to change the pool.')
param wakePool bool = true

@description('The app reboots, reimages and removes nodes that cannot be used. Needs the right to change the pool.')
param repairPool bool = true

@description('VM size of a node; at least two cores.')
param vmSize string = 'Standard_D2ads_v5'

@description('Videos converted concurrently on a node.')
@minValue(1)
@maxValue(64)
param taskSlotsPerNode int = 2

@description('Maximum number of dedicated nodes; they also replace spot nodes that are unavailable.')
@minValue(0)
param maxDedicatedNodes int = 4

@description('Price of a node hour in USD, such as 0.103, from which the cost of each video is shown. Empty: no cost is shown.')
param nodePrice string = ''

@description('Maximum number of spot nodes. Available to accounts in user subscription mode only.')
@minValue(0)
param maxLowPriorityNodes int = 0

@description('Nodes kept while idle: 0 costs nothing, 1 saves the first video after a quiet period some minutes.')
@minValue(0)
param minNodes int = 0

@description('Videos that may wait per task slot before a node is added.')
@minValue(1)
param tasksPerSlot int = 4

@allowed(['BatchService', 'UserSubscription'])
param poolAllocationMode string = 'BatchService'

@description('For UserSubscription: object id of the "Microsoft Azure Batch" service principal in this tenant.')
param batchServicePrincipalId string = ''

@description('Close the instance metadata service, which issues the pool identity\'s tokens, and WireServer to tasks, by firewall rules on the node.')
param blockMetadataService bool = true

@description('Close all other addresses to tasks, too, by firewall rules on the node. Batch itself moves the files of tasks.')
param blockTaskNetwork bool = true

@description('Nodes reach only storage and Batch in their region, by rules of a virtual network. Costs a load balancer and an address; has no effect with private networking, which allows less.')
param limitNodeEgress bool = false

@description('Always-ready Functions instances, for HTTP and for each of the two functions with an Event Grid trigger.')
@minValue(0)
param alwaysReady int = 0

@description('Maximum number of instances of each group that scales by itself: HTTP, the two functions with an Event Grid trigger and the two timers.')
@minValue(1)
@maxValue(1000)
param maxInstances int = 40

@description('Public IP ranges (CIDR) that may call the API and open the dashboard. Empty: all, with a key. Event Grid is always let in.')
param apiIpRanges string[] = []

@description('Public IP ranges (CIDR) that may publish code. Empty: all, with Entra ID.')
param publishIpRanges string[] = []

@description('HTTP requests that one Functions instance serves at a time. Each may hold 8 MiB of a GIF in memory.')
@minValue(1)
@maxValue(100)
param httpConcurrency int = 16

@allowed([512, 2048, 4096])
param memoryMb int = 2048

@description('When completed tasks whose events were lost are collected: NCRONTAB, six fields, seconds first.')
param completeSchedule string = '0 * * * * *'

@description('When inputs, records and tasks are reconciled: NCRONTAB, six fields.')
param reconcileSchedule string = '30 */5 * * * *'

@description('Batch accounts in other regions (outputs of region.bicep), tried in order when this one accepts no tasks.')
param fallbackBatchUrls string[] = []

@description('Batch accounts that take no new tasks, for example while their region lacks capacity. Their tasks are still collected.')
param avoidedBatchUrls string[] = []

@description('Time budget of one run that collects completed tasks, in seconds. Well below functionTimeout in host.json.')
@minValue(10)
@maxValue(1500)
param sweepSeconds int = 300

@description('Time budget of one reconciliation, in seconds. Well below functionTimeout in host.json.')
@minValue(10)
@maxValue(1500)
param reconcileSeconds int = 900

@description('Names of videos and records that one reconciliation compares; the next one continues there.')
@minValue(5000)
param auditNames int = 100000

@description('Seconds after which a video fails whose GIF a service refuses to publish.')
@minValue(60)
@maxValue(604800)
param giveUpSeconds int = 3600

@allowed(['small', 'balanced', 'best'])
param preset string = 'balanced'

@description('Create a topic that receives an event for every finished conversion.')
param resultsTopic bool = false

@description('SHA-256, in hex, of a key that callers must send to retry, upload or delete videos, beside a function key. Empty: a function key is enough.')
param operatorSha256 string = ''

@description('Client id of the app registration with which people sign in, as printed by `infra/deploy.sh sign-in`. Empty: keys only.')
param signInClientId string = ''

@description('Let the API upload videos, by links that the app signs, and delete them.')
param apiUploads bool = true

@description('Origins of web pages that may upload by these links, beside the app itself: https://videos.example.com')
param uploadOrigins string[] = []

@description('Hours between uploads of a small video of gifdrop\'s own, whose GIF must arrive. 0: never.')
@minValue(0)
@maxValue(168)
param canaryHours int = 0

@description('Use nodes without public IP addresses, and private endpoints for storage and Batch.')
param privateNetworking bool = false
param addressPrefix string = '10.90.0.0/22'

@description('Address range of the virtual network with limitNodeEgress: one address a node and five for Azure.')
param egressAddressPrefix string = '10.91.0.0/23'

@description('With private networking: public IP ranges that may still upload, download and deploy.')
param allowedIpRanges string[] = []

@description('Redundancy of the data account. The accounts of the host and of packages are locally redundant unless zoneRedundant.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GZRS'])
param storageSku string = 'Standard_ZRS'

@description('Survive the loss of an availability zone: zone-redundant app and storage, nodes in several zones. Choose it for the first deployment; costs ten always-ready instances.')
param zoneRedundant bool = false

@description('Days during which a deleted or overwritten video or GIF can be restored. Records and staging files are kept as long.')
@minValue(1)
@maxValue(365)
param undeleteDays int = 3
param logRetentionDays int = 30
param logDailyCapGb int = 2

@description('Minutes a video may wait before an alert fires. The alert looks back two days.')
@maxValue(1440)
param oldestQueuedMinutes int = 30
param failedPerHour int = 20

@description('Operations on blobs that are logged with their identity: none, changes (writes and deletions) or all (reads and listings, too). The alert node-identity notices listings only with all.')
@allowed(['none', 'changes', 'all'])
param storageLogs string = 'all'

@description('Create the custom roles of the pool\'s identity. Needs Owner or User Access Administrator; false if deployer.bicep has created them.')
param createRoles bool = true

var prefix = toLower(name)
// Of the given name: ids of resources and roles that exist must not change.
var unique = uniqueString(resourceGroup().id, name)
var fullName = '${prefix}-${take(unique, 6)}'
var shortName = '${replace(prefix, '-', '')}${take(unique, 8)}'
var packageId = 'gifdrop'
var zonal = 'Standard_ZRS'
var limited = limitNodeEgress && !privateNetworking

var containers = {
  input: 'videos'
  output: 'gifs'
  staging: 'staging'
  records: 'conversions'
  logs: 'logs'
  deadLetters: 'deadletters'
}
// A staged GIF outlives the time during which the app tries to publish it.
var stagingDays = 1 + giveUpSeconds / 86400
var indexTable = 'conversions'
var deploymentContainer = 'deployments'

module identities 'modules/identities.bicep' = {
  name: 'identities'
  params: {
    name: fullName
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    name: fullName
    location: location
    tags: tags
    retentionDays: logRetentionDays
    dailyCapGb: logDailyCapGb
    appPrincipalId: identities.outputs.appPrincipalId
  }
}

module data 'modules/storage.bicep' = {
  name: 'data'
  params: {
    name: '${shortName}data'
    location: location
    tags: tags
    sku: zoneRedundant && storageSku == 'Standard_LRS' ? zonal : storageSku
    undeleteDays: undeleteDays
    containers: map(items(containers), item => item.value)
    tables: [indexTable]
    expiryDays: {
      '${containers.staging}': stagingDays
      '${containers.logs}': 30
      '${containers.deadLetters}': 30
    }
    uploadOrigins: apiUploads ? concat(['https://${fullName}.azurewebsites.net'], uploadOrigins) : []
    private: privateNetworking
    allowedIpRanges: allowedIpRanges
    deleteLock: deleteLock
  }
}

module audit 'modules/audit.bicep' = {
  name: 'audit'
  params: {
    accounts: [data.outputs.name, packages.outputs.name]
    logs: storageLogs
    workspaceId: monitoring.outputs.workspaceId
  }
}

// Separate from the data, so that access to the host's blobs grants none to videos.
module host 'modules/storage.bicep' = {
  name: 'host'
  params: {
    name: '${shortName}host'
    location: location
    tags: tags
    sku: zoneRedundant ? zonal : 'Standard_LRS'
    containers: [deploymentContainer]
    // The host overwrites its blobs all the time, and a deployment package can be published again.
    undeleteDays: 1
    private: privateNetworking
    allowedIpRanges: allowedIpRanges
  }
}

// Separate from both: Batch chooses the container names of its packages, so nodes need access to the whole account.
module packages 'modules/storage.bicep' = {
  name: 'packages'
  params: {
    name: '${shortName}pkgs'
    location: location
    tags: tags
    sku: zoneRedundant ? zonal : 'Standard_LRS'
    containers: []
    // Documented: Batch does not support application packages in an account with firewall rules. It holds the converter
    // only, for Entra ID; nodes without internet access use its private endpoint.
    private: false
  }
}

module vault 'modules/vault.bicep' = if (poolAllocationMode == 'UserSubscription') {
  name: 'vault'
  params: {
    name: '${shortName}kv'
    location: location
    tags: tags
    batchServicePrincipalId: batchServicePrincipalId
  }
}

module batch 'modules/batch.bicep' = {
  name: 'batch'
  params: {
    name: shortName
    location: location
    tags: tags
    poolAllocationMode: poolAllocationMode
    keyVaultId: poolAllocationMode == 'UserSubscription' ? vault!.outputs.id : ''
    keyVaultUrl: poolAllocationMode == 'UserSubscription' ? vault!.outputs.url : ''
    packageId: packageId
    packagesAccountId: packages.outputs.id
    poolIdentityId: identities.outputs.poolId
    appPrincipalId: identities.outputs.appPrincipalId
    appChangesPool: wakePool || repairPool
    workspaceId: monitoring.outputs.workspaceId
    private: privateNetworking
    allowedIpRanges: allowedIpRanges
  }
  dependsOn: [roles]
}

module network 'modules/network.bicep' = if (privateNetworking) {
  name: 'network'
  params: {
    name: fullName
    location: location
    tags: tags
    addressPrefix: addressPrefix
  }
}

module egress 'modules/egress.bicep' = if (limited) {
  name: 'egress'
  params: {
    name: fullName
    location: location
    tags: tags
    addressPrefix: egressAddressPrefix
  }
}

module endpoints 'modules/endpoints.bicep' = if (privateNetworking) {
  name: 'endpoints'
  params: {
    name: fullName
    location: location
    tags: tags
    vnetId: network!.outputs.vnetId
    subnetId: network!.outputs.endpointsSubnetId
    dataAccountId: data.outputs.id
    hostAccountId: host.outputs.id
    packagesAccountId: packages.outputs.id
    batchAccountId: batch.outputs.id
    resultsTopicId: topics.outputs.resultsId
    resultsTopic: resultsTopic
  }
}

module pool 'modules/pool.bicep' = {
  name: 'pool'
  params: {
    batchAccount: batch.outputs.name
    vmSize: vmSize
    taskSlotsPerNode: taskSlotsPerNode
    maxDedicatedNodes: maxDedicatedNodes
    maxLowPriorityNodes: maxLowPriorityNodes
    minNodes: minNodes
    tasksPerSlot: tasksPerSlot
    identityId: identities.outputs.poolId
    network: privateNetworking ? 'private' : limited ? 'limited' : 'open'
    zoneRedundant: zoneRedundant
    subnetId: privateNetworking ? network!.outputs.nodesSubnetId : limited ? egress!.outputs.subnetId : ''
    blockMetadataService: blockMetadataService
    blockTaskNetwork: blockTaskNetwork
  }
  // Nodes without public IP addresses reach the account only through its private endpoint.
  dependsOn: [endpoints]
}

module topics 'modules/topics.bicep' = {
  name: 'topics'
  params: {
    name: fullName
    location: location
    tags: tags
    storageAccountId: data.outputs.id
    resultsTopic: resultsTopic
    private: privateNetworking
    allowedIpRanges: allowedIpRanges
    appPrincipalId: identities.outputs.appPrincipalId
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  params: {
    name: fullName
    location: location
    tags: tags
    identityId: identities.outputs.appId
    identityClientId: identities.outputs.appClientId
    hostAccount: host.outputs.name
    hostBlobEndpoint: host.outputs.blobEndpoint
    deploymentContainer: deploymentContainer
    insightsConnectionString: monitoring.outputs.connectionString
    memoryMb: memoryMb
    maxInstances: maxInstances
    zoneRedundant: zoneRedundant
    httpConcurrency: httpConcurrency
    alwaysReady: alwaysReady
    apiIpRanges: apiIpRanges
    publishIpRanges: publishIpRanges
    subnetId: privateNetworking ? network!.outputs.appSubnetId : ''
    signInClientId: signInClientId
    settings: {
      GIFDROP_STORAGE_URL: data.outputs.blobEndpoint
      GIFDROP_TABLE_URL: data.outputs.tableEndpoint
      GIFDROP_INDEX_TABLE: indexTable
      GIFDROP_INPUT_CONTAINER: containers.input
      GIFDROP_OUTPUT_CONTAINER: containers.output
      GIFDROP_STAGING_CONTAINER: containers.staging
      GIFDROP_RECORDS_CONTAINER: containers.records
      GIFDROP_LOGS_CONTAINER: containers.logs
      GIFDROP_DEADLETTER_CONTAINER: containers.deadLetters
      GIFDROP_BATCH_URL: batch.outputs.url
      GIFDROP_POOL_ID: pool.outputs.name
      GIFDROP_POOL_IDENTITY: identities.outputs.poolId
      GIFDROP_PACKAGE_ID: packageId
      GIFDROP_PACKAGE_VERSION: packageVersion
      GIFDROP_COMPLETE_SCHEDULE: completeSchedule
      GIFDROP_RECONCILE_SCHEDULE: reconcileSchedule
      GIFDROP_FALLBACK_BATCH_URLS: join(fallbackBatchUrls, ' ')
      GIFDROP_AVOID_BATCH_URLS: join(avoidedBatchUrls, ' ')
      GIFDROP_SWEEP_SECONDS: string(sweepSeconds)
      GIFDROP_RECONCILE_SECONDS: string(reconcileSeconds)
      GIFDROP_AUDIT_NAMES: string(auditNames)
      GIFDROP_GIVE_UP_SECONDS: string(giveUpSeconds)
      GIFDROP_NODE_PRICE: nodePrice
      GIFDROP_TASK_SLOTS: string(taskSlotsPerNode)
      GIFDROP_VM_SIZE: vmSize
      GIFDROP_MAX_NODES: string(maxDedicatedNodes)
      GIFDROP_QUOTA_CORES: batch.outputs.coreQuota
      GIFDROP_QUOTA_POOLS: batch.outputs.poolQuota
      GIFDROP_QUOTA_JOBS: batch.outputs.jobQuota
      GIFDROP_OPERATOR_SHA256: operatorSha256
      GIFDROP_SIGN_IN: empty(signInClientId) ? 'off' : 'on'
      GIFDROP_UPLOADS: apiUploads ? 'on' : 'off'
      GIFDROP_CANARY_HOURS: string(canaryHours)
      GIFDROP_WAKE: wakePool ? 'on' : 'off'
      GIFDROP_REPAIR: repairPool ? 'on' : 'off'
      GIFDROP_RESULTS_TOPIC_URL: topics.outputs.resultsEndpoint
      GIFDROP_GIF_PRESET: preset
    }
  }
  // The host cannot start without its role assignments.
  dependsOn: [access]
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  params: {
    name: fullName
    location: location
    tags: tags
    emails: alertEmails
    workspaceId: monitoring.outputs.workspaceId
    batchAccountId: batch.outputs.id
    eventTopicId: topics.outputs.id
    appId: app.outputs.id
    heartbeatMinutes: heartbeatMinutes
    monthlyBudget: monthlyBudget
    budgetStart: budgetStart
    poolPrincipalId: identities.outputs.poolPrincipalId
    canary: canaryHours > 0
    oldestQueuedMinutes: oldestQueuedMinutes
    failedPerHour: failedPerHour
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  params: {
    name: fullName
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

module roles 'modules/roles.bicep' = if (createRoles) {
  name: 'roles'
  params: { name: fullName }
}

module access 'modules/access.bicep' = {
  name: 'access'
  params: {
    dataAccount: data.outputs.name
    hostAccount: host.outputs.name
    packagesAccount: packages.outputs.name
    containers: containers
    appPrincipalId: identities.outputs.appPrincipalId
    poolPrincipalId: identities.outputs.poolPrincipalId
    batchPrincipalId: batch.outputs.principalId
    topicPrincipalId: topics.outputs.principalId
    canary: canaryHours > 0
    apiUploads: apiUploads
    operatorPrincipalId: operatorPrincipalId
    operatorPrincipalType: operatorPrincipalType
    operatorUntil: operatorDays == 0 ? '' : dateTimeAdd(deployedAt, 'P${operatorDays}D', 'yyyy-MM-ddTHH:mm:ss.000Z')
  }
  dependsOn: [roles]
}

// For the parameter principalIds of deployer.bicep.
output principalIds string[] = [
  identities.outputs.appPrincipalId
  identities.outputs.poolPrincipalId
  batch.outputs.principalId
  topics.outputs.principalId
]
// What the deploying person should know; deploy.sh prints it.
output warnings string[] = concat(
  empty(alertEmails) ? ['alertEmails is empty: alerts fire and nobody gets an email. Pass -p alertEmails=\'["me@example.com"]\''] : [],
  monthlyBudget == 0 ? ['monthlyBudget is 0: no email comes before the bill. Pass -p monthlyBudget=AMOUNT'] : []
)
output functionApp string = app.outputs.name
output appPrincipalId string = identities.outputs.appPrincipalId
output functionUrl string = app.outputs.url
output dataAccount string = data.outputs.name
output batchAccount string = batch.outputs.name
output pool string = pool.outputs.name
output packageId string = packageId
output eventTopic string = topics.outputs.name
output resultsEndpoint string = topics.outputs.resultsEndpoint
