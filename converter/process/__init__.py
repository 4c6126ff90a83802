"""Runs ffmpeg: limits, the scratch directory, leftover processes, what a failure means."""
