"""The family's plan on paper: gathered from FHIR, laid out as tagged PDF and as HTML, in fi, sv and en.

resources ─▶ gather ─▶ Plan ─▶ withhold (turvakielto) ─▶ sheet (words of one language) ─▶ pdf | html | narrative
"""

from service.print.face import PrintError, missing, narrative, printed

__all__ = ["PrintError", "missing", "narrative", "printed"]
