"""Orders that failed for good: what is known of them, and how to process them again."""
