/** The little of SVG that charts are drawn with; each function gives an element as text. */

/** The title is for those who cannot see it. */
export function document(title: string, width: number, height: number, elements: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...elements,
    '</svg>',
    '',
  ].join('\n');
}

export function text(left: number, top: number, content: string, attributes = ''): string {
  return `<text x="${left.toFixed(1)}" y="${top.toFixed(1)}" ${attributes}>${escaped(content)}</text>`;
}

export function line(points: readonly (readonly [number, number])[], stroke: string): string {
  const path = points.map(([left, top]) => `${left.toFixed(1)},${top.toFixed(1)}`).join(' ');
  return `<polyline points="${path}" fill="none" stroke="${stroke}" stroke-width="1.5"/>`;
}

/** A straight line. */
export function rule(from: readonly [number, number], to: readonly [number, number], stroke: string): string {
  const [x1, y1, x2, y2] = [...from, ...to].map((at) => at.toFixed(1));
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${stroke}"/>`;
}

export function rect(left: number, top: number, width: number, height: number, fill: string, opacity = 1): string {
  const box = `x="${left.toFixed(1)}" y="${top.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}"`;
  return `<rect ${box} fill="${fill}" fill-opacity="${opacity}"/>`;
}

export function escaped(content: string): string {
  return content.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`);
}
