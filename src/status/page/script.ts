/**
 * The script of the page: sorts a table by a column whose title is pressed, hides rows that do not match the search, and fetches the
 * page again every few seconds. Without it the page is complete, and can be reloaded by hand.
 */
export const script = `
(() => {
  const sorted = {};
  const cell = (row, index) => row.cells[index]?.dataset.value ?? row.cells[index]?.textContent.trim() ?? '';
  const compare = (a, b) => a !== '' && b !== '' && !isNaN(a) && !isNaN(b) ? a - b : a.localeCompare(b);
  const sort = (table) => {
    const by = sorted[table.id];
    if (!by) return;
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((a, b) => compare(cell(a, by.index), cell(b, by.index)) * by.direction);
    body.append(...rows);
    for (const head of table.tHead.rows[0].cells) head.removeAttribute('aria-sort');
    table.tHead.rows[0].cells[by.index].setAttribute('aria-sort', by.direction > 0 ? 'ascending' : 'descending');
  };
  const search = () => {
    const input = document.getElementById('search');
    const rows = document.querySelectorAll('#volumes tbody tr');
    if (!input) return;
    const words = input.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) shown++;
    }
    document.getElementById('shown').textContent = words.length ? shown + ' of ' + rows.length + ' shown' : '';
  };
  document.addEventListener('click', (event) => {
    const head = event.target.closest('th');
    if (!event.target.closest('th button')) return;
    const table = head.closest('table');
    const before = sorted[table.id];
    const again = before && before.index === head.cellIndex;
    sorted[table.id] = { index: head.cellIndex, direction: again ? -before.direction : 1 };
    sort(table);
  });
  document.addEventListener('input', (event) => { if (event.target.id === 'search') search(); });
  const refresh = async () => {
    try {
      const response = await fetch(location.href);
      if (!response.ok) throw new Error(response.status);
      const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
      for (const part of document.querySelectorAll('[data-part]')) {
        const next = fresh.querySelector('[data-part="' + part.dataset.part + '"]');
        if (next && !part.contains(document.activeElement)) part.innerHTML = next.innerHTML;
      }
      document.querySelectorAll('table').forEach(sort);
      search();
      document.getElementById('stale').hidden = true;
    } catch {
      document.getElementById('stale').hidden = false;
    }
  };
  setInterval(refresh, 10000);
})();
`;
