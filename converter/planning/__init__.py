"""What the GIF is to be: size, time, presets, budget."""
