"""Names of organisms as the CELLxGENE Census spells them, and what may be done with its counts."""

from __future__ import annotations

# the paper's, and the default of `census.organism`
HOMO_SAPIENS = "homo_sapiens"
# organism_ontology_term_id of the organisms that a Census has
TAXONS = {
    HOMO_SAPIENS: "NCBITaxon:9606",
    "mus_musculus": "NCBITaxon:10090",
    "macaca_mulatta": "NCBITaxon:9544",
    "callithrix_jacchus": "NCBITaxon:9483",
    "pan_troglodytes": "NCBITaxon:9598",
}
# census.fractional_counts: what is done with a raw count that is no integer
POLICIES = ("keep", "refuse")


def organism_label(organism: str) -> str:
    """The organism in the words of the Census's tables: Mus musculus for mus_musculus."""
    return organism.replace("_", " ").capitalize()
