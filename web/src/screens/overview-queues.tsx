// The queues: how much waits, for how long, whether it grows, and why.

import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';

import type { Status } from '../api/types';
import { brief, count } from '../lib/format';
import type { Polled } from '../lib/poll';
import { href } from '../lib/router';
import { ago, parse, span, useNow } from '../lib/time';
import { Loading, Panel, Stale, Trouble } from '../ui/basics';

type Name = Status['queues'][number]['name'];

const queueNames: readonly (readonly [Name, string, string | null])[] = [
    ['ingest', 'Ingest queue', null], ['alert', 'Alert queue', null],
    ['alerter', 'Dead events', 'alerter'], ['moog', 'Dead alerts', 'moog'],
    ['dead', 'Dead for good', 'dead'],
];

const kept = 15_000;            /* ms of depths that a trend is taken from */
const least = 5_000;            /* less of it is none */

/* How much each queue grows a second, of late; less than nothing: shrinks. */
function useTrends(status: Status | null, at: number | null):
    ReadonlyMap<Name, number> {
    const seen = useRef<{ at: number; status: Status }[]>([]);

    if (status !== null && at !== null && seen.current.at(-1)?.at !== at) {
        seen.current = [...seen.current.filter(s => at - s.at < kept),
            { at, status }];
    }
    const first = seen.current[0], last = seen.current.at(-1);
    const trends = new Map<Name, number>();

    if (first !== undefined && last !== undefined && last.at - first.at >= least) {
        for (const { name, depth } of last.status.queues) {
            const before = first.status.queues.find(q => q.name === name);

            trends.set(name, (depth - (before?.depth ?? depth)) * 1000
                / (last.at - first.at));
        }
    }
    return trends;
}

/* Why events or alerts wait, as far as it can be told from here. */
function reason(name: Name, status: Status, trend: number): JSX.Element | null {
    const depth = status.queues.find(q => q.name === name)?.depth ?? 0;
    const alive = (kind: string): number =>
        status.workers.filter(w => w.kind === kind && w.alive).length;

    if (depth === 0 || (name !== 'ingest' && name !== 'alert')) {
        return null;
    }
    if (name === 'ingest') {
        return alive('alerter') === 0
            ? <>No alerter is alive: nothing is taken out.</>
            : trend > 1 ? <>More comes than {count(alive('alerter'))} alerters
                take: start another, or see which rule is slow in{' '}
                <a href={href('live')}>Live</a>.</> : null;
    }
    return status.breaker.state !== 'CLOSED'
        ? <>The webhook fails, so that its breaker is open: alerts wait until it
            takes one again.</>
        : alive('moog') === 0 ? <>No forwarder is alive: nothing is taken out.</>
        : trend > 1 || (depth > 100 && trend > -0.5) ? <>More alerts
            are made than may be sent:{' '}
            <a href={href('config', { key: 'moog_rate_limit' })}>
                moog_rate_limit</a>, or <a href={href('rules')}>rules</a> that
            page too much.</> : null;
}

function Trend({ of, depth }: { of: number; depth: number }): JSX.Element | null {
    return depth === 0 || Math.abs(of) < 0.5 ? null : of > 0
        ? <>, grows by {brief(of)}/s</>
        : <>, shrinks by {brief(-of)}/s, empty in {span(depth / -of)}</>;
}

/* How long the oldest of a queue has waited, by the clock of who looks. */
function Age({ since }: { since: string | null }): JSX.Element | null {
    const now = useNow(1000);
    const at = parse(since);

    return at === null ? null
        : <>oldest {span(Math.max(0, now - at.getTime()) / 1000)}</>;
}

function Bar({ name, depth, most, link, note, why }: { name: string;
    depth: number; most: number; link: string | null; note: JSX.Element | null;
    why: JSX.Element | null }): JSX.Element {
    return (
        <li>
            <span>{link === null ? name
                : <a href={href('dead-letters', { queue: link })}>{name}</a>}
                {' '}<span class="dim">{note}</span></span><b>{count(depth)}</b>
            <meter min={0} max={most} value={depth} aria-label={name}>{depth}</meter>
            {why !== null && <p class="why">{why}</p>}
        </li>
    );
}

export function Queues({ status }: { status: Polled<Status> }): JSX.Element {
    const data = status.data;
    const trends = useTrends(data, status.at);

    if (data === null) {
        return <Panel title="Queues">{status.error === null
            ? <Loading what="queues" />
            : <Trouble error={status.error} retry={status.refresh} />}</Panel>;
    }
    const most = Math.max(1, ...data.queues.map(q => q.depth), data.retry.depth);
    const next = data.retry.next_at;

    return (
        <Panel title="Queues"
            aside={<Stale at={status.at} error={status.error} />}>
            <ul class="bars">
                {queueNames.map(([id, name, link]) => {
                    const queue = data.queues.find(q => q.name === id);
                    const depth = queue?.depth ?? 0, trend = trends.get(id) ?? 0;

                    return <Bar key={id} name={name} depth={depth} most={most}
                        link={link} why={reason(id, data, trend)} note={<>
                            <Age since={queue?.oldest ?? null} />
                            <Trend of={trend} depth={depth} /></>} />;
                })}
                <Bar name="Waiting to be retried" depth={data.retry.depth}
                    most={most} link={null} why={null} note={next === null ? null
                        : <>next {ago(new Date(next))}</>} />
            </ul>
        </Panel>
    );
}
