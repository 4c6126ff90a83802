"""The storage account: blobs, listings, and the records kept in them."""
