"""Words of the simulated Census: real ontology terms, in the labels of 2023.

Sources: UBERON, EFO, MONDO, PATO, HANCESTRO, HsapDv, CL, as used by CELLxGENE schema 3.
"""

from __future__ import annotations

from typing import NamedTuple


class Term(NamedTuple):
    """A term of an ontology."""

    label: str
    term_id: str


class Tissue(NamedTuple):
    """A sampled tissue, the organ the Census files it under, and which studies sample it."""

    tissue: Term
    general: Term
    in_train: bool
    in_ood: bool


class ForeignType(NamedTuple):
    """A cell type that the selection must filter out, with the name of its cells' parameter."""

    cell_type: Term
    parameter: str


_BLOOD = Term("blood", "UBERON:0000178")
_BONE_MARROW = Term("bone marrow", "UBERON:0002371")
_LYMPH_NODE = Term("lymph node", "UBERON:0000029")
_SPLEEN = Term("spleen", "UBERON:0002106")
_THYMUS = Term("thymus", "UBERON:0002370")
_LUNG = Term("lung", "UBERON:0002048")
_BREAST = Term("breast", "UBERON:0000310")
_SKIN = Term("skin of body", "UBERON:0002097")
_FALLOPIAN_TUBE = Term("fallopian tube", "UBERON:0003889")
_OVARY = Term("ovary", "UBERON:0000992")
_LIVER = Term("liver", "UBERON:0002107")
_ADIPOSE_TISSUE = Term("adipose tissue", "UBERON:0001013")

# A study's `U` effect and a type's habitat go by the organ (tissue_general).
TISSUES = (
    Tissue(_BLOOD, _BLOOD, True, True),
    Tissue(_BONE_MARROW, _BONE_MARROW, True, True),
    Tissue(Term("mesenteric lymph node", "UBERON:0002509"), _LYMPH_NODE, True, True),
    Tissue(_SPLEEN, _SPLEEN, True, True),
    Tissue(_THYMUS, _THYMUS, True, True),
    Tissue(Term("upper lobe of lung", "UBERON:0008948"), _LUNG, True, True),
    Tissue(
        Term("trachea", "UBERON:0003126"), Term("respiratory system", "UBERON:0001004"), True, True
    ),
    Tissue(Term("nasal cavity", "UBERON:0001707"), Term("nose", "UBERON:0000004"), True, False),
    Tissue(
        Term("cortex of kidney", "UBERON:0001225"), Term("kidney", "UBERON:0002113"), True, True
    ),
    Tissue(Term("cerebral cortex", "UBERON:0000956"), Term("brain", "UBERON:0000955"), True, True),
    Tissue(
        Term("heart left ventricle", "UBERON:0002084"), Term("heart", "UBERON:0000948"), True, True
    ),
    Tissue(Term("retina", "UBERON:0000966"), Term("eye", "UBERON:0000970"), True, False),
    Tissue(Term("ileum", "UBERON:0002116"), Term("small intestine", "UBERON:0002108"), True, True),
    Tissue(
        Term("mucosa of stomach", "UBERON:0001199"), Term("stomach", "UBERON:0000945"), True, True
    ),
    Tissue(_BREAST, _BREAST, True, True),
    Tissue(_SKIN, _SKIN, True, True),
    Tissue(_OVARY, _OVARY, True, False),
    Tissue(_FALLOPIAN_TUBE, _FALLOPIAN_TUBE, True, False),
    Tissue(_LIVER, _LIVER, False, True),
    Tissue(_ADIPOSE_TISSUE, _ADIPOSE_TISSUE, False, True),
)

ASSAYS = (
    Term("10x 3' v3", "EFO:0009922"),
    Term("10x 3' v2", "EFO:0009899"),
    Term("10x 5' v1", "EFO:0011025"),
    Term("10x 5' v2", "EFO:0009900"),
    Term("10x 3' v1", "EFO:0009901"),
    Term("10x 3' transcription profiling", "EFO:0030003"),
    Term("10x 5' transcription profiling", "EFO:0030004"),
)
UNSEEN_ASSAY = "10x 5' transcription profiling"  # only the new studies use it
OTHER_ASSAYS = (Term("Smart-seq2", "EFO:0008931"), Term("Drop-seq", "EFO:0008722"))

NORMAL = Term("normal", "PATO:0000461")
SEEN_DISEASES = (
    Term("COVID-19", "MONDO:0100096"),
    Term("systemic lupus erythematosus", "MONDO:0007915"),
    Term("type 2 diabetes mellitus", "MONDO:0005148"),
    Term("rheumatoid arthritis", "MONDO:0008383"),
)
UNSEEN_DISEASES = (
    Term("influenza", "MONDO:0005812"),
    Term("systemic sclerosis", "MONDO:0005100"),
)
DISEASES = (NORMAL, *SEEN_DISEASES, *UNSEEN_DISEASES)

SEXES = (Term("female", "PATO:0000383"), Term("male", "PATO:0000384"))
ETHNICITIES = (
    Term("European", "HANCESTRO:0005"),
    Term("Asian", "HANCESTRO:0008"),
    Term("African American", "HANCESTRO:0568"),
    Term("Hispanic or Latin American", "HANCESTRO:0014"),
    Term("unknown", "unknown"),
)
STAGES = (
    Term("25-year-old human stage", "HsapDv:0000119"),
    Term("34-year-old human stage", "HsapDv:0000128"),
    Term("45-year-old human stage", "HsapDv:0000139"),
    Term("52-year-old human stage", "HsapDv:0000146"),
    Term("61-year-old human stage", "HsapDv:0000155"),
    Term("67-year-old human stage", "HsapDv:0000161"),
    Term("73-year-old human stage", "HsapDv:0000167"),
)
SUSPENSIONS = ("cell", "nucleus")

FOREIGN_TYPES = (
    ForeignType(Term("pancreatic A cell", "CL:0000171"), "rare_type_cells"),
    ForeignType(Term("type B pancreatic cell", "CL:0000169"), "few_samples_type_cells"),
    # the roots themselves: what a study reports when it knows nothing
    ForeignType(Term("native cell", "CL:0000003"), "general_type_cells"),
    ForeignType(Term("eukaryotic cell", "CL:0000255"), "general_type_cells"),
    ForeignType(Term("cultured cell", "CL:0000010"), "cultured_type_cells"),
    ForeignType(Term("hepatocyte", "CL:0000182"), "ood_only_type_cells"),
)
