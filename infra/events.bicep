// Stage 2, after publishing: the event subscription can only target a function that exists.

targetScope = 'resourceGroup'

@description('The outputs eventTopic, functionApp and dataAccount of main.bicep.')
param topic string
param functionApp string
param dataAccount string

param inputContainer string = 'videos'
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

resource uploaded 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: blobEvents
  name: 'on-video-uploaded'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: '${app.id}/functions/on_video_uploaded'
        // The Python worker accepts one event per invocation.
        maxEventsPerBatch: 1
        preferredBatchSizeInKilobytes: 64
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${inputContainer}/blobs/'
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
}
