"""Words of the simulated Census: real ontology terms, in the labels of 2023.

Sources: UBERON, EFO, MONDO, PATO, HANCESTRO, HsapDv, CL, as used by CELLxGENE schema 3. Which
organs a cell type lives in follows from its label or its lineage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Term(NamedTuple):
    """A term of an ontology."""

    label: str
    term_id: str


class Tissue(NamedTuple):
    """A sampled tissue, the organ the Census files it under, and which collections sample it."""

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

# A collection's `U` effect and a type's habitat go by the organ (tissue_general).
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
UNSEEN_ASSAY = "10x 5' transcription profiling"  # only the new collections use it
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

# labels of the first release, by term id: ontologies rename terms between two releases
FORMER_LABELS = {
    "MONDO:0005148": "type II diabetes mellitus",
    "UBERON:0002097": "skin",
}

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
    # the roots themselves: what a collection reports when it knows nothing
    ForeignType(Term("native cell", "CL:0000003"), "general_type_cells"),
    ForeignType(Term("eukaryotic cell", "CL:0000255"), "general_type_cells"),
    ForeignType(Term("cultured cell", "CL:0000010"), "cultured_type_cells"),
    ForeignType(Term("hepatocyte", "CL:0000182"), "ood_only_type_cells"),
)


_ORGANS = tuple(tissue.general.label for tissue in TISSUES)
_ALL_BUT_EYE = tuple(organ for organ in _ORGANS if organ != "eye")
_SOLID = tuple(organ for organ in _ORGANS if organ not in ("blood", "bone marrow", "eye"))
_AIRWAYS = ("lung", "respiratory system", "nose")
_MARROW = ("bone marrow", "blood", "spleen", "thymus")
_B_LINEAGE = ("bone marrow", "blood", "spleen", "lymph node")
_GUT = ("small intestine", "stomach")

# A type that is not named here lives where its parents live.
HABITATS: dict[str, tuple[str, ...]] = {
    "CL:0000738": _ALL_BUT_EYE,  # leukocyte
    "CL:0002489": ("thymus", "bone marrow"),  # double negative thymocyte
    "CL:0000809": ("thymus", "bone marrow"),  # double-positive, alpha-beta thymocyte
    "CL:0011024": _ALL_BUT_EYE,  # double negative T regulatory cell
    "CL:0002496": (*_GUT, *_AIRWAYS, "skin of body", "breast"),  # intraepithelial lymphocyte
    "CL:0000915": _GUT,  # CD8-alpha-alpha-positive intraepithelial T cell
    "CL:0000816": _B_LINEAGE,  # immature B cell
    "CL:0000817": _B_LINEAGE,  # precursor B cell
    "CL:0000818": _B_LINEAGE,  # transitional stage B cell
    "CL:0000878": ("brain",),  # central nervous system macrophage
    "CL:1001603": ("lung", "respiratory system"),  # lung macrophage
    "CL:0000037": _MARROW,  # hematopoietic stem cell
    "CL:0000050": _MARROW,  # megakaryocyte-erythroid progenitor cell
    "CL:0000838": _MARROW,  # lymphoid lineage restricted progenitor cell
    "CL:0000559": _MARROW,  # promonocyte
    "CL:0000765": _MARROW,  # erythroblast
    "CL:0000232": _ALL_BUT_EYE,  # erythrocyte
    "CL:0000233": _MARROW,  # platelet
    "CL:0000540": ("brain", "eye"),  # neuron
    "CL:0000679": ("brain",),  # glutamatergic neuron
    "CL:4023070": ("brain",),  # caudal ganglionic eminence derived interneuron
    "CL:4023018": ("brain",),  # pvalb GABAergic cortical interneuron
    "CL:4023017": ("brain",),  # sst GABAergic cortical interneuron
    "CL:0010022": ("heart",),  # cardiac neuron
    "CL:0000561": ("eye",),  # amacrine cell
    "CL:0000745": ("eye",),  # retina horizontal cell
    "CL:0000573": ("eye",),  # retinal cone cell
    "CL:0000604": ("eye",),  # retinal rod cell
    "CL:0000740": ("eye",),  # retinal ganglion cell
    "CL:0000127": ("brain", "eye"),  # astrocyte
    "CL:0000644": ("brain",),  # Bergmann glial cell
    "CL:0002605": ("brain",),  # astrocyte of the cerebral cortex
    "CL:0000128": ("brain",),  # oligodendrocyte
    "CL:0002453": ("brain",),  # oligodendrocyte precursor cell
    "CL:0000065": ("brain",),  # ependymal cell
    "CL:0002573": ("heart", "skin of body", "adipose tissue", *_GUT),  # Schwann cell
    "CL:0000115": (*_SOLID, "eye"),  # endothelial cell
    "CL:1001568": ("lung",),  # pulmonary artery endothelial cell
    "CL:0000669": (*_SOLID, "eye"),  # pericyte
    "CL:0009089": ("lung",),  # lung pericyte
    "CL:1001318": ("kidney",),  # renal interstitial pericyte
    "CL:0000192": _SOLID,  # smooth muscle cell
    "CL:0002504": _GUT,  # enteric smooth muscle cell
    "CL:0019019": ("respiratory system", "lung"),  # tracheobronchial smooth muscle cell
    "CL:4028004": ("lung",),  # alveolar type 1 fibroblast cell
    "CL:4028006": ("lung",),  # alveolar type 2 fibroblast cell
    "CL:2000093": ("lung", "respiratory system"),  # bronchus fibroblast of lung
    "CL:0002548": ("heart",),  # fibroblast of cardiac tissue
    "CL:0000746": ("heart",),  # cardiac muscle cell
    "CL:0000077": ("lung", "heart", "ovary", "small intestine", "adipose tissue"),  # mesothelial
    "CL:0000646": (*_AIRWAYS, "breast", "skin of body"),  # basal cell
    "CL:0002633": _AIRWAYS,  # respiratory basal cell
    "CL:1000348": ("respiratory system",),  # basal cell of epithelium of trachea
    "CL:0002145": _AIRWAYS,  # ciliated columnar cell of tracheobronchial tree
    "CL:0000158": _AIRWAYS,  # club cell
    "CL:4030023": _AIRWAYS,  # respiratory hillock cell
    "CL:0000160": (*_AIRWAYS, "small intestine"),  # goblet cell
    "CL:0019031": ("small intestine",),  # intestine goblet cell
    "CL:0002480": ("nose",),  # nasal mucosa goblet cell
    "CL:1000329": ("respiratory system",),  # tracheal goblet cell
    "CL:0002062": ("lung",),  # type I pneumocyte
    "CL:0002063": ("lung",),  # type II pneumocyte
    "CL:0000584": ("small intestine",),  # enterocyte
    "CL:0000164": _GUT,  # enteroendocrine cell
    "CL:0000510": ("small intestine",),  # paneth cell
    "CL:0002179": ("stomach",),  # foveolar cell of stomach
    "CL:0000651": ("stomach",),  # mucous neck cell
    "CL:0000312": ("skin of body",),  # keratinocyte
    "CL:0002326": ("breast",),  # luminal epithelial cell of mammary gland
    "CL:0002324": ("breast",),  # myoepithelial cell of mammary gland
    "CL:0000501": ("ovary",),  # granulosa cell
    "CL:4030006": ("fallopian tube",),  # fallopian tube secretory epithelial cell
    "CL:1000692": ("kidney",),  # kidney interstitial fibroblast
    "CL:0002306": ("kidney",),  # epithelial cell of proximal tubule
    "CL:1001106": ("kidney",),  # kidney loop of Henle thick ascending limb epithelial cell
    "CL:1001107": ("kidney",),  # kidney loop of Henle thin ascending limb epithelial cell
    "CL:1001111": ("kidney",),  # kidney loop of Henle thin descending limb epithelial cell
    "CL:1000849": ("kidney",),  # kidney distal convoluted tubule epithelial cell
    "CL:1000768": ("kidney",),  # kidney connecting tubule epithelial cell
    "CL:1001431": ("kidney",),  # kidney collecting duct principal cell
    "CL:1001432": ("kidney",),  # kidney collecting duct intercalated cell
}


def habitats(term_ids: Sequence[str], parents: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
    """Organs in which each class can be found.

    Parameters
    ----------
    term_ids
        C ontology term ids, in class order.
    parents
        For each class the indices of its parents among the classes.

    Returns
    -------
    numpy.ndarray
        Bool C x number of `TISSUES`.

    Raises
    ------
    ValueError
        If a class without parents has no habitat.
    """
    allowed = np.zeros((len(term_ids), len(TISSUES)), dtype=bool)
    known = [term_id in HABITATS for term_id in term_ids]
    for index, term_id in enumerate(term_ids):
        for organ in HABITATS.get(term_id, ()):
            allowed[index, _ORGANS.index(organ)] = True
    pending = [index for index in range(len(term_ids)) if not known[index]]
    while pending:
        ready = [i for i in pending if parents[i] and all(known[j] for j in parents[i])]
        if not ready:
            raise ValueError(
                f"no habitat for {term_ids[pending[0]]}; add it to HABITATS in "
                "hce/simulation/vocabulary.py"
            )
        for index in ready:
            allowed[index] = allowed[list(parents[index])].any(axis=0)
            known[index] = True
        pending = [index for index in pending if not known[index]]
    return allowed
