"""Annotate the cells of an AnnData file with trained models (docs/annotate.md)."""

from __future__ import annotations

from hce.annotation.command import annotate_command

if __name__ == "__main__":
    annotate_command()
