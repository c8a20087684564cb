// Reads the settings into what the policy goes by. Every mistake is refused with the field and what is expected: a
// misspelt setting that is silently ignored would let products through.

import { key } from "./names.js";

/** The JSON Schema of the settings, for people and their tools. `read` is what decides. */
export const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  additionalProperties: false,
  properties: {
    allowed: {
      description: "If given, products of other vendors are excluded. A vendor's name, or the name with a reason",
      type: "array",
      items: { $ref: "#/$defs/vendor" },
    },
    blocked: {
      description: "Products of these vendors are rejected. A vendor's name, or the name with a reason",
      type: "array",
      items: { $ref: "#/$defs/vendor" },
      default: [],
    },
    unknown: {
      description: "What becomes of a product whose vendor is not known here: exclude or keep",
      type: "string",
      enum: ["exclude", "keep"],
      default: "exclude",
    },
  },
  $defs: {
    vendor: {
      anyOf: [
        { type: "string", minLength: 1 },
        {
          type: "object",
          additionalProperties: false,
          required: ["vendor"],
          properties: { vendor: { type: "string", minLength: 1 }, reason: { type: "string", minLength: 1 } },
        },
      ],
    },
  },
};

const SETTINGS = Object.keys(SCHEMA.properties);

/**
 * The settings as the policy wants them; throws a text that an operator can act on.
 * @param {string} text one JSON object
 * @returns {{allowed: Map<string, Entry> | null, blocked: Map<string, Entry>, keepUnknown: boolean}}
 * @typedef {{vendor: string, reason: string | null}} Entry
 */
export function read(text) {
  const settings = JSON.parse(text);
  onlyKnown(settings, SETTINGS, "");
  const allowed = "allowed" in settings ? vendors(settings.allowed, "allowed") : null;
  const blocked = vendors(settings.blocked ?? [], "blocked");
  for (const [key, { vendor }] of blocked) {
    if (allowed?.has(key)) throw `\`${vendor}\` is both allowed and blocked`;
  }
  const unknown = settings.unknown ?? "exclude";
  if (unknown !== "exclude" && unknown !== "keep") throw "unknown must be `exclude` or `keep`";
  return { allowed, blocked, keepUnknown: unknown === "keep" };
}

function vendors(list, field) {
  if (!Array.isArray(list)) throw `${field} must be a list of vendors`;
  const entries = new Map();
  list.forEach((item, index) => {
    const place = `${field}[${index}]`;
    const entry = typeof item === "string" ? { vendor: item } : item;
    if (entry === null || typeof entry !== "object" || Array.isArray(entry)) {
      throw `${place} must be a vendor's name, or {"vendor": …, "reason": …}`;
    }
    onlyKnown(entry, ["vendor", "reason"], `${place}.`);
    const { vendor, reason = null } = entry;
    if (!filled(vendor)) throw `${place} has no vendor's name`;
    if (reason !== null && !filled(reason)) throw `${place}.reason must be a text, or be left out`;
    if (entries.has(key(vendor))) throw `${place}: \`${vendor}\` is named twice`;
    entries.set(key(vendor), { vendor, reason });
  });
  return entries;
}

function onlyKnown(object, known, place) {
  for (const field of Object.keys(object)) {
    if (!known.includes(field)) throw `unknown setting \`${place}${field}\`, expected ${known.join(", ")}`;
  }
}

function filled(text) {
  return typeof text === "string" && key(text) !== "";
}
