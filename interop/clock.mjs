// The clock that the reference reads: it checks certificates against `new Date()`, whatever instant it is asked for.

import { parseInstant } from './instant.mjs';

const SystemDate = Date;

/** From now on this process believes that it is `at`, so that bundles of the past can be verified. */
export function setClock(at) {
  const instant = parseInstant(at).getTime();
  globalThis.Date = class extends SystemDate {
    constructor(...args) {
      super(...(args.length === 0 ? [instant] : args));
    }

    static now() {
      return instant;
    }
  };
}
