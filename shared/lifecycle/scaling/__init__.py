"""Has Batch evaluate the pool's autoscale formula when videos wait or the pool is idle, instead of on its schedule.

It only saves time and money: without it, the formula comes to the same on Batch's schedule. So every failure is logged
in one line and otherwise ignored.
"""
