// The function app: Flex Consumption, Python, managed identity instead of storage keys and connection strings.

param name string
param location string
param tags object
param identityId string
param identityClientId string
param hostAccount string
param hostBlobEndpoint string
param deploymentContainer string
param insightsConnectionString string

@description('App settings of gifdrop, without those of the platform.')
param settings object

@allowed([512, 2048, 4096])
param memoryMb int
param maxInstances int

@description('Spread instances over availability zones. Azure then keeps two always-ready instances of each group of functions.')
param zoneRedundant bool

@description('HTTP requests that one instance serves at a time.')
@minValue(1)
@maxValue(100)
param httpConcurrency int

@description('Always-ready instances, each for HTTP and for each function with an Event Grid trigger. 0: the first event after a quiet period may need a retry.')
param alwaysReady int

@description('Public IP ranges that may call the app, beside Event Grid. Empty: all.')
param apiIpRanges string[]

@description('Public IP ranges that may publish code. Empty: all.')
param publishIpRanges string[]

@description('Empty: no virtual network.')
param subnetId string

@description('Client id of the app registration with which people sign in. Empty: keys only.')
param signInClientId string

var eventGrid = {
  name: 'event-grid'
  action: 'Allow'
  priority: 100
  tag: 'ServiceTag'
  ipAddress: 'AzureEventGrid'
}
var callers = [for (range, i) in apiIpRanges: {
  name: 'caller-${i}'
  action: 'Allow'
  priority: 200 + i
  ipAddress: range
}]
var publishers = [for (range, i) in publishIpRanges: {
  name: 'publisher-${i}'
  action: 'Allow'
  priority: 200 + i
  ipAddress: range
}]

var platform = {
  AzureWebJobsStorage__accountName: hostAccount
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD;ClientId=${identityClientId}'
  AZURE_CLIENT_ID: identityClientId
}
// In place of a client secret: the registration trusts tokens of the app's identity (infra/sign_in.py).
var secretSetting = 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
var signInSettings = {
  '${secretSetting}': identityClientId
  WEBSITE_AUTH_AAD_ALLOWED_TENANTS: tenant().tenantId
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      runtime: {
        name: 'python'
        version: '3.12'
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostBlobEndpoint}${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: memoryMb
        maximumInstanceCount: maxInstances
        triggers: {
          http: {
            // The default for Python is 1: every concurrent request would start an instance with caches of its own.
            perInstanceConcurrency: httpConcurrency
          }
        }
        alwaysReady: alwaysReady == 0 ? [] : [
          {
            name: 'http'
            instanceCount: alwaysReady
          }
          {
            name: 'function:on_video_uploaded'
            instanceCount: alwaysReady
          }
          {
            name: 'function:on_result_uploaded'
            instanceCount: alwaysReady
          }
        ]
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      ipSecurityRestrictions: empty(apiIpRanges) ? [] : concat([eventGrid], callers)
      ipSecurityRestrictionsDefaultAction: empty(apiIpRanges) ? 'Allow' : 'Deny'
      scmIpSecurityRestrictionsUseMain: false
      scmIpSecurityRestrictions: publishers
      scmIpSecurityRestrictionsDefaultAction: empty(publishIpRanges) ? 'Allow' : 'Deny'
    }
  }

  // Authenticates requests and lets anonymous ones in: the app decides about these, so that Event Grid and callers with
  // keys reach it as before (docs/decisions/sign-in.md).
  resource signIn 'config' = if (!empty(signInClientId)) {
    name: 'authsettingsV2'
    properties: {
      platform: { enabled: true }
      globalValidation: {
        requireAuthentication: false
        unauthenticatedClientAction: 'AllowAnonymous'
        // Has an effect only if somebody requires authentication in the portal: events would be lost.
        excludedPaths: ['/runtime/webhooks/eventgrid']
      }
      httpSettings: { requireHttps: true }
      identityProviders: {
        azureActiveDirectory: {
          enabled: true
          registration: {
            clientId: signInClientId
            clientSecretSettingName: secretSetting
            openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
          }
          validation: { allowedAudiences: [signInClientId] }
        }
      }
      login: {
        cookieExpiration: {
          convention: 'FixedTime'
          timeToExpiration: '08:00:00'
        }
        // The app calls nothing on behalf of people.
        tokenStore: { enabled: false }
      }
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(platform, settings, empty(signInClientId) ? {} : signInSettings)
    // The app must not trust the headers of App Service authentication before it is on.
    dependsOn: [signIn]
  }

  // Publishing uses Entra ID; basic authentication stays disabled.
  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }
}

output id string = app.id
output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
