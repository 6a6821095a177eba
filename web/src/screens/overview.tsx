// Is it healthy, at a glance from across the room.

import type { JSX } from 'preact';
import { useMemo, useRef } from 'preact/hooks';

import { get } from '../api/client';
import type { Changes, Ledger, Rates, Slo, SloState, Status } from '../api/types';
import { brief, count, line, percent, plural, ratio, words } from '../lib/format';
import { usePoll, type Polled } from '../lib/poll';
import { href } from '../lib/router';
import { ago, parse, span } from '../lib/time';
import { Badge, Empty, Loading, Page, Panel, Stale, Trouble, When, type Tone }
    from '../ui/basics';
import { Chart } from '../ui/chart';
import { tableName } from './audit';
import { Queues } from './overview-queues';

export const sloTone: Record<SloState, Tone> = {
    ok: 'good', warn: 'warn', critical: 'bad', unknown: 'dim',
};

function Tile(props: { title: string; value: string; unit?: string;
    note?: JSX.Element | string | null; tone?: Tone; link?: string }): JSX.Element {
    const body = <>
        <h3>{props.title}</h3>
        <p class="value">{props.value}
            {props.unit !== undefined && <small> {props.unit}</small>}</p>
        <p class="note">{props.note ?? ''}</p>
    </>;

    return props.link === undefined
        ? <div class={`tile ${props.tone ?? ''}`}>{body}</div>
        : <a class={`tile ${props.tone ?? ''}`} href={props.link}>{body}</a>;
}

/* Events a second between the last two readings of a count that only grows. */
function useSpeed(ledger: Ledger | null, at: number | null): number | null {
    const seen = useRef<{ accepted: number; at: number;
        speed: number | null } | undefined>(undefined);

    if (ledger !== null && at !== null && seen.current?.at !== at) {
        const before = seen.current;
        const seconds = before === undefined ? 0 : (at - before.at) / 1000;
        const more = before === undefined ? 0 : ledger.accepted - before.accepted;

        seen.current = { accepted: ledger.accepted, at,
            speed: seconds > 0 && more >= 0 ? more / seconds : null };
    }
    return seen.current?.speed ?? null;
}

/* The last 24 full hours, in seconds. */
function hours(n: number): number[] {
    const last = Math.floor(Date.now() / 3_600_000);

    return Array.from({ length: n }, (_, i) => (last - n + 1 + i) * 3600);
}

function Rate({ rates }: { rates: Polled<Rates> }): JSX.Element {
    const chart = rates.data?.chart_24h;
    const times = useMemo(() => hours(chart?.data.length ?? 0), [chart]);

    return (
        <Panel title="Ingest over 24 hours, events a minute" class="wide"
            aside={<Stale at={rates.at} error={rates.error} limit={60} />}>
            {chart === undefined
                ? rates.error === null ? <Loading what="rates" />
                    : <Trouble error={rates.error} retry={rates.refresh} />
                : <Chart label="Events a minute" unit="events a minute"
                    times={times} values={chart.data} height={190} />}
            {rates.data !== null && <dl class="row">
                <div><dt>last minute</dt>
                    <dd>{brief(rates.data.summary.current_rate_1m)}/min</dd></div>
                <div><dt>15 minutes</dt>
                    <dd>{brief(rates.data.summary.avg_rate_15m)}/min</dd></div>
                <div><dt>hour</dt>
                    <dd>{brief(rates.data.summary.avg_rate_1h)}/min</dd></div>
            </dl>}
        </Panel>
    );
}

const breakerTone = { CLOSED: 'good', HALF_OPEN: 'warn', OPEN: 'bad' } as const;

