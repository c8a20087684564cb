// What would break off a filter without a word ends in a sentence, with the line where the engine knows it: an exception, a
// misspelt verdict, a function that is `async`, the clock. In a component nothing else can catch these: the engine traps.

/**
 * The exports of an interface, each of which says what goes wrong in it. Wrap every one: `export const rules = guard({…}, log)`.
 * @template {Record<string, Function>} T
 * @param {T} functions `describe`, `validate` and `evaluate`, or `manages`
 * @param {(level: "debug" | "info" | "warn" | "error", message: string) => void} log of "pmp-sync:filter/logging@1.0.0"
 * @returns {T}
 */
export function guard(functions, log) {
  const expected = "manages" in functions ? ["manages"] : ["describe", "validate", "evaluate"];
  const missing = expected.filter((name) => typeof functions[name] !== "function");
  // While it is built: the compiler passes this on.
  if (missing.length > 0) throw new Error(`the filter exports no \`${missing.join("`, no `")}\``);
  const guarded = {};
  for (const [name, call] of Object.entries(functions)) {
    guarded[name] = (...given) => {
      try {
        closeWhatFiltersHaveNot(log);
        return checked(name, call(...given), given);
      } catch (thrown) {
        const said = sentence(thrown);
        // It has no error to return: the host shows the last line that was logged as one.
        if (name === "describe") log("error", said);
        throw said;
      }
    };
  }
  return guarded;
}

const VERDICTS = ["keep", "exclude", "reject"];
const NO_CLOCK = "there is no clock in a filter: the moment is `context.evaluatedAt`";
const NO_CHANCE = "there is no randomness in a filter: the same input always gives the same answer";

/** A text as it is, since that is the contract's error; of an exception its name, what it says, and where. */
function sentence(thrown) {
  if (typeof thrown === "string") return whole(thrown);
  if (!(thrown instanceof Error)) return `the filter threw ${show(thrown)}`;
  // The first place that is none of these functions.
  const places = [...String(thrown.stack).matchAll(/([^\s()]+):(\d+):\d+\)?$/gm)];
  const place = places.find(([, file]) => !file.includes("guard.js"));
  return whole(`${thrown.name}: ${thrown.message}${place ? ` (${place[1].replace(/^\//, "")}:${place[2]})` : ""}`);
}

function checked(name, answer, given) {
  if (typeof answer?.then === "function") {
    throw `\`${name}\` answers with a promise: no function of a filter may be \`async\``;
  }
  if (name !== "evaluate") return answer;
  const products = given[1];
  if (!Array.isArray(answer)) throw `\`evaluate\` answers with ${show(answer)}, and not with a list of decisions`;
  return answer.map((decision, index) => {
    const which = `the decision on \`${products[index]?.id ?? `product ${index}`}\``;
    if (decision === null || typeof decision !== "object") {
      throw `${which} is ${show(decision)}, and not an object such as { verdict: "keep", reason: null }`;
    }
    const { verdict, reason = null } = decision;
    if (!VERDICTS.includes(verdict)) throw `${which} has the verdict ${show(verdict)}; it must be "keep", "exclude" or "reject"`;
    if (reason !== null && typeof reason !== "string") throw `${which} has the reason ${show(reason)}; it must be a text, or null`;
    return { verdict, reason: reason === null ? null : whole(reason) };
  });
}

/** Half of a character, as `slice` leaves it in the middle of an emoji, is no text for the host. */
function whole(text) {
  return text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
}

function show(value) {
  if (typeof value === "string") return JSON.stringify(value);
  return value !== null && typeof value === "object" ? "an object" : typeof value === "function" ? "a function" : String(value);
}

let closed = false;

/** Asked for the time, the engine traps; `Math.random` gives the same numbers in every run. Both throw instead. */
function closeWhatFiltersHaveNot(log) {
  if (closed) return;
  closed = true;
  const refuse = (text) => () => {
    throw new Error(text);
  };
  const Given = Date;
  const Closed = function (...given) {
    if (given.length === 0 || new.target === undefined) throw new Error(NO_CLOCK);
    return Reflect.construct(Given, given, new.target === Closed ? Given : new.target);
  };
  Closed.prototype = Given.prototype;
  Closed.prototype.constructor = Closed;
  Object.assign(Closed, { parse: Given.parse, UTC: Given.UTC, now: refuse(NO_CLOCK) });
  globalThis.Date = Closed;
  Object.defineProperty(globalThis, "performance", { value: { now: refuse(NO_CLOCK) }, configurable: true, writable: true });
  Math.random = refuse(NO_CHANCE);
  // The engine brings none. What is written to it is for the author, as in the log.
  const write = (level) => (...values) => log(level, whole(values.map((value) => (typeof value === "string" ? value : json(value))).join(" ")));
  globalThis.console = { log: write("debug"), debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

function json(value) {
  return JSON.stringify(value) ?? String(value);
}
