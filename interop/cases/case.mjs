// A case: its name, its purpose, its result by docs/protocol.md, and the parts that differ.

/**
 * `options` are those of `Setting.tokenBundle`, or a function that returns them. `reference` is the
 * verdict of the reference if it differs from this implementation's.
 */
export function valid(name, reason, options = {}, reference = undefined) {
  return { name, reason, expect: 'valid', reference, options };
}

export function invalid(name, reason, options, reference = undefined) {
  return { name, reason, expect: 'invalid', reference, options };
}

export function malformed(name, reason, options, reference = undefined) {
  return { name, reason, expect: 'malformed', reference, options };
}
