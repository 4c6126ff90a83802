"""Pools, nodes, jobs and tasks, and the rules by which they change. Knows no HTTP."""
