"""The one place where the environment of this process is read."""

from __future__ import annotations

import os

from dotenv import dotenv_values

from ben_assets.bigearthnet.errors import InvalidInput
from resources.settings import REPOSITORY, Settings


def settings_of_process() -> Settings:
    """The settings that the environment holds now.

    For what is built once in a process: resources, partition list and executor of the
    code location, and the settings of a ``ben`` command.
    """
    return Settings(dict(os.environ))


def load_env_file() -> list[str]:
    """Take the settings of the root's ``.env``, which win, as Dagster does.

    It is read once: it may be a pipe of a program that keeps secrets.

    Returns:
        One line where they replace other values of the environment, for people.

    Raises:
        InvalidInput: it cannot be read, or is not text in UTF-8; it is not repeated.
    """
    path = REPOSITORY / ".env"
    try:
        found = {n: v for n, v in dotenv_values(path).items() if v is not None}
        replaced = [n for n, v in found.items() if os.environ.get(n, v) != v]
        os.environ.update(found)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"{path}: expected readable lines NAME=value in UTF-8, without zero bytes "
            f"({type(error).__name__}); save it as UTF-8 or remove it"
        ) from None
    if not replaced:
        return []
    return [f"{path} wins over the environment for {', '.join(replaced)}"]
