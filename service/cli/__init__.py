"""The command `yhdessa`: one file per command; a command's code is loaded when it is called, so `--help` is quick."""

import importlib
from typing import Any

import click

# Name: what it is for. The file of a command is `service/cli/<name>.py`, its click command `command`.
COMMANDS = {
    "demo": "Show the whole way, from documents to FHIR, and end.",
    "convert": "Turn source documents into FHIR Bundles.",
    "batch": "Convert a whole backlog of documents, on all cores or on a cluster.",
    "restore": "Turn Bundles that were made of documents back into documents.",
    "keyed": "Show the form of a document that the maps read, for other engines.",
    "validate": "Check FHIR resources against R4 and profiles.",
    "explain": "Say which rule and which source value made an element.",
    "transform": "Run any FHIR Mapping Language map on any JSON.",
    "fhirpath": "Evaluate a FHIRPath expression on a resource.",
    "mappings": "List, show, test, compare and start mapping variants.",
    "print": "Print a shared plan for the family, as PDF or HTML.",
    "packages": "List, show and add FHIR packages.",
    "serve": "Serve the HTTP face.",
    "deliver": "Bring what is due to its receivers.",
    "outbox": "List, show, retry and drop deliveries.",
    "receivers": "List and check the receivers.",
    "policy": "Show what each sector may get, and what of a plan would go, and why.",
    "disclosures": "Tell a family what was given to whom, and why.",
    "export": "Run bulk exports, or write one into a folder.",
    "db": "Bring the database up to date.",
    "clients": "Register the clients that may ask for tokens.",
    "archive": "Bring what is new into the regional archive, and prove that it is there.",
    "retention": "Say what has outlived its time, and destroy it.",
    "audit": "Check the use log.",
    "config": "Show the settings in force.",
}


class _Lazy(click.Group):
    """Knows the commands by name; loads one when it is needed."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"service.cli.{name}").command
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, context: click.Context) -> Any:
        from service.cli.failures import explained

        with explained():
            return super().invoke(context)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="yhdessa-fhir", message="%(prog)s %(version)s")
def main() -> None:
    """Yhdessä documents to valid Finnish FHIR R4.

    Exit codes: 0 all is well, 1 something given has errors, 2 wrong usage, 3 could not run.
    """
