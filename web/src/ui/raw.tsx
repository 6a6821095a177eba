// JSON as it was received, indented if it is JSON; text in any case.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { count, visible } from '../lib/format';
import { Copy } from './basics';

const most = 20_000;

/* Indents without reading numbers, so that none loses a digit. */
function indent(text: string): string {
    let depth = 0, quoted = false, out = '';

    for (let i = 0; i < text.length; i++) {
        const c = text.charAt(i);

        if (quoted) {
            out += c;
            if (c === '\\') {
                out += text.charAt(++i);
            } else if (c === '"') {
                quoted = false;
            }
        } else if (c === '"') {
            quoted = true;
            out += c;
        } else if (c === '{' || c === '[') {
            depth++;
            out += `${c}\n${'  '.repeat(depth)}`;
        } else if (c === '}' || c === ']') {
            depth--;
            out += `\n${'  '.repeat(Math.max(0, depth))}${c}`;
        } else if (c === ',') {
            out += `,\n${'  '.repeat(Math.max(0, depth))}`;
        } else if (c === ':') {
            out += ': ';
        } else if (!/\s/.test(c)) {
            out += c;
        }
    }
    return out;
}

function pretty(text: string): string {
    try {
        JSON.parse(text);
        return indent(text);
    } catch {
        return text;
    }
}

export function Raw({ text }: { text: string }): JSX.Element {
    const [all, setAll] = useState(false);
    const shown = pretty(text);
    const cut = !all && shown.length > most;

    return (
        <div class="raw">
            <pre tabIndex={0} aria-label="Raw text"><bdi>{visible(
                cut ? shown.slice(0, most) : shown)}</bdi></pre>
            <p>
                <Copy text={text} what="raw text" />
                {cut && <button type="button" class="copy"
                    onClick={() => setAll(true)}>show all {count(shown.length)}
                    {' '}characters</button>}
            </p>
        </div>
    );
}
