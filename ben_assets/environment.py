"""The one place where the environment of this process is read."""

from __future__ import annotations

import os

from resources.settings import Settings


def settings_of_process() -> Settings:
    """The settings that the environment holds now.

    For what is built once in a process: resources, partition list and executor of the
    code location, and the settings of a ``ben`` command.
    """
    return Settings(dict(os.environ))
