"""The packages that a handler's manifest names: resolved, installed and cached by content."""
