"""The servers of the comparison, each with its own configuration, folders and files: nothing of the system's is touched."""
