import type { ChunkLimits, WritingPace } from './block-writer.ts';
import type { IndexMemory } from './index-memory.ts';

/** With a rest behind each chunk they are small: code that runs so seldom is not compiled yet, and takes its time. */
const GENTLE: ChunkLimits = { rows: 64, bytes: 8 << 10 };
/** Where so much of the next block comes in between two chunks, or it is full so far, a block is written without rest. */
const FILLED_FAST = 1 / 50;
const FILLED_FAR = 1 / 2;

export interface BlockPaceOptions {
  readonly blockEvents: number;
  readonly chunk: ChunkLimits;
  readonly pause?: () => Promise<void>;
  readonly space?: (closed: () => boolean) => Promise<void> | undefined;
}

/**
 * How fast a full block is written. All nodes fill their blocks with the same event, and would write them at the same time,
 * while appends wait: so it is done bit by bit as long as the next block fills slowly.
 */
export class BlockPace implements WritingPace {
  readonly stopped: () => boolean;
  private readonly memory: IndexMemory;
  private readonly options: BlockPaceOptions;
  private filled: number;
  private hurried: boolean;

  constructor(memory: IndexMemory, options: BlockPaceOptions, stopped: () => boolean) {
    this.memory = memory;
    this.options = options;
    this.stopped = stopped;
    this.filled = memory.open.filled;
    this.hurried = options.pause === undefined || memory.blocks.length > 2;
  }

  limits(): ChunkLimits {
    return this.hurried ? this.options.chunk : GENTLE;
  }

  rest(): Promise<void> | undefined {
    const { blockEvents, pause, space } = this.options;
    const { filled } = this.memory.open;
    this.hurried ||= filled - this.filled > blockEvents * FILLED_FAST || filled > blockEvents * FILLED_FAR;
    this.filled = filled;
    if (this.stopped()) return undefined;
    return space?.(this.stopped) ?? (this.hurried ? undefined : pause?.());
  }
}