function Workers({ status }: { status: Polled<Status> }): JSX.Element {
    const data = status.data;

    return (
        <Panel title="Forwarder and workers"
            aside={<Stale at={status.at} error={status.error} />}>
            {data === null ? status.error === null ? <Loading what="workers" />
                : <Trouble error={status.error} retry={status.refresh} /> : <>
                <p class="breaker">Webhook breaker{' '}
                    <Badge tone={breakerTone[data.breaker.state]}>
                        {words(data.breaker.state.toLowerCase())}</Badge>{' '}
                    <span class="dim">{data.breaker.failures > 0
                        && plural(data.breaker.failures, 'failure') + ' in a row'}
                    {data.breaker.opened_at !== null
                        && `, opened ${ago(new Date(data.breaker.opened_at))}`}
                    </span></p>
                {data.workers.length === 0
                    ? <Empty title="No worker takes events">
                        Start mutt-alerter and mutt-forwarder; what is accepted
                        waits until then.</Empty>
                    : <table class="small"><thead><tr><th>Worker</th><th>State</th>
                        <th class="n">In hand</th></tr></thead>
                    <tbody>{data.workers.map(w => (
                        <tr key={`${w.kind}:${w.pod}`}>
                            <td>{w.kind === 'moog' ? 'forwarder' : line(w.kind, 30)}
                                {' '}<span class="dim">{line(w.pod, 60)}</span></td>
                            <td><Badge tone={w.alive ? 'good' : 'bad'}>
                                {w.alive ? 'alive' : 'silent'}</Badge></td>
                            <td class="n">{count(w.held)}</td>
                        </tr>))}</tbody></table>}
            </>}
        </Panel>
    );
}

function Objectives({ slo }: { slo: Polled<Slo> }): JSX.Element {
    const data = slo.data;

    return (
        <Panel title="Objectives" aside={data?.stale === true
            ? <Badge tone="warn">stale</Badge>
            : <Stale at={slo.at} error={slo.error} limit={60} />}>
            {data === null ? slo.error === null ? <Loading what="objectives" />
                : <Trouble error={slo.error} retry={slo.refresh} />
                : <table class="small">
                    <thead><tr><th>Objective</th><th>State</th>
                        <th class="n">Budget left</th>
                        <th class="n">Burn</th></tr></thead>
                    <tbody>{data.slos.map(s => (
                        <tr key={s.slo_name}>
                            <td><a href={href('slo')}>{words(s.slo_name)}</a></td>
                            <td><Badge tone={sloTone[s.state]}>{s.state}</Badge></td>
                            <td class="n">{percent(s.error_budget_remaining, 1)}</td>
                            <td class="n">{ratio(s.burn_rate)}</td>
                        </tr>
                    ))}</tbody>
                </table>}
        </Panel>
    );
}

function Recent({ changes }: { changes: Polled<Changes> }): JSX.Element {
    const logs = changes.data?.logs;

    return (
        <Panel title="Recent changes" class="wide"
            aside={<a href={href('audit')}>All</a>}>
            {logs === undefined
                ? changes.error === null ? <Loading what="changes" />
                    : <Trouble error={changes.error} retry={changes.refresh} />
                : logs.length === 0
                ? <Empty title="Nothing was changed yet">
                    Changes of rules, hosts, teams, settings and keys are listed
                    here, with who made them and why.</Empty>
                : <ul class="feed">{logs.map(c => (
                    <li key={c.id}>
                        <a href={href('audit', { id: c.id, at: c.changed_at })}>
                            {c.operation.toLowerCase()} {tableName(c.table_name)}
                            {' '}<b>{c.record_key}</b></a>
                        <span class="dim">{c.changed_by}, <When at={c.changed_at} />
                            {c.reason !== null && <>: {c.reason}</>}</span>
                    </li>
                ))}</ul>}
        </Panel>
    );
}

