"""Recognises a source document, checks it, and gives every entity in it a stable id."""

from service.intake.check import check, recognise
from service.intake.keyed import PROCESSING, keyed, normalised
from service.intake.schema import KINDS, Schema, SchemaError, base, compose
from service.intake.unkeyed import Unresolved, unkeyed

__all__ = [
    "KINDS",
    "PROCESSING",
    "Schema",
    "SchemaError",
    "Unresolved",
    "base",
    "check",
    "compose",
    "keyed",
    "normalised",
    "recognise",
    "unkeyed",
]
