"""The quick way: is there surely nothing to say about a resource?

A plan merges what R4 and all profiles of a resource ask into one pass that only answers yes or "not surely". Most
resources are right, and for them that is all; about the others the walk, which knows places and words, has the say.
"""
