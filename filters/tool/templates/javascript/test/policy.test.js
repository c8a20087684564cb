// Native tests: `npm test`. The component is held to cases.toml by `pmp-filter test`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decide, read } from "../src/policy.js";

test("a product goes by its label", () => {
  const settings = read('{"exclude_labels":["GenAI"]}');
  assert.equal(decide(settings, { labels: ["genai"] }).verdict, "exclude");
  assert.equal(decide(settings, { labels: ["eu"] }).verdict, "keep");
});

test("a misspelt setting is refused", () => {
  assert.throws(() => read('{"exclude_label":[]}'), (error) => error.includes("unknown field `exclude_label`"));
});
