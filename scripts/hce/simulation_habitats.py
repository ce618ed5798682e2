"""Which organs a cell type lives in, as its label or its lineage suggests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hce.simulation_vocabulary import TISSUES

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
                "simulation_habitats.py"
            )
        for index in ready:
            allowed[index] = allowed[list(parents[index])].any(axis=0)
            known[index] = True
        pending = [index for index in pending if not known[index]]
    return allowed
