// What became of an event, step by step.

import type { JSX } from 'preact';

export function Explanation(_: { id: string }): JSX.Element | null {
    return null;
}
