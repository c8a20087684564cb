"""Native tests: `python3 -m unittest`. The component is held to cases.toml by `pmp-filter test`."""

import json
import unittest
from datetime import date

import board

TODAY = date(2026, 11, 24)


def read(**settings):
    return board.read(json.dumps(settings))


class ABoard(unittest.TestCase):
    def test_keeps_what_it_listed_and_nothing_else(self):
        listed = read(listed=[{"id": "prod-1"}])
        self.assertIsNone(listed.why_not("prod-1", TODAY))
        self.assertEqual(listed.why_not("prod-2", TODAY), "not listed by the review board")

    def test_keeps_a_product_through_its_last_day(self):
        listed = read(listed=[{"id": "prod-1", "until": "2026-11-24", "note": "RB-7"}])
        self.assertIsNone(listed.why_not("prod-1", board.day("2026-11-24T23:59:59Z")))
        self.assertEqual(
            listed.why_not("prod-1", board.day("2026-11-25T00:00:00Z")),
            "the review board's listing ended on 2026-11-24 (RB-7)",
        )

    def test_tells_what_ends_soon(self):
        days = {"a": "2026-12-24", "b": "2026-11-24", "c": "2026-11-23", "d": "2026-12-25"}
        listed = read(listed=[{"id": id, "until": until} for id, until in days.items()] + [{"id": "e"}])
        self.assertEqual(listed.ending(TODAY), [("b", date(2026, 11, 24)), ("a", date(2026, 12, 24))])

    def test_refuses_wrong_settings_with_the_field(self):
        for settings, said in [
            ({}, "listed must be a list of entries, each with the id of a product"),
            ({"listed": [], "list": []}, "unknown setting `list`, expected listed, warn_days"),
            ({"listed": ["prod-1"]}, "listed[0] must be an object with the id of a product"),
            ({"listed": [{"id": " "}]}, "listed[0] has no id of a product"),
            ({"listed": [{"id": "a", "till": ""}]}, "unknown setting `listed[0].till`, expected id, until, note"),
            ({"listed": [{"id": "a", "until": "20261124"}]}, "listed[0].until must be a day such as 2027-06-30"),
            ({"listed": [{"id": "a", "until": "2026-11-31"}]}, "listed[0].until must be a day such as 2027-06-30"),
            ({"listed": [{"id": "a", "note": 7}]}, "listed[0].note must be a text, or be left out"),
            ({"listed": [{"id": "a"}, {"id": "a "}]}, "listed[1]: `a` is listed twice"),
            ({"listed": [], "warn_days": True}, "warn_days must be a whole number from 0 to 3650"),
        ]:
            with self.subTest(settings=settings), self.assertRaises(board.SettingsError) as refused:
                read(**settings)
            self.assertEqual(str(refused.exception), said)

    def test_tells_of_the_settings_that_it_reads(self):
        self.assertEqual(list(board.SCHEMA["properties"]), ["listed", "warn_days"])


if __name__ == "__main__":
    unittest.main()
