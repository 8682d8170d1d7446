"""The kinds of receivers, by the name that stands in a receiver's file."""
