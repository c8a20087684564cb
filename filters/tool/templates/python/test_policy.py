"""Native tests: `python3 -m unittest`. The component is held to cases.toml by `pmp-filter test`."""

import unittest

import policy


class APolicy(unittest.TestCase):
    def test_excludes_by_label(self):
        rules = policy.read('{"exclude_labels":["GenAI"]}')
        self.assertEqual(rules.why_not(["eu", "genai"]), "the label `genai` is in exclude_labels")
        self.assertIsNone(rules.why_not(["eu"]))

    def test_refuses_a_misspelt_setting(self):
        with self.assertRaisesRegex(policy.SettingsError, "unknown field `exclude_label`"):
            policy.read('{"exclude_label":[]}')


if __name__ == "__main__":
    unittest.main()
