"""Function packages, built from a handler's folder."""
