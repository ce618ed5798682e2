"""The figures, drawn without a display whatever backend the environment names."""

import os

# before the first import of matplotlib, which stops at a backend that it does not know
os.environ["MPLBACKEND"] = "agg"
