import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FLOORS } from '../scenarios/floors.ts';
import { plotsOf } from '../scenarios/plots.ts';
import { judge } from './floors.ts';
import { figuresTable, floorsTable, groupsOf, head, markdown, type Report } from './report.ts';

const BENCH = new URL('../', import.meta.url);
const BEGIN = '<!-- results: written by `npm run bench -- publish` -->';
const END = '<!-- end of the results -->';

/** Puts the results of one or more runs into bench/README.md, and their plots into bench/plots. */
export function publish(files: readonly string[]): void {
  if (files.length === 0) throw new Error('publish: name the JSON files that runs have written');
  const reports = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Report);
  const path = fileURLToPath(new URL('README.md', BENCH));
  const readme = readFileSync(path, 'utf8');
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${path} must have the lines "${BEGIN}" and "${END}"`);
  const plots = drawn(reports);
  const section = sectionOf(reports, plots);
  writeFileSync(path, `${readme.slice(0, begin)}${BEGIN}\n\n${section}\n\n${readme.slice(end)}`);
  console.log(`written to ${path}, with ${plots.length} plots`);
}

function drawn(reports: readonly Report[]): { file: string; title: string }[] {
  const directory = fileURLToPath(new URL('plots/', BENCH));
  mkdirSync(directory, { recursive: true });
  for (const name of readdirSync(directory)) if (name.endsWith('.svg')) rmSync(`${directory}${name}`);
  const plots = plotsOf(reports.flatMap(({ figures }) => figures));
  for (const { file, svg } of plots) writeFileSync(`${directory}${file}.svg`, svg);
  return plots;
}

/** Floors are judged within one run: ratios of figures of different hours would say little. */
function sectionOf(reports: readonly Report[], plots: readonly { file: string; title: string }[]): string {
  const floors = reports.flatMap(({ figures }) => judge(FLOORS, figures));
  return [
    ...(floors.length > 0 ? ['### Floors', markdown(floorsTable(floors))] : []),
    ...(plots.length > 0 ? ['### Plots', ...plots.map(({ file, title }) => `![${title}](plots/${file}.svg)`)] : []),
    '### Figures',
    ...reports.flatMap((report) => [
      head(report).join('  \n'),
      ...groupsOf(report).map((figures) => markdown(figuresTable(figures))),
    ]),
  ].join('\n\n');
}
