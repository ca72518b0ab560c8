/** By short names: there is arithmetic everywhere here, and every bundle is counted in bytes. */
export const { abs, floor, max, min, round, sqrt } = Math;

/** Whether a number is none: a missing weight, a place outside of the input. */
export const { isNaN: missing } = Number;
