import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import releaseSync from '@jitl/quickjs-wasmfile-release-sync';
import {
  newQuickJSWASMModuleFromVariant,
  type QuickJSSyncVariant,
  type QuickJSWASMModule,
} from 'quickjs-emscripten-core';

declare global {
  /** The types of Node leave it out. */
  namespace WebAssembly {
    class Module {}
    class Instance {
      constructor(module: Module, imports: object);
    }
    function compile(bytes: Uint8Array): Promise<Module>;
    class Memory {
      readonly buffer: ArrayBuffer;
      constructor(descriptor: { initial: number; maximum: number });
      grow(pages: number): number;
    }
  }
}

type Imported = Awaited<ReturnType<QuickJSSyncVariant['importModuleLoader']>>;
type Loader = Extract<Imported, (...args: never) => unknown>;
type Module = Awaited<ReturnType<Loader>>;

/** Its types describe its CommonJS form, where the default is one level deeper. */
const variant = releaseSync as unknown as QuickJSSyncVariant;

const PAGE_BYTES = 65_536;
/** With which the module begins; there is no sandbox with less. */
const INITIAL_PAGES = 256;

/** So many sizes, each smaller than the one before, emscripten tries where memory is to grow. */
const GROWTH_TRIES = 3;

/** Compiled once a thread, because that takes longer than to begin a sandbox with it. */
let compiled: Promise<WebAssembly.Module> | undefined;

function compiledQuickJs(): Promise<WebAssembly.Module> {
  const file = createRequire(import.meta.url).resolve('@jitl/quickjs-wasmfile-release-sync/wasm');
  compiled ??= readFile(file).then(WebAssembly.compile);
  return compiled;
}

/**
 * A module of its own for each projection: a runtime that ran out of memory makes the others of its module hang.
 *
 * The bound is that of the memory itself. QuickJS has a limit of its own, but in WebAssembly it does not know how large
 * what it allocates is, and counts next to nothing: under a limit of 16 MiB a loop got 2 GiB.
 */
export async function loadQuickJs(
  memoryBytesMax: number,
): Promise<{ readonly quickJs: QuickJSWASMModule; readonly memory: WebAssembly.Memory }> {
  const maximum = Math.max(INITIAL_PAGES, Math.floor(memoryBytesMax / PAGE_BYTES));
  const wasmMemory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum });
  const wasm = await compiledQuickJs();
  const instantiateWasm = (imports: object, received: (instance: WebAssembly.Instance) => void) =>
    received(new WebAssembly.Instance(wasm, imports));
  const quickJs = await newQuickJSWASMModuleFromVariant({
    ...variant,
    importModuleLoader: async () => {
      const imported = await variant.importModuleLoader();
      const load = ('default' in imported ? imported.default : imported) as Loader;
      return async (options) => passTextsNatively(await load({ ...options, wasmMemory, instantiateWasm }), wasmMemory);
    },
  });
  return { quickJs, memory: wasmMemory };
}

/** Tells each time that there was not as much memory as was wanted, whatever QuickJS and the source make of that. */
export function watchRefusals(memory: WebAssembly.Memory, refused: () => void): void {
  const grow = memory.grow.bind(memory);
  let failed = 0;
  memory.grow = (pages) => {
    try {
      const before = grow(pages);
      failed = 0;
      return before;
    } catch (error) {
      failed = (failed + 1) % GROWTH_TRIES;
      if (failed === 0) refused();
      throw error;
    }
  };
}

/** Emscripten copies texts character by character in JavaScript, which took as long as handling simple events did. */
function passTextsNatively(module: Module, memory: WebAssembly.Memory): Module {
  let heap = Buffer.from(memory.buffer);
  const current = () => {
    // The buffer is another one after the memory has grown.
    if (heap.buffer !== memory.buffer) heap = Buffer.from(memory.buffer);
    return heap;
  };
  return Object.assign(module, {
    lengthBytesUTF8: (text: string) => Buffer.byteLength(text),
    stringToUTF8(text: string, at: number, bytesMax: number) {
      const end = at + current().write(text, at, bytesMax - 1);
      heap[end] = 0;
    },
    UTF8ToString: (at: number) => current().toString('utf8', at, heap.indexOf(0, at)),
  });
}
