"""``python -m ben_assets.cli``: the command ``ben``."""

from ben_assets.cli import main

main()
