"""`python -m service.cli`: the command where its script is not on the path."""

from service.cli import main

main(prog_name="yhdessa")
