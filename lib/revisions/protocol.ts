/**
 * What the process that evaluates a revision and the one that starts it agree on.
 */

/** The word by which the bin is asked for it; no command for people. */
export const EVALUATE = 'evaluate-site'
/** The file descriptor of the answer: what recipes print goes nowhere. */
export const ANSWER_FD = 3
/** Longest text of a mistake. */
export const MOST_WORDS = 10_000
