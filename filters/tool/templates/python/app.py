"""The contract of filters, wit/filter-1.0.0/filter.wit, and nothing else: what is decided stands in policy.py.

Everything is imported here at the top: componentize-py runs the imports when it builds, and there are no files later. `guard` comes
first; it makes a sentence of what goes wrong, and says which module a filter imports too late.
"""

import json

import guard  # before the filter's own modules
import policy
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import logging
from wit_world.imports.logging import Level
from wit_world.imports.types import Context, Decision, Description, Product, Verdict


@guard.guarded
class Rules(exports.Rules):
    """The exported interface `rules`."""

    def describe(self) -> Description:
        return Description("my-filter", "0.1.0", "Excludes products by label", json.dumps(policy.SCHEMA))

    def validate(self, config: str) -> None:
        _read(config)

    def evaluate(self, context: Context, products: list[Product]) -> list[Decision]:
        rules = _read(context.config)
        logging.log(Level.DEBUG, f"snapshot {context.snapshot_version} for {context.experience_name}")
        return [_decide(rules.why_not(product.labels)) for product in products]


def _decide(reason: str | None) -> Decision:
    return Decision(Verdict.KEEP if reason is None else Verdict.EXCLUDE, reason)


def _read(config: str) -> policy.Policy:
    try:
        return policy.read(config)
    except policy.SettingsError as error:
        # In the settings' own words; of any other exception `guard` tells the name and the line.
        raise Err(str(error)) from error
