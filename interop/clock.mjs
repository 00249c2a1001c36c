// The clock of the reference, which checks certificates at `new Date()`, whatever the instant of the verification.

import { parseInstant } from './instant.mjs';

const SystemDate = Date;

/** Sets the clock of this process to `at`, so that it can verify bundles of the past. */
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
