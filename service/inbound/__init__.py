"""What record systems send back about a plan or a meeting: kept beside the source document, never over it.

An answer is a FHIR resource from an organisation that had been given what it speaks of. `receiving` keeps it,
`overlay` lays what it may change over the stored resources, the maps turn those into the source document's terms,
`changes` compares, and `returned` shows the document with all of it, side by side where it cannot be one.
"""
