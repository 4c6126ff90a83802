// Stage 2, after publishing: an event subscription can only target a function that exists.

targetScope = 'resourceGroup'

@description('The outputs eventTopic, functionApp and dataAccount of main.bicep.')
param topic string
param functionApp string
param dataAccount string

param inputContainer string = 'videos'
param stagingContainer string = 'staging'
param deadLetterContainer string = 'deadletters'

resource app 'Microsoft.Web/sites@2024-11-01' existing = {
  name: functionApp
}

resource storage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: dataAccount
}

resource blobEvents 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topic
}

// maxEventsPerBatch: docs/azure.md, Concurrency.
var subscriptions = [
  {
    name: 'on-video-uploaded'
    function: 'on_video_uploaded'
    container: inputContainer
    subjectEndsWith: ''
    // One request, and so one instance, gets many events, which it submits together.
    maxEventsPerBatch: 100
  }
  {
    name: 'on-result-uploaded'
    function: 'on_result_uploaded'
    container: stagingContainer
    subjectEndsWith: '/result.json'
    // Publishing shares nothing between videos, and one failure would repeat the whole batch.
    maxEventsPerBatch: 1
  }
]

// One after the other: each changes the same topic.
@batchSize(1)
resource uploaded 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [for item in subscriptions: {
  parent: blobEvents
  name: item.name
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: '${app.id}/functions/${item.function}'
        maxEventsPerBatch: item.maxEventsPerBatch
        preferredBatchSizeInKilobytes: 256
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${item.container}/blobs/'
      subjectEndsWith: item.subjectEndsWith
      advancedFilters: [
        {
          // Only operations that complete a blob: not CreateFile, SftpCreate and SftpWrite, which leave it empty or partial.
          operatorType: 'StringIn'
          key: 'data.api'
          values: ['PutBlob', 'PutBlockList', 'CopyBlob', 'FlushWithClose', 'SftpCommit']
        }
      ]
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: storage.id
          blobContainerName: deadLetterContainer
        }
      }
    }
  }
}]
