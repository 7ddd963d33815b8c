// Reads pictures as those who draw them do: node check.js FILE... with Mermaid in *.mmd, and DOT in *.dot, which is drawn as well.
// Prints what is wrong with a file, and exits with 1 if anything is.
import { webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';

// Node 18 does not have it as a global yet, and Graphviz wants it.
globalThis.crypto ??= webcrypto;
// Mermaid cleans labels with DOMPurify, which wants a browser.
const { JSDOM } = await import('jsdom');
globalThis.window = new JSDOM('').window;
globalThis.document = globalThis.window.document;
const { default: mermaid } = await import('mermaid');
const { Graphviz } = await import('@hpcc-js/wasm-graphviz');
const graphviz = await Graphviz.load();

// strict is how GitHub shows Mermaid; more edges than this it refuses.
mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', maxEdges: 500 });

const check = {
  '.mmd': async (text) => {
    const { diagramType } = await mermaid.parse(text);
    if (diagramType !== 'flowchart-v2') throw new Error(`read as a ${diagramType}, want a flowchart`);
    // The parser takes up to any length; whoever draws it takes this much (maxTextSize).
    if (text.length > 50000) throw new Error(`${text.length} characters, and Mermaid draws 50000 at most`);
  },
  '.dot': async (text) => {
    const svg = graphviz.dot(text);
    const { document } = new JSDOM(svg, { contentType: 'image/svg+xml' }).window;
    if (document.documentElement.tagName !== 'svg') throw new Error('did not become an SVG');
  },
};

let failed = false;
for (const file of process.argv.slice(2)) {
  try {
    await check[extname(file)](await readFile(file, 'utf8'));
  } catch (error) {
    failed = true;
    console.log(`${file}: ${error.message ?? error}`);
  }
}
process.exit(failed ? 1 : 0);
