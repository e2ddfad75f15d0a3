/** The maximum bytes in a string of a request or reply unless stated otherwise (CSI specification, Size Limits). */
export const STRING_LIMIT_BYTES = 128;
