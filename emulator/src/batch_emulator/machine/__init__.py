"""What a compute node does for a task: directories, resource files, the process, output files."""
