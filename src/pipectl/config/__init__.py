"""The config file: models, loading, names, runtimes."""
