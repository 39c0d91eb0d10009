import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { formatAddress } from '../../src/config/values.ts';
import { scrape } from '../support/metrics.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

const deploy = (path: string) => readFileSync(fileURLToPath(new URL(`../../deploy/${path}`, import.meta.url)), 'utf8');

/** Of Prometheus itself: whether it could scrape. */
const OF_PROMETHEUS = new Set(['up']);
/** Labels that Prometheus adds when it scrapes. */
const OF_SCRAPES = new Set(['job', 'instance']);
const WORDS = new Set(['by', 'or', 'sum', 'max', 'rate', 'increase', 'histogram_quantile', 'label_values', 'le']);

/** The metrics of an expression, and the labels by which it chooses among each. */
function selectorsOf(expression: string): { metric: string; labels: string[] }[] {
  const withoutGrouping = expression.replace(/\bby \([^)]*\)/g, '').replace(/\[[^\]]*\]/g, '');
  const selectors = withoutGrouping.matchAll(/([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})?(?!\w*\()/g);
  return [...selectors]
    .filter(([, name]) => !WORDS.has(name as string))
    .map(([, metric, braces = '']) => ({
      metric: metric as string,
      labels: [...braces.matchAll(/(\w+)\s*(?:=~|!=|!~|=)\s*"[^"]*"/g)].map(([, label]) => label as string),
    }));
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const dashboard = JSON.parse(deploy('grafana/factstore.json')) as {
  readonly panels: readonly Panel[];
};
const alerts = (
  parse(deploy('prometheus/alerts.yaml')) as {
    groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[];
  }
).groups.flatMap(({ rules }) => rules);

it('has every counter of an alert from the start: the first thing that it counts could not be seen to rise', async () => {
  const nodes = await TestNodes.start(1);
  onTestFinished(() => nodes.dispose());
  const told = [...(await scrape(formatAddress(nodes.node(0).address))).keys()];
  const counters = alerts.flatMap(({ expr }) => [...expr.matchAll(/(\w+_total)(?:\{([^}]*)\})?/g)]);
  expect(counters.length).toBeGreaterThan(5);
  for (const [selector, metric = '', labels = ''] of counters) {
    const series = told.filter((name) => name.startsWith(metric) && labels.split(',').every((l) => name.includes(l)));
    expect(series, selector).not.toEqual([]);
  }
  for (const method of ['Events/Append', 'Streams/', 'Projections/', 'Cluster/', 'Admin/']) {
    const calls = told.filter((name) => name.includes(`method="/factstore.v1.${method}`));
    expect(calls.join(), method).toContain('code="INTERNAL"');
  }
});

describe('what watches a cluster', () => {
  let nodes: TestNodes;
  /** Each metric that a node of a cluster tells, with its labels. */
  const known = new Map<string, Set<string>>();

  beforeAll(async () => {
    nodes = await TestNodes.start(3);
    const db = await nodes.client();
    await db.append('a', [{ type: 'T', data: 1 }]);
    await expect(db.append('$a', [{ type: 'T', data: 1 }])).rejects.toThrow();
    await db.head();
    await db.projections.create('totals', 'fromAll().when({ T: (state = 0) => state + 1 })');
    for (const n of [0, 1, 2]) {
      const figures = await until('the projection runs', async () => {
        const now = await scrape(formatAddress(nodes.node(n).address));
        return now.has('factstore_projection_lag_positions{projection="totals"}') && now;
      });
      for (const name of figures.keys()) {
        const [, metric = '', braces = ''] = /^([\w:]+)(?:\{(.*)\})?$/.exec(name) ?? [];
        const labels = known.get(metric) ?? new Set<string>();
        for (const [, label] of braces.matchAll(/(\w+)="/g)) labels.add(label as string);
        known.set(metric, labels);
      }
    }
  });
  afterAll(() => nodes.dispose());

  const unknownOf = (expression: string) =>
    selectorsOf(expression).flatMap(({ metric, labels }) => {
      if (OF_PROMETHEUS.has(metric)) return [];
      const has = known.get(metric);
      if (!has) return [metric];
      return labels.filter((label) => !has.has(label) && !OF_SCRAPES.has(label)).map((label) => `${metric}{${label}}`);
    });

  it('tells clusters of several namespaces apart, of which the Prometheus operator makes one job', () => {
    const noLeader = alerts.find(({ alert }) => alert === 'FactstoreNoLeader');
    expect(noLeader?.expr).toMatch(/^sum by \(job, namespace\) /);
    expect(noLeader?.annotations.summary).toContain('$labels.namespace');
  });

  it('uses only metrics and labels that exist: the dashboard', () => {
    const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(expressions.length).toBeGreaterThan(25);
    expect(expressions.flatMap(unknownOf)).toEqual([]);
  });

  it('uses only metrics and labels that exist: the alerts', () => {
    expect(alerts.length).toBeGreaterThan(10);
    for (const { alert, expr } of alerts) {
      expect(selectorsOf(expr), alert).not.toEqual([]);
      expect(unknownOf(expr), alert).toEqual([]);
    }
  });

  it('would be noticed with a metric, or a label, that does not exist', () => {
    expect(unknownOf('rate(factstore_log_sync_second_bucket[5m])')).toEqual(['factstore_log_sync_second_bucket']);
    expect(unknownOf('sum by (job) (factstore_raft_role{rol="leader"}) < 1')).toEqual(['factstore_raft_role{rol}']);
  });

  it('names only parts of the guide that are there', () => {
    const guide = deploy('OPERATING.md').toLowerCase();
    for (const { alert, annotations } of alerts) {
      const part = annotations.runbook?.replace('deploy/OPERATING.md: ', '');
      if (part !== undefined) expect(guide, alert).toContain(`\n## ${part}\n`);
    }
  });

  it('shows every metric of the program somewhere, or wakes somebody by it', () => {
    const used = new Set(
      [...dashboard.panels.flatMap(({ targets = [] }) => targets), ...alerts].flatMap(({ expr }) =>
        selectorsOf(expr).map(({ metric }) => metric.replace(/_(?:bucket|sum|count)$/, '')),
      ),
    );
    const own = [...known.keys()]
      .filter((name) => name.startsWith('factstore_'))
      .map((name) => name.replace(/_(?:bucket|sum|count)$/, ''));
    // For whoever looks closer.
    const detail = [
      'factstore_build_info',
      'factstore_feature_level',
      'factstore_raft_applied_index',
      'factstore_raft_commit_index',
      'factstore_raft_follower_match_index',
      'factstore_raft_has_leader',
      'factstore_scrub_bytes_total',
      'factstore_scrub_damages_total',
      'factstore_scrub_log_percent',
      'factstore_scrub_passes_total',
      'factstore_waiting_grants',
    ];
    expect([...new Set(own)].filter((name) => !used.has(name)).sort()).toEqual(detail);
  });
});
