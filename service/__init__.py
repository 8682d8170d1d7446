"""Yhdessä FHIR service: from a family's shared plan to valid Finnish FHIR R4, and to the records that need it."""
