// What a rule would match.

import type { JSX } from 'preact';

import { Empty } from '../ui/basics';
import type { Draft } from './rule';

export function Trial(_: { id: number | null; draft: Draft; ready: boolean }):
    JSX.Element {
    return <Empty title="This server cannot test rules">
        Save the rule and send an event.</Empty>;
}
