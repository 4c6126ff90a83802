"""What the video is: its container and its streams."""
