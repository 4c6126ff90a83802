// The operators' workbook: throughput, failures, waiting videos and pool resizes.

param name string
param location string
param tags object
param workspaceId string

var panels = [
  {
    title: 'Videos submitted, succeeded and failed'
    query: loadTextContent('../queries/throughput.kql')
    chart: 'timechart'
  }
  {
    title: 'Failed videos, newest first'
    query: loadTextContent('../queries/failed_videos.kql')
    chart: 'table'
  }
  {
    title: 'Videos waiting for more than ten minutes'
    query: replace(loadTextContent('../queries/oldest_queued.kql'), '{{minutes}}', '10')
    chart: 'table'
  }
  {
    title: 'Task duration in seconds'
    query: loadTextContent('../queries/task_times.kql')
    chart: 'timechart'
  }
  {
    title: 'Pool resizes'
    query: loadTextContent('../queries/resizes.kql')
    chart: 'table'
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, name)
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'gifdrop'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: string({
      version: 'Notebook/1.0'
      items: map(panels, panel => {
        type: 3
        name: panel.title
        content: {
          version: 'KqlItem/1.0'
          title: panel.title
          query: panel.query
          size: 0
          queryType: 0
          resourceType: 'microsoft.operationalinsights/workspaces'
          visualization: panel.chart
          timeContext: { durationMs: 86400000 }
        }
      })
    })
  }
}
