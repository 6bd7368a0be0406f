"""The one place where the environment of this process is read."""

from __future__ import annotations

import os

from dotenv import dotenv_values, load_dotenv

from resources.settings import REPOSITORY, Settings


def settings_of_process() -> Settings:
    """The settings that the environment holds now.

    For what is built once in a process: resources, partition list and executor of the
    code location, and the settings of a ``ben`` command.
    """
    return Settings(dict(os.environ))


def load_env_file() -> list[str]:
    """Take the settings of the root's ``.env``, which win, as Dagster does.

    Returns:
        One line where they replace other values of the environment, for people.
    """
    path = REPOSITORY / ".env"
    replaced = [
        name
        for name, value in dotenv_values(path).items()
        if value is not None and os.environ.get(name, value) != value
    ]
    load_dotenv(path, override=True)
    if not replaced:
        return []
    return [f"{path} wins over the environment for {', '.join(replaced)}"]
