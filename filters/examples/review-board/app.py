"""The contract of filters, `pmp-sync:filter@1.0.0`, and nothing else: what is decided stands in board.py.

Everything is imported here at the top: componentize-py runs the imports when it builds, and there are no files later. `guard` comes
first; it makes a sentence of what goes wrong, and says which module a filter imports too late.
"""

import json

import guard  # before the filter's own modules
import board
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import logging
from wit_world.imports.logging import Level
from wit_world.imports.types import Context, Decision, Description, Product, Status, Verdict


@guard.guarded
class Rules(exports.Rules):
    """The exported interface `rules`."""

    def describe(self) -> Description:
        text = "Keeps what a review board listed, until the day on which the listing ends"
        return Description("review-board", "1.0.0", text, json.dumps(board.SCHEMA))

    def validate(self, config: str) -> None:
        _read(config)

    def evaluate(self, context: Context, products: list[Product]) -> list[Decision]:
        listed, today = _read(context.config), board.day(context.evaluated_at)
        for id, until in listed.ending(today):
            logging.log(Level.WARN, f"the listing of `{id}` ends on {until}")
        return [_decide(listed, product, today) for product in products]


def _decide(listed: board.Board, product: Product, today: board.date) -> Decision:
    # Whatever is said of it, it stays rejected.
    reason = None if product.status == Status.REJECTED else listed.why_not(product.id, today)
    return Decision(Verdict.KEEP if reason is None else Verdict.EXCLUDE, reason)


def _read(config: str) -> board.Board:
    try:
        return board.read(config)
    except board.SettingsError as error:
        # In the settings' own words; of any other exception `guard` tells the name and the line.
        raise Err(str(error)) from error
