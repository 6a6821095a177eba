// Keyboard shortcuts: single keys, and "g" followed by one.

import { useEffect } from 'preact/hooks';

import { remember, remembered, store } from './store';

export interface Shortcut {
    readonly keys: string;       /* "g r", "?", "/" */
    readonly what: string;
    readonly run: () => void;
}

const active = new Set<readonly Shortcut[]>();

/* Who types with a single key by voice or by accident can switch them off. */
export const enabled = store(remembered('shortcuts', 'on') === 'on');

export function enable(on: boolean): void {
    enabled.set(on);
    remember('shortcuts', on ? 'on' : 'off');
}

export function known(): readonly Shortcut[] {
    return [...active].flat();
}

export function useShortcuts(shortcuts: readonly Shortcut[]): void {
    useEffect(() => {
        active.add(shortcuts);
        return () => {
            active.delete(shortcuts);
        };
    });
}

let first: string | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;

function typing(target: EventTarget | null): boolean {
    return target instanceof HTMLElement
        && target.closest('input, textarea, select, [contenteditable]') !== null;
}

addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || !enabled.get()
        || typing(event.target) || event.key === 'Shift'
        || document.querySelector('dialog[open]') !== null)
    {
        return;
    }

    const keys = first === null ? event.key : `${first} ${event.key}`;
    const found = known().findLast(s => s.keys === keys);

    clearTimeout(timer);
    first = null;

    if (found !== undefined) {
        event.preventDefault();
        found.run();
    } else if (known().some(s => s.keys.startsWith(`${event.key} `))) {
        first = event.key;
        timer = setTimeout(() => { first = null; }, 1500);
    }
});
