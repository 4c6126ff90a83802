// All role assignments on blobs, each with its reason.

param dataAccount string
param hostAccount string
param packagesAccount string

@description('Names of the data account\'s containers: input, output, staging, records, logs, deadLetters.')
param containers object
param appPrincipalId string
param poolPrincipalId string
param batchPrincipalId string
param topicPrincipalId string

@description('Whether the app uploads a canary video.')
param canary bool

@description('Whether the API uploads and deletes videos.')
param apiUploads bool

@description('Empty: only the app has access.')
param operatorPrincipalId string
param operatorPrincipalType string

@description('When the operator\'s access ends, in UTC. Empty: never.')
param operatorUntil string

module dataGrants 'grants.bicep' = {
  name: 'data-grants'
  params: {
    account: dataAccount
    grants: [
      {
        principal: poolPrincipalId
        role: 'gifdrop blob reader'
        container: containers.input
        listing: false
        why: 'Nodes download the video of their task. They cannot list videos.'
      }
      {
        principal: poolPrincipalId
        role: 'gifdrop blob writer'
        container: containers.staging
        why: 'Nodes upload the GIF and result of their task. They can neither read, list nor delete.'
      }
      {
        principal: poolPrincipalId
        role: 'gifdrop blob writer'
        container: containers.logs
        why: 'Nodes upload the output of the converter. They can neither read, list nor delete.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Blob Data Reader'
        container: containers.input
        why: 'The app reads the properties of videos and never changes one.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Blob Data Contributor'
        container: containers.output
        why: 'The app writes finished GIFs.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Blob Data Contributor'
        container: containers.staging
        why: 'The app copies GIFs from here and deletes them.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Blob Data Contributor'
        container: containers.records
        why: 'The app reads and writes records.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Table Data Contributor'
        container: ''
        why: 'The app keeps the index of the records in a table. The account has no other.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Blob Data Reader'
        container: containers.logs
        why: 'The app shows why a task failed.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Blob Data Reader'
        container: containers.deadLetters
        why: 'The app counts dead letters for its health.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Blob Delegator'
        container: ''
        why: 'The app signs short-lived links to GIFs; user delegation keys exist per account only.'
      }
      {
        principal: topicPrincipalId
        role: 'Storage Blob Data Contributor'
        container: containers.deadLetters
        why: 'Event Grid writes events that it could not deliver.'
      }
    ]
  }
}

module canaryGrants 'grants.bicep' = if (canary) {
  name: 'canary-grants'
  params: {
    account: dataAccount
    grants: [
      {
        principal: appPrincipalId
        role: 'gifdrop blob writer'
        container: containers.input
        why: 'The app uploads its canary video.'
      }
    ]
  }
}

module uploadGrants 'grants.bicep' = if (apiUploads) {
  name: 'upload-grants'
  params: {
    account: dataAccount
    grants: [
      {
        principal: appPrincipalId
        role: 'gifdrop blob editor'
        container: containers.input
        why: 'The app signs links that upload one video each, which give no right that the app lacks, and deletes videos.'
      }
    ]
  }
}

module hostGrants 'grants.bicep' = {
  name: 'host-grants'
  params: {
    account: hostAccount
    grants: [
      {
        principal: appPrincipalId
        role: 'Storage Blob Data Owner'
        container: ''
        why: 'The Functions host stores keys, locks and the deployed package here and creates its own containers.'
      }
    ]
  }
}

module packageGrants 'grants.bicep' = {
  name: 'package-grants'
  params: {
    account: packagesAccount
    grants: [
      {
        principal: batchPrincipalId
        role: 'Storage Blob Data Contributor'
        container: ''
        why: 'Batch stores application packages in containers whose names it chooses.'
      }
      {
        principal: poolPrincipalId
        role: 'gifdrop blob reader'
        container: ''
        listing: false
        why: 'Nodes download the converter.'
      }
    ]
  }
}

module operatorGrants 'grants.bicep' = if (!empty(operatorPrincipalId)) {
  name: 'operator-grants'
  params: {
    account: dataAccount
    principalType: operatorPrincipalType
    grants: [
      {
        principal: operatorPrincipalId
        role: 'gifdrop blob editor'
        container: containers.input
        until: operatorUntil
        why: 'The operator uploads videos, as the smoke test does.'
      }
      {
        principal: operatorPrincipalId
        role: 'gifdrop blob reader'
        container: ''
        until: operatorUntil
        why: 'The operator reads GIFs, records, logs and dead letters.'
      }
    ]
  }
}
