"""What the authors call the tensors and hyperparameters of a checkpoint, and what we call them.

Theirs: microsoft/hce-classification, `scTab/cellnet/models.py`; scTab's older files are a subset.
"""

from __future__ import annotations

# a tensor that only this architecture has
TELLTALES = {
    "linear": "classifier.weight",
    "mlp": "classifier.linear.weight",
    "tabnet": "classifier.final_mapping.weight",
}
# how the names of its weights begin, theirs and ours; each is replaced once, at the beginning
PREFIXES = {
    "linear": {"classifier.": "classifier."},
    "mlp": {"classifier.encoder.": "encoder.", "classifier.linear.": "classifier."},
    "tabnet": {"classifier.": ""},
}
# what a state dict holds beside the weights: of the loss and of the augmentation
BUFFERS = ("class_weights", "child_lookup", "child_lookup_transposed", "augmentations")
# of the network, theirs and ours
HYPERPARAMETERS = {
    "linear": {},
    "mlp": {"hidden_size": "n_hidden", "n_hidden": "n_layers", "dropout": "dropout"},
    "tabnet": {
        name: name
        for name in (
            *("n_d", "n_a", "n_steps", "gamma", "n_independent", "n_shared"),
            *("virtual_batch_size", "momentum", "mask_type"),
        )
    },
}
# of the training
TRAINING = {"learning_rate": "learning_rate", "weight_decay": "weight_decay"}
TRAINING |= {"batch_size": "batch_size", "lambda_sparse": "mask_loss_weight"}


def our_name(architecture: str, name: str) -> str | None:
    """What we call a tensor of theirs; None if it is not one of the network's."""
    for theirs, ours in PREFIXES[architecture].items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return None


def their_name(architecture: str, name: str) -> str:
    """What they call a tensor of ours."""
    prefixes = PREFIXES[architecture].items()
    theirs, ours = next(pair for pair in prefixes if name.startswith(pair[1]))
    return theirs + name.removeprefix(ours)
