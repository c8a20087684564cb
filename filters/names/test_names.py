"""`key`, held to the table that all languages are held to: `python3 -m unittest`."""

import json
import unittest
from pathlib import Path

from names import key

TABLE = json.loads((Path(__file__).parent / "table.json").read_text())


class Names(unittest.TestCase):
    def test_a_thousand_hard_names_have_the_keys_of_the_table(self):
        self.assertEqual(len(TABLE), 1000)
        differ = [(name, expected, key(name)) for name, expected in TABLE if key(name) != expected]
        self.assertEqual(differ, [])

    def test_a_key_is_its_own_key(self):
        for _, expected in TABLE:
            self.assertEqual(key(expected), expected)


if __name__ == "__main__":
    unittest.main()
