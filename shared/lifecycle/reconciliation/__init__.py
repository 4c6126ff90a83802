"""Compares inputs, records, tasks and staging, and repairs what events, crashes and operators left inconsistent.

What a listing suggests is decided again on fresh reads before anything changes, so a listing that is out of date costs
a few calls and does no harm.
"""
