// The operators' workbook: throughput, failures, waiting videos, the life of one video, and pool resizes.

param name string
param location string
param tags object
param workspaceId string

var panels = [
  {
    title: 'Videos submitted, succeeded and failed'
    query: loadTextContent('../queries/throughput.kql')
    chart: 'timechart'
    days: 1
  }
  {
    title: 'Failed videos, newest first'
    query: loadTextContent('../queries/failed_videos.kql')
    chart: 'table'
    days: 1
  }
  {
    title: 'Videos waiting for more than ten minutes'
    query: replace(loadTextContent('../queries/oldest_queued.kql'), '{{minutes}}', '10')
    chart: 'table'
    days: 1
  }
  {
    title: 'Life of one video'
    query: replace(loadTextContent('../queries/video_life.kql'), '{{video}}', '{video}')
    chart: 'table'
    days: 30
  }
  {
    title: 'Failed runs of functions'
    query: loadTextContent('../queries/function_failures.kql')
    chart: 'table'
    days: 1
  }
  {
    title: 'Task duration in seconds'
    query: loadTextContent('../queries/task_times.kql')
    chart: 'timechart'
    days: 1
  }
  {
    title: 'Pool resizes'
    query: loadTextContent('../queries/resizes.kql')
    chart: 'table'
    days: 1
  }
]

// A text box whose value replaces {video} in the queries.
var parameters = {
  type: 9
  name: 'parameters'
  content: {
    version: 'KqlParameterItem/1.0'
    style: 'pills'
    parameters: [
      {
        id: guid(resourceGroup().id, name, 'video')
        version: 'KqlParameterItem/1.0'
        name: 'video'
        label: 'Name of a video, or id of a conversion'
        type: 1
        value: ''
      }
    ]
  }
}

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
      items: concat([parameters], map(panels, panel => {
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
          timeContext: { durationMs: panel.days * 86400000 }
        }
      }))
    })
  }
}
