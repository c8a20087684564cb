// `guard`, in Node.js: `node --test`. In a component it is tried by filters/newcomer/mistakes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { guard } from "./guard.js";

const others = { describe() {}, validate() {} };
const PRODUCTS = [{ id: "prod-1" }, { id: "prod-2" }];

/** What is said of an `evaluate` that answers so. */
function said(evaluate, logs = []) {
  const globals = [globalThis.Date, globalThis.console, Math.random, globalThis.performance];
  try {
    return guard({ ...others, evaluate }, (level, message) => logs.push([level, message])).evaluate({}, PRODUCTS);
  } catch (thrown) {
    return thrown;
  } finally {
    [globalThis.Date, globalThis.console, Math.random, globalThis.performance] = globals;
  }
}

const keep = { verdict: "keep", reason: null };

test("what is right passes", () => {
  assert.deepEqual(said(() => [keep, { verdict: "exclude" }]), [keep, { verdict: "exclude", reason: null }]);
});

test("a text that is thrown is the contract's error", () => {
  assert.equal(said(() => { throw "no list"; }), "no list");
});

test("an exception is named, with its place", () => {
  assert.match(said(() => undefined.labels), /^TypeError: .*labels.* \(.*guard\.test\.js:\d+\)$/);
  assert.equal(said(() => { throw null; }), "the filter threw null");
});

test("wrong answers are said with the product", () => {
  for (const [answer, text] of [
    [async () => [], "`evaluate` answers with a promise: no function of a filter may be `async`"],
    [() => undefined, "`evaluate` answers with undefined, and not with a list of decisions"],
    [() => [keep, { verdict: "drop" }], 'the decision on `prod-2` has the verdict "drop"; it must be "keep", "exclude" or "reject"'],
    [() => ["keep"], 'the decision on `prod-1` is "keep", and not an object such as { verdict: "keep", reason: null }'],
    [() => [{ verdict: "exclude", reason: 7 }], "the decision on `prod-1` has the reason 7; it must be a text, or null"],
  ]) {
    assert.equal(said(answer), text);
  }
});

test("a function that is missing is told while the filter is built", () => {
  assert.throws(() => guard({ describe() {}, evaluat() {} }, () => {}), /^Error: the filter exports no `validate`, no `evaluate`$/);
  assert.throws(() => guard({}, () => {}), /no `describe`, no `validate`, no `evaluate`$/);
  assert.equal(typeof guard({ manages() {} }, () => {}).manages, "function");
});

test("half a character is replaced", () => {
  assert.deepEqual(said(() => [{ verdict: "exclude", reason: "ab🦀".slice(0, 3) }]), [{ verdict: "exclude", reason: "ab\ufffd" }]);
  assert.deepEqual(said(() => [{ verdict: "exclude", reason: "ab🦀" }]), [{ verdict: "exclude", reason: "ab🦀" }]);
});

// The last test: only the first call in a process closes them.
test("the clock and chance are refused, moments that are given are not", async () => {
  const { guard } = await import("./guard.js?again");
  const logs = [];
  const rules = guard(
    {
      ...others,
      evaluate(_, [what]) {
        if (what === "parse") return [{ verdict: "exclude", reason: new Date("2026-11-24T09:30:00Z").toISOString() + (new Date(0) instanceof Date) }];
        if (what === "log") return console.log("one", { two: 2 }), [keep];
        return [() => new Date(), () => Date.now(), () => Date(), () => performance.now(), () => Math.random()][what]();
      },
    },
    (level, message) => logs.push([level, message]),
  );
  const globals = [globalThis.Date, globalThis.console, Math.random, globalThis.performance];
  try {
    assert.deepEqual(rules.evaluate({}, ["parse"]), [{ verdict: "exclude", reason: "2026-11-24T09:30:00.000Ztrue" }]);
    rules.evaluate({}, ["log"]);
    assert.deepEqual(logs, [["debug", 'one {"two":2}']]);
    for (const what of [0, 1, 2, 3]) {
      assert.throws(() => rules.evaluate({}, [what]), (said) => said.startsWith("Error: there is no clock in a filter"));
    }
    assert.throws(() => rules.evaluate({}, [4]), (said) => said.startsWith("Error: there is no randomness in a filter"));
  } finally {
    [globalThis.Date, globalThis.console, Math.random, globalThis.performance] = globals;
    Date.prototype.constructor = Date;
  }
});
