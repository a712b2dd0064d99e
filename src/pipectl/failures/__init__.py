"""Failed records: find them in the audit table, read them again, and replay them."""
