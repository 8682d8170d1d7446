"""What a mutator does to a resource: each function breaks one thing, says what, and may find nothing to do (None)."""
