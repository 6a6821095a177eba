// An event as a row, in the list of those of the past and of those that pass.

import type { JSX } from 'preact';

import { handlings, line, severity, words } from '../lib/format';
import { local, parse } from '../lib/time';
import { Badge, Opens, type Tone } from '../ui/basics';

export const decisions = [...handlings, 'Unhandled'] as const;

export function decisionTone(decision: string): Tone {
    return decision.startsWith('Page') ? 'bad' : decision === 'Ticket_only'
        ? 'warn' : decision === 'Unhandled' ? 'info' : 'dim';
}

export function Decision({ of }: { of: string }): JSX.Element {
    return <Badge tone={decisionTone(of)}>{words(line(of, 40))}</Badge>;
}

export function EventHead({ time }: { time: string }): JSX.Element {
    return (
        <div role="row" class="event head">
            <span role="columnheader">{time}</span>
            <span role="columnheader">Host</span>
            <span role="columnheader">Severity</span>
            <span role="columnheader">Decision</span>
            <span role="columnheader">Message</span></div>
    );
}

export function EventCells({ id, at, hostname, level, decision, message }: {
    id: string; at: string; hostname: string; level: unknown; decision: string;
    message: string }): JSX.Element {
    const moment = parse(at);

    return (
        <>
            <span role="cell" class="at">{moment === null ? '-' : local(moment)}
            </span>
            <span role="cell" class="host">{line(hostname, 80)}</span>
            <span role="cell" class={`severity s${String(level)}`}>
                {severity(level)}</span>
            <span role="cell" class="decision"><Decision of={decision} /></span>
            <span role="cell" class="message"><Opens params={{ event: id }}>
                {line(message, 300)}</Opens></span>
        </>
    );
}
