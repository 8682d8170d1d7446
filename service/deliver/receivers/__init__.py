"""The kinds of receivers: the name that stands in a receiver's file is that of the module here.

Each module has `OPTIONS`, the keys of the table `[options]`, and `make(settings)`, which gives the receiver.
"""

import importlib

from service.deliver.receivers.base import Receiver, ReceiverSettings

KINDS = ("fhir_transaction", "fhir_document", "file_drop")


def make(settings: ReceiverSettings) -> Receiver:
    """The receiver that these settings describe; its code is loaded only now."""
    made: Receiver = importlib.import_module(f"{__name__}.{settings.kind}").make(settings)
    return made
