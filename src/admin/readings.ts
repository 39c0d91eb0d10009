import { Counter, Gauge, type Registry } from 'prom-client';

/** A figure with the value of its label. */
export type Labelled = readonly [label: string, value: number];

/**
 * Metrics that are read when somebody asks, so that what they tell of costs nothing until then. A reading of undefined
 * is left out: there is nothing to tell.
 */
export class Readings {
  readonly registry: Registry;

  constructor(registry: Registry) {
    this.registry = registry;
  }

  gauge(name: string, help: string, read: () => number | undefined): void {
    const { registry } = this;
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const value = read();
        if (value === undefined) this.remove();
        else this.set(value);
      },
    });
  }

  gauges(name: string, help: string, label: string, read: () => Iterable<Labelled>): void {
    const { registry } = this;
    new Gauge({
      name,
      help,
      registers: [registry],
      labelNames: [label],
      collect() {
        this.reset();
        for (const [key, value] of read()) this.set({ [label]: key }, value);
      },
    });
  }

  counter(name: string, help: string, read: () => number): void {
    const { registry } = this;
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  /** `labels` of the values come in the order of their names. */
  counters(name: string, help: string, labels: readonly string[], read: () => Iterable<[string[], number]>): void {
    const { registry } = this;
    new Counter({
      name,
      help,
      registers: [registry],
      labelNames: [...labels],
      collect() {
        this.reset();
        for (const [values, count] of read()) this.labels(...values).inc(count);
      },
    });
  }
}
