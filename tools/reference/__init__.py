"""Generated pages of the reference, a module each. `tools/generate_docs.py` writes them."""
