import type { Panel, Row } from './panel.ts';

const COLUMNS = 24;

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** The panels of the dashboard with numbers and places: rows below each other, panels from left to right. */
export function placePanels(rows: readonly Row[]): object[] {
  const placed: object[] = [];
  let id = 0;
  let top = 0;
  for (const { title, isFolded = false, panels } of rows) {
    const row = {
      id: ++id,
      type: 'row',
      title,
      collapsed: isFolded,
      gridPos: { x: 0, y: top++, w: COLUMNS, h: 1 },
    };
    const { places, bottom } = placesOf(panels, top);
    const inside = panels.map(({ model }, index) => ({ id: ++id, ...model, gridPos: places[index] }));
    // Grafana has the panels of a folded row inside it.
    placed.push({ ...row, panels: isFolded ? inside : [] }, ...(isFolded ? [] : inside));
    if (!isFolded) top = bottom;
  }
  return placed;
}

function placesOf(panels: readonly Panel[], top: number): { places: Place[]; bottom: number } {
  const places: Place[] = [];
  let x = 0;
  let y = top;
  let bottom = top;
  for (const { width, height } of panels) {
    if (x + width > COLUMNS) {
      x = 0;
      y = bottom;
    }
    places.push({ x, y, w: width, h: height });
    x += width;
    bottom = Math.max(bottom, y + height);
  }
  return { places, bottom };
}
