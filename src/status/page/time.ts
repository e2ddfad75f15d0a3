import { type Html, html } from './html.ts';

/** A time to the minute, in UTC. */
export function timeElement(time: string): Html {
  return html`<time datetime="${time}">${time.slice(0, 16).replace('T', ' ')}</time>`;
}
