"""A small ontology with obsolete and merged terms, for the tests of the ontology."""

from __future__ import annotations

# diamond: 1 > {2, 3} > 4 > 5, and 6 alone
DIAMOND = {
    "CL:0000005": ["CL:0000004"],
    "CL:0000001": [],
    "CL:0000004": ["CL:0000002", "CL:0000003"],
    "CL:0000003": ["CL:0000001"],
    "CL:0000002": ["CL:0000001"],
    "CL:0000006": [],
}
OBSOLETE = """
[Term]
id: CL:0000020
name: obsolete old
is_obsolete: true
replaced_by: CL:0000021

[Term]
id: CL:0000021
name: obsolete newer
is_obsolete: true
replaced_by: CL:0000002

[Term]
id: CL:0000022
name: obsolete without heir
is_obsolete: true

[Term]
id: CL:0000023
name: merged
alt_id: CL:0000024
alt_id: CL:0000025
is_a: CL:0000001 ! name of CL:0000001

[Term]
id: CL:0000026
name: obsolete, now an anatomical structure
is_obsolete: true
replaced_by: UBERON:0000001
"""
