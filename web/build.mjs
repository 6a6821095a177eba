// Builds the dashboard: one script, one style sheet, one icon, each named by
// the hash of its content, a page that names them, and all of it compressed.
// Usage: node web/build.mjs OUTPUT

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync }
    from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';

const web = dirname(fileURLToPath(import.meta.url));
const output = resolve(process.argv[2]);
const fresh = `${output}.new`;
const old = `${output}.old`;

const read = name => readFileSync(join(web, name), 'utf8');

rmSync(fresh, { recursive: true, force: true });
mkdirSync(fresh, { recursive: true });

await build({
    absWorkingDir: web,
    entryPoints: ['src/main.tsx'],
    outdir: fresh,
    entryNames: 'app-[hash]',
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'warning',
});

const icon = read('src/icon.svg');
const hash = createHash('sha256').update(icon).digest('hex').slice(0, 8)
    .toUpperCase();

writeFileSync(join(fresh, `icon-${hash}.svg`), icon);

const named = suffix => readdirSync(fresh).find(name => name.endsWith(suffix));

writeFileSync(join(fresh, 'index.html'), read('src/index.html')
    .replace('{script}', `/assets/${named('.js')}`)
    .replace('{style}', `/assets/${named('.css')}`)
    .replace('{icon}', `/assets/${named('.svg')}`));

// What the licences of the parts ask for.
writeFileSync(join(fresh, 'licences.txt'), ['preact', 'uplot']
    .map(name => `${name}\n\n${read(`node_modules/${name}/LICENSE`)}`)
    .join('\n\n'));

for (const name of readdirSync(fresh)) {
    writeFileSync(join(fresh, `${name}.gz`),
        gzipSync(readFileSync(join(fresh, name)), { level: 9 }));
}

rmSync(old, { recursive: true, force: true });
try {
    renameSync(output, old);
} catch (error) {
    if (error.code !== 'ENOENT') {
        throw error;
    }
}
renameSync(fresh, output);
rmSync(old, { recursive: true, force: true });
