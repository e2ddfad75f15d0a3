import { expect, test } from 'vitest';
import { html } from '../../../../src/status/page/html.ts';

test('values are escaped, in content and in attributes', () => {
  const hostile = `<script>alert("1" + '2')</script> & more`;
  const escaped = '&lt;script&gt;alert(&quot;1&quot; + &#39;2&#39;)&lt;/script&gt; &amp; more';
  expect(html`<p title="${hostile}">${hostile}</p>`.text).toBe(`<p title="${escaped}">${escaped}</p>`);
});

test('parts and lists of parts are put in as they are, and undefined leaves nothing', () => {
  const items = ['a', '<b>'].map((text) => html`<li>${text}</li>`);
  expect(html`<ul>${items}</ul>${undefined}${3}`.text).toBe('<ul><li>a</li><li>&lt;b&gt;</li></ul>3');
});
