"""A server for `ai.classify_text` and `ai.embed`, named by variables of the environment, for the command line.

| variable | |
| --- | --- |
| ``PERDURE_AI_ENDPOINT`` | where it is: ``http://127.0.0.1:11434/v1`` |
| ``PERDURE_AI_MODEL`` | the model that answers |
| ``PERDURE_AI_EMBEDDING_MODEL`` | the model that makes vectors; without it the local one does |
| ``PERDURE_AI_KEY_FILE`` | a file with the API key, if it wants one |
| ``PERDURE_AI_RESPONSE_FORMAT`` | ``json_schema`` unless it says ``json_object`` or ``none`` |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.runtime import AiEndpoint, AiSettings, InvalidLimits
from perdure.runtime.ai.settings import ResponseFormat

ENDPOINT: Final = "PERDURE_AI_ENDPOINT"
MODEL: Final = "PERDURE_AI_MODEL"
EMBEDDING_MODEL: Final = "PERDURE_AI_EMBEDDING_MODEL"
KEY_FILE: Final = "PERDURE_AI_KEY_FILE"
RESPONSE_FORMAT: Final = "PERDURE_AI_RESPONSE_FORMAT"

_VARIABLES: Final = {"base_url": ENDPOINT, "model": MODEL, "embedding_model": EMBEDDING_MODEL, "api_key": KEY_FILE}
_LONGEST_KEY: Final = 16 * 1024  # bytes


def ai_settings(environment: Mapping[str, str] = os.environ) -> AiSettings:
    """What the variables say; the local model alone if they name no endpoint.

    Raises:
        CommandError: they make no sense. The text does not repeat the key.
    """
    base_url = environment.get(ENDPOINT)
    if not base_url:
        return AiSettings()
    if not environment.get(MODEL):
        raise CommandError(f"{ENDPOINT} is set, so {MODEL} has to name the model that answers", ExitCode.USAGE)
    said = environment.get(RESPONSE_FORMAT) or "json_schema"
    formats: tuple[ResponseFormat, ...] = get_args(ResponseFormat)
    response_format = next((one for one in formats if one == said), None)
    if response_format is None:
        raise CommandError(f"{RESPONSE_FORMAT} must be one of {', '.join(formats)}", ExitCode.USAGE)
    key_file = environment.get(KEY_FILE)
    try:
        endpoint = AiEndpoint(
            base_url=base_url,
            model=environment[MODEL],
            embedding_model=environment.get(EMBEDDING_MODEL) or None,
            api_key=_key_in(key_file) if key_file else None,
            response_format=response_format,
        )
    except InvalidLimits as error:
        raise CommandError(
            f"{_VARIABLES.get(error.field, ENDPOINT)} must be {error.expected}", ExitCode.USAGE
        ) from None
    return AiSettings(endpoint=endpoint)


def _key_in(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            data = file.read(_LONGEST_KEY)
    except OSError as error:
        raise CommandError(f"{KEY_FILE}: {name} cannot be read: {error.strerror or error}", ExitCode.USAGE) from None
    try:
        return data.decode("ascii").strip()
    except UnicodeDecodeError:
        raise CommandError(f"{KEY_FILE}: {name} holds no API key: that is ASCII", ExitCode.USAGE) from None
