// `key`, held to the table that all languages are held to: `node --test`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { key } from "./names.js";

const TABLE = JSON.parse(readFileSync(new URL("table.json", import.meta.url), "utf8"));

test("a thousand hard names have the keys of the table", () => {
  assert.equal(TABLE.length, 1000);
  const differ = TABLE.filter(([name, expected]) => key(name) !== expected);
  assert.deepEqual(differ.map(([name, expected]) => ({ name, expected, found: key(name) })), []);
});

test("a key is its own key", () => {
  for (const [, expected] of TABLE) assert.equal(key(expected), expected);
});
