/**
 * How a part of a request may be written, in Latin-1: `valid` by the grammar of RFC 9110 and 9112 and taken by the codec, or
 * `hostile`: not valid, or valid and read differently by some servers.
 */
export interface Forms {
  readonly valid: readonly string[];
  readonly hostile: readonly string[];
}
