"""The protocol: authentication, preconditions, OData, paging, responses."""
