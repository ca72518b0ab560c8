/** By short names: there is arithmetic everywhere here, and every bundle is counted in bytes. */
export const { abs, ceil, exp, floor, max, min, round } = Math;

/** Whether a number is none: a position that is not known, a score that is not a number. */
export const { isNaN: missing } = Number;
