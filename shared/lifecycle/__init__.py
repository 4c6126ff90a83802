"""The life of a video, from its event to its GIF. Every step may be repeated, and may crash half-way."""
