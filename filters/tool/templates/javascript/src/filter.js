// The contract of filters, wit/filter-1.0.0/filter.wit, and nothing else: what is decided stands in policy.js.
// An exported function that throws a text returns it as the contract's error; `guard` makes such a text of everything else that
// goes wrong.

import logging from "pmp-sync:filter/logging@1.0.0";
import { guard } from "./guard.js";
import { decide, read, SCHEMA } from "./policy.js";

export const rules = guard({
  describe() {
    return {
      name: "my-filter",
      version: "0.1.0",
      description: "Excludes products by label",
      settingsSchema: JSON.stringify(SCHEMA),
    };
  },

  validate(config) {
    read(config);
  },

  evaluate(context, products) {
    const settings = read(context.config);
    logging.log("debug", `snapshot ${context.snapshotVersion} for ${context.experienceName}`);
    return products.map((product) => decide(settings, product));
  },
}, logging.log);
