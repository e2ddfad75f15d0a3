import { expect } from 'vitest';

interface Page {
  readonly ids: readonly string[];
  readonly next_token: string;
}

/** The ids of all pages of a list, in order; no token is longer than CSI allows. */
export async function idsOfPages(
  page: (token: string) => Promise<Page>,
  onPage: (page: Page) => void = () => {},
): Promise<string[]> {
  const seen: string[] = [];
  let token = '';
  do {
    const next = await page(token);
    seen.push(...next.ids);
    token = next.next_token;
    expect(Buffer.byteLength(token)).toBeLessThanOrEqual(128);
    onPage(next);
  } while (token !== '');
  return seen;
}
