/** The figures that a node tells, by name and labels as they are written. */
export async function scrape(address: string): Promise<Map<string, number>> {
  const response = await fetch(`http://${address}/metrics`);
  if (response.status !== 200) throw new Error(`/metrics of ${address} answers ${response.status}`);
  const figures = new Map<string, number>();
  for (const line of (await response.text()).split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)$/.exec(line);
    if (!match) throw new Error(`/metrics of ${address} has a line that is no figure: ${line}`);
    figures.set(match[1] as string, Number(match[2]));
  }
  return figures;
}
