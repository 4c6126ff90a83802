"""The Azure services, behind interfaces of our own: the only package that imports `azure`."""
