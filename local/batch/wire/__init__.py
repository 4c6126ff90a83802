"""The protocol: authentication, conditions, OData, paging, replies."""
