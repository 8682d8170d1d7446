"""Deliver what is due: the outbox's rows to the receivers, each once in effect, in order, and logged."""
