// Native tests: `npm test`. The component is held to cases.toml by `pmp-filter test`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decide, unmatched } from "../src/policy.js";
import { read, SCHEMA } from "../src/settings.js";

const product = (manufacturer, status = "approved") => ({ id: "prod-1", status, manufacturer });
const verdict = (settings, manufacturer, status) =>
  decide(read(JSON.stringify(settings)), product(manufacturer, status)).verdict;

test("without settings everything is kept, known or not", () => {
  assert.equal(verdict({}, "Example Security"), "keep");
  assert.equal(verdict({}, null), "keep");
});

test("a blocked vendor is rejected, with the reason", () => {
  const settings = read(JSON.stringify({ blocked: [{ vendor: "Example  security ", reason: "no contract" }] }));
  assert.deepEqual(decide(settings, product("EXAMPLE Security")), {
    verdict: "reject",
    reason: "the vendor `EXAMPLE Security` is blocked: no contract",
  });
  assert.equal(decide(settings, product("Example Storage")).verdict, "keep");
});

test("a vendor is met as people read its name", () => {
  for (const [blocked, vendor] of [["Straße GmbH", "STRASSE GmbH"], ["Example Corp", "\ufeffExample\u00a0 Corp"], ["Cafe\u0301", "CAF\u00c9"]]) {
    assert.equal(verdict({ blocked: [blocked] }, vendor), "reject");
    assert.equal(verdict({ blocked: [vendor] }, blocked), "reject");
  }
  assert.equal(verdict({ blocked: ["A"] }, "\u200b"), "exclude", "nothing to read is not known");
});

test("a list of allowed vendors excludes all others, and an empty one everything", () => {
  assert.equal(verdict({ allowed: ["Example Security"] }, "example security"), "keep");
  assert.equal(verdict({ allowed: ["Example Security"] }, "Example Storage"), "exclude");
  assert.equal(verdict({ allowed: [] }, "Example Storage"), "exclude");
});

test("an unknown vendor is excluded, unless the settings keep it", () => {
  assert.equal(verdict({ blocked: ["A"] }, undefined), "exclude");
  assert.equal(verdict({ blocked: ["A"] }, " "), "exclude");
  assert.equal(verdict({ blocked: ["A"], unknown: "keep" }, null), "keep");
});

test("what the hub rejected is left alone", () => {
  assert.equal(verdict({ blocked: ["A"] }, "A", "rejected"), "keep");
});

test("vendors that no product has are told", () => {
  const settings = read(JSON.stringify({ allowed: ["A", "Typo"], blocked: ["B"] }));
  assert.deepEqual(unmatched(settings, [product("a"), product(null)]), ["Typo", "B"]);
});

test("wrong settings are refused with the field", () => {
  const said = (settings) => {
    try {
      read(JSON.stringify(settings));
    } catch (error) {
      return String(error);
    }
    return "accepted";
  };
  for (const [settings, text] of [
    [{ block: [] }, "unknown setting `block`, expected allowed, blocked, unknown"],
    [{ blocked: "A" }, "blocked must be a list of vendors"],
    [{ blocked: ["A", ""] }, "blocked[1] has no vendor's name"],
    [{ blocked: [null] }, 'blocked[0] must be a vendor\'s name, or {"vendor": …, "reason": …}'],
    [{ blocked: [{ vendor: "A", why: "x" }] }, "unknown setting `blocked[0].why`, expected vendor, reason"],
    [{ blocked: [{ vendor: "A", reason: 7 }] }, "blocked[0].reason must be a text, or be left out"],
    [{ blocked: ["A", " a "] }, "blocked[1]: ` a ` is named twice"],
    [{ allowed: ["A"], blocked: ["a"] }, "`a` is both allowed and blocked"],
    [{ unknown: "reject" }, "unknown must be `exclude` or `keep`"],
  ]) {
    assert.equal(said(settings), text);
  }
});

test("the schema names the settings that are read", () => {
  assert.deepEqual(Object.keys(SCHEMA.properties), ["allowed", "blocked", "unknown"]);
});
