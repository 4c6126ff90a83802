// Who may do what on which blobs: every right is here, each with its reason.

param dataAccount string
param hostAccount string
param packagesAccount string

@description('Names of the data account\'s containers: input, output, staging, records, logs, deadLetters.')
param containers object
param appPrincipalId string
param poolPrincipalId string
param batchPrincipalId string
param topicPrincipalId string

@description('Empty: nobody beyond the app.')
param operatorPrincipalId string
param operatorPrincipalType string

module dataGrants 'grants.bicep' = {
  name: 'data-grants'
  params: {
    account: dataAccount
    grants: [
      {
        principal: poolPrincipalId
        role: 'Storage Blob Data Reader'
        container: containers.input
        why: 'Nodes fetch the video of their task.'
      }
      {
        principal: poolPrincipalId
        role: 'Storage Blob Data Contributor'
        container: containers.staging
        why: 'Nodes leave the GIF and the verdict of their task.'
      }
      {
        principal: poolPrincipalId
        role: 'Storage Blob Data Contributor'
        container: containers.logs
        why: 'Nodes leave what the converter printed.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Blob Data Reader'
        container: containers.input
        why: 'The app reads the properties of videos; it never changes one.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Blob Data Contributor'
        container: containers.output
        why: 'The app puts finished GIFs here.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Blob Data Contributor'
        container: containers.staging
        why: 'The app takes GIFs from here and cleans up.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Blob Data Contributor'
        container: containers.records
        why: 'The app keeps its records.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Blob Data Reader'
        container: containers.logs
        why: 'The app shows why a task failed.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Blob Data Contributor'
        container: containers.deadLetters
        why: 'The app replays dead letters and removes them.'
      }
      {
        principal: appPrincipalId
        role: 'Storage Blob Delegator'
        container: ''
        why: 'The app signs short-lived links to GIFs; the key for them belongs to the account.'
      }
      {
        principal: topicPrincipalId
        role: 'Storage Blob Data Contributor'
        container: containers.deadLetters
        why: 'Event Grid leaves what it could not deliver.'
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
        why: 'The Functions host keeps keys, locks and the deployed package here and makes its containers itself.'
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
        why: 'Batch stores application packages in containers that it names itself.'
      }
      {
        principal: poolPrincipalId
        role: 'Storage Blob Data Reader'
        container: ''
        why: 'Nodes fetch the converter.'
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
        role: 'Storage Blob Data Contributor'
        container: containers.input
        why: 'The operator drops videos, the smoke test among them.'
      }
      {
        principal: operatorPrincipalId
        role: 'Storage Blob Data Reader'
        container: ''
        why: 'The operator looks at GIFs, records, logs and dead letters.'
      }
    ]
  }
}
