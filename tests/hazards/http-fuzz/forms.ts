/**
 * Forms of a part of a request, in Latin-1. `valid`: by the grammar of RFC 9110 and 9112, and accepted by the codec. `hostile`:
 * invalid, or valid but parsed differently by some servers.
 */
export interface Forms {
  readonly valid: readonly string[];
  readonly hostile: readonly string[];
}
