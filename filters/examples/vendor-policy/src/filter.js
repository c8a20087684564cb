// The contract of filters, `pmp-sync:filter@1.0.0`, and nothing else: what is decided stands in policy.js.
// An exported function that throws a text returns it as the contract's error; `guard` makes such a text of everything else that
// goes wrong.

import logging from "pmp-sync:filter/logging@1.0.0";
import { guard } from "./guard.js";
import { decide, unmatched } from "./policy.js";
import { read, SCHEMA } from "./settings.js";

export const rules = guard({
  describe() {
    return {
      name: "vendor-policy",
      version: "1.1.0",
      description: "Keeps, excludes and rejects products by their vendor",
      settingsSchema: JSON.stringify(SCHEMA),
    };
  },

  validate(config) {
    read(config);
  },

  evaluate(context, products) {
    const settings = read(context.config);
    for (const vendor of unmatched(settings, products)) {
      logging.log("warn", `no product in snapshot ${context.snapshotVersion} is from \`${vendor}\``);
    }
    return products.map((product) => decide(settings, product));
  },
}, logging.log);