export function Overview(): JSX.Element {
    const rates = usePoll(s => get<Rates>('metrics', {}, s), 15_000, 'rates');
    const ledger = usePoll(s => get<Ledger>('ledger', {}, s), 2000, 'ledger');
    const status = usePoll(s => get<Status>('status', {}, s), 2000, 'status');
    const slo = usePoll(s => get<Slo>('slo', {}, s), 15_000, 'slo');
    const changes = usePoll(s => get<Changes>('audit', { limit: 6 }, s), 15_000,
        'changes');
    const speed = useSpeed(ledger.data, ledger.at);
    const books = ledger.data;
    const dead = books === null ? null : books.in_flight.dlq_alerter
        + books.in_flight.dlq_moog + (books.terminal.dead ?? 0);
    const workers = status.data?.workers ?? null;
    const alive = workers?.filter(w => w.alive).length ?? 0;
    const breaker = status.data?.breaker.state ?? null;
    const waiting = (status.data?.queues ?? []).filter(q =>
        q.name === 'ingest' || q.name === 'alert');
    const oldest = waiting.map(q => parse(q.oldest)?.getTime() ?? Infinity)
        .reduce((a, b) => Math.min(a, b), Infinity);
    const age = oldest === Infinity ? null : (Date.now() - oldest) / 1000;
    const worst = slo.data?.slos.reduce<SloState>((state, s) => {
        const order: SloState[] = ['unknown', 'ok', 'warn', 'critical'];

        return order.indexOf(s.state) > order.indexOf(state) ? s.state : state;
    }, 'unknown');
    const met = slo.data?.slos.filter(s => s.state === 'ok').length ?? 0;

    return (
        <Page title="Overview">
            <div class="tiles">
                <Tile title="Ingest now" value={speed === null ? '-' : brief(speed)}
                    unit="events/s" note={rates.data === null ? null
                        : `${brief(rates.data.summary.current_rate_1m / 60)}/s in `
                            + 'the last full minute'} />
                <Tile title="In flight" value={books === null ? '-'
                    : brief(books.in_flight.ingest_queue
                        + books.in_flight.alert_queue + books.in_flight.retry)}
                    unit="events" tone={age !== null && age > 60 ? 'warn' : 'dim'}
                    note={age === null ? books === null ? null : 'nothing waits'
                        : `the oldest for ${span(age)}`} />
                <Tile title="Dead letters" value={dead === null ? '-' : brief(dead)}
                    tone={dead !== null && dead > 0 ? 'warn' : 'dim'}
                    link={href('dead-letters')}
                    note={dead === 0 ? 'none' : 'look at them'} />
                <Tile title="Ledger" value={books === null ? '-'
                    : books.difference === 0 ? 'balanced' : count(books.difference)}
                    tone={books === null ? 'dim'
                        : books.difference === 0 ? 'good' : 'bad'}
                    note={books === null ? null
                        : `${brief(books.accepted)} accepted`} />
                <Tile title="Objectives" value={worst ?? '-'} link={href('slo')}
                    tone={worst === undefined ? 'dim' : sloTone[worst]}
                    note={slo.data === null ? null
                        : `${met} of ${slo.data.slos.length} met`} />
                <Tile title="Webhook" value={breaker === null ? '-'
                    : breaker === 'CLOSED' ? 'ready'
                    : words(breaker.toLowerCase())}
                    tone={breaker === null ? 'dim' : breakerTone[breaker]}
                    note={breaker === 'CLOSED' ? 'the breaker is closed'
                        : breaker === null ? null : 'alerts wait'} />
                <Tile title="Workers" value={workers === null ? '-'
                    : alive === workers.length ? count(alive)
                    : `${alive} of ${workers.length}`}
                    tone={workers === null ? 'dim' : alive === 0 ? 'bad'
                        : alive < workers.length ? 'warn' : 'good'}
                    note={workers === null ? null : alive === 0
                        ? 'none takes events' : 'alive'} />
            </div>
            {books !== null && books.regression.events > 0
                && <div class="banner bad" role="alert"><p>Redis has lost{' '}
                    {plural(books.regression.events, 'accepted event')}, last{' '}
                    <When at={books.regression.at} />.</p></div>}
            <div class="panels">
                <Rate rates={rates} />
                <Queues status={status} />
                <Workers status={status} />
                <Objectives slo={slo} />
                <Recent changes={changes} />
            </div>
        </Page>
    );
}
