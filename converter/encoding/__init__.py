"""Makes the GIF and the files beside it with ffmpeg."""
