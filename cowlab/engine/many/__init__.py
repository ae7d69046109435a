"""How one rule is applied to many pages at once, in batches of pages that look alike."""
