// What a change did: old and new side by side, member by member.

import type { JSX } from 'preact';

import { visible } from '../lib/format';

type Values = Readonly<Record<string, unknown>> | null;

export function show(value: unknown): string {
    return value === undefined || value === null ? '\u2013'
        : typeof value === 'string' ? visible(value)
        : visible(JSON.stringify(value));
}

/* Members that differ; those that always do say nothing. */
export function differing(before: Values, after: Values): string[] {
    const names = new Set([...Object.keys(before ?? {}),
        ...Object.keys(after ?? {})]);

    return [...names].filter(name => name !== 'updated_at'
        && JSON.stringify(before?.[name]) !== JSON.stringify(after?.[name]));
}

export function Diff({ before, after }: { before: Values; after: Values }):
    JSX.Element {
    const names = differing(before, after);

    return names.length === 0 ? <p class="dim">No value differs.</p> : (
        <div class="scroll plain"><table class="diff">
            <thead><tr><th>Member</th><th>Before</th><th>After</th></tr></thead>
            <tbody>{names.map(name => (
                <tr key={name}>
                    <th scope="row">{name}</th>
                    <td class={before === null ? '' : 'removed'}>
                        <code>{show(before?.[name])}</code></td>
                    <td class={after === null ? '' : 'added'}>
                        <code>{show(after?.[name])}</code></td>
                </tr>
            ))}</tbody>
        </table></div>
    );
}
