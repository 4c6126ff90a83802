"""What a compute node does for a task: directories, files in, a process, files out."""
