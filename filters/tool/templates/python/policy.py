"""Excludes products by label. Nothing here knows of WebAssembly: `python3 -m unittest` runs it as it is.

Change `Policy.why_not` to what your organization wants.
"""

import json
from dataclasses import dataclass
from typing import Optional

import names

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "exclude_labels": {
            "description": "Labels: a product that carries one of them is not approved here; letter case, white space and encoding do not matter",
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "default": [],
        },
    },
}


class SettingsError(Exception):
    """The settings are wrong; the text names the field and what is expected."""


@dataclass(frozen=True)
class Policy:
    """The settings, read."""

    exclude_labels: frozenset[str]

    def why_not(self, labels: list[str]) -> Optional[str]:
        """Why a product with these labels is excluded; none where it is kept."""
        for label in labels:
            if names.key(label) in self.exclude_labels:
                return f"the label `{label}` is in exclude_labels"
        return None


def read(config: str) -> Policy:
    """Reads the settings, one JSON object as text."""
    settings = json.loads(config)
    for field in settings:
        # A misspelt setting is refused: ignored, it would let products through.
        if field not in SCHEMA["properties"]:
            raise SettingsError(f"unknown field `{field}`, expected `exclude_labels`")
    labels = settings.get("exclude_labels", [])
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise SettingsError("exclude_labels must be a list of texts")
    return Policy(frozenset(map(names.key, labels)))
