/** The most bytes that a string of a request or reply may have where nothing else is said (CSI specification, Size Limits). */
export const STRING_LIMIT_BYTES = 128;
