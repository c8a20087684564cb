// Excludes products by label. Nothing here knows of WebAssembly: `npm test` runs it as it is.
// Change `decide` to what your organization wants.

import { key } from "./names.js";

/** The JSON Schema of the settings, for people and their tools. `read` is what decides. */
export const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  additionalProperties: false,
  properties: {
    exclude_labels: {
      description: "Labels: a product that carries one of them is not approved here; letter case, white space and encoding do not matter",
      type: "array",
      items: { type: "string", minLength: 1 },
      default: [],
    },
  },
};

/** Reads the settings, one JSON object as text. A thrown text refuses them: name the field and what is expected. */
export function read(config) {
  const { exclude_labels = [], ...rest } = JSON.parse(config);
  // A misspelt setting is refused: ignored, it would let products through.
  for (const field of Object.keys(rest)) throw `unknown field \`${field}\`, expected \`exclude_labels\``;
  if (!Array.isArray(exclude_labels) || exclude_labels.some((label) => typeof label !== "string")) {
    throw "exclude_labels must be a list of texts";
  }
  return { excludeLabels: exclude_labels.map(key) };
}

/** Decides on one product: `keep`, `exclude` or `reject`, with a reason for the people who ask. */
export function decide(settings, product) {
  const label = product.labels.find((label) => settings.excludeLabels.includes(key(label)));
  if (label === undefined) return { verdict: "keep", reason: null };
  return { verdict: "exclude", reason: `the label \`${label}\` is in exclude_labels` };
}
