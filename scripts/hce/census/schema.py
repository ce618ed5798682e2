"""Names of organisms as the CELLxGENE Census spells them."""

from __future__ import annotations

# the paper's, and the default of `census.organism`
HOMO_SAPIENS = "homo_sapiens"


def organism_label(organism: str) -> str:
    """The organism in the words of the Census's tables: Mus musculus for mus_musculus."""
    return organism.replace("_", " ").capitalize()
