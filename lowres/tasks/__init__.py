"""The tasks that lowres can train, a package each."""
