"""Repairs the pool: nodes that cannot be used, resizes that do not end, and what keeps tasks from being scheduled.

Nodes are rebooted, then reimaged, then removed, at most a few an hour. If all nodes fail alike, repairing would only
cost money: the pool is held at one node, which is tried again from time to time.
"""
