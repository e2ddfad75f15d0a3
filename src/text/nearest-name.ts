/**
 * The candidate closest to a mistyped name, or undefined if none is close: at most one letter in three may be wrong, so
 * a name of one or two letters gets no suggestion. Case is ignored.
 */
export function nearestName(given: string, candidates: readonly string[]): string | undefined {
  // A longer word is not a mistyped flag, and comparing it would waste time.
  if (given.length > 64) return undefined;
  let nearest: string | undefined;
  let minDistance = Math.min(3, Math.floor(given.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(given.toLowerCase(), candidate.toLowerCase());
    if (distance < minDistance) {
      nearest = candidate;
      minDistance = distance;
    }
  }
  return nearest;
}

/** The number of letters to insert, remove or replace to turn one text into the other (Levenshtein distance). */
function editDistance(from: string, to: string): number {
  // Each row holds the distances from a prefix of `from` to every prefix of `to`.
  let row = Array.from({ length: to.length + 1 }, (_, length) => length);
  for (const [index, letter] of [...from].entries()) {
    let last = index + 1;
    const next = [last];
    for (let column = 1; column <= to.length; column += 1) {
      const above = row[column] ?? 0;
      const diagonal = row[column - 1] ?? 0;
      last = Math.min(above + 1, last + 1, diagonal + (to[column - 1] === letter ? 0 : 1));
      next.push(last);
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
