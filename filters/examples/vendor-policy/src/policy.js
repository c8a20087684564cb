// Decides by vendor. Nothing here knows of WebAssembly: `node --test` runs it as it is.

import { key } from "./names.js";

/**
 * One product's decision.
 * @param {ReturnType<typeof import("./settings.js").read>} settings
 * @param {{status: "approved" | "rejected", manufacturer?: string | null}} product
 * @returns {{verdict: "keep" | "exclude" | "reject", reason: string | null}}
 */
export function decide(settings, product) {
  // Whatever is said of it, it stays rejected.
  if (product.status === "rejected") return KEEP;
  if (settings.allowed === null && settings.blocked.size === 0) return KEEP;
  // A spoke does not always know the vendor. What cannot be judged is not let through, unless the settings say so.
  if (product.manufacturer == null || key(product.manufacturer) === "") {
    return settings.keepUnknown ? KEEP : { verdict: "exclude", reason: "the vendor is not known here" };
  }
  const vendor = product.manufacturer;
  const blocked = settings.blocked.get(key(vendor));
  if (blocked) return { verdict: "reject", reason: `the vendor \`${vendor}\` is blocked${because(blocked)}` };
  if (settings.allowed !== null && !settings.allowed.has(key(vendor))) {
    return { verdict: "exclude", reason: `the vendor \`${vendor}\` is not among those allowed` };
  }
  return KEEP;
}

/** The vendors in the settings that no product has: probably misspelt. */
export function unmatched(settings, products) {
  const seen = new Set(products.map((product) => key(product.manufacturer ?? "")));
  const named = [...(settings.allowed ?? []), ...settings.blocked];
  return named.filter(([key]) => !seen.has(key)).map(([, entry]) => entry.vendor);
}

const KEEP = Object.freeze({ verdict: "keep", reason: null });

function because({ reason }) {
  return reason === null ? "" : `: ${reason}`;
}
