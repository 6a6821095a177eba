// What could not be handled: looked at, sent back, or thrown away.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { get, part, send } from '../api/client';
import type { Letter, Letters, LetterQueues } from '../api/types';
import { useDebounced } from '../lib/debounce';
import { brief, count, line, plural, visible, words } from '../lib/format';
import { useShortcuts, type Shortcut } from '../lib/keys';
import { usePages } from '../lib/pages';
import { usePoll } from '../lib/poll';
import { href, setParams, usePlace } from '../lib/router';
import { may } from '../lib/session';
import { parse } from '../lib/time';
import { Badge, Button, Empty, Loading, Moment, Page, Trouble, When }
    from '../ui/basics';
import { Confirm, Dialog, tell } from '../ui/dialog';
import { Filters as FilterForm, Text } from '../ui/form';
import { Raw } from '../ui/raw';
import { Virtual } from '../ui/virtual';

const queues = ['alerter', 'moog', 'dead'] as const;

type Queue = typeof queues[number];

const about: Readonly<Record<Queue, readonly [string, string]>> = {
    alerter: ['Events', 'that could not be processed, or were shed'],
    moog: ['Alerts', 'that the webhook did not take'],
    dead: ['Dead', 'what has failed after every replay, or is no event'],
};

const names = ['hostname', 'failed_reason', 'text', 'end_date'] as const;

type Filters = Readonly<Record<typeof names[number], string>>;

interface Moved {
    replayed?: number;
    discarded?: number;
    gone: number;
    malformed: number;
    waiting: number;
    looked_at: number;
    next_cursor: string | null;
}

type Act = 'replay' | 'discard';

/* One letter, some, or all that the filters let through. */
type Which =
    | { readonly ids: readonly string[] }
    | { readonly filter: Readonly<Record<string, string>>;
        readonly about: number | null };

function filterOf(filters: Filters): Record<string, string> {
    const end = parse(filters.end_date === '' ? null : filters.end_date);

    return Object.fromEntries(Object.entries({
        hostname: filters.hostname.trim(),
        failed_reason: filters.failed_reason.trim(),
        text: filters.text, end_date: end?.toISOString() ?? '',
    }).filter(([, value]) => value !== ''));
}

/* Moves by the lot until there is nothing left to look at. */
async function move(queue: Queue, act: Act, which: Which, reason: string,
    progress: (moved: Moved) => void): Promise<Moved> {
    const sum: Moved = { gone: 0, malformed: 0, waiting: 0, looked_at: 0,
        next_cursor: null };
    const lots = 'ids' in which
        ? Array.from({ length: Math.ceil(which.ids.length / 500) }, (_, i) =>
            ({ ids: which.ids.slice(i * 500, i * 500 + 500) }))
        : [Object.keys(which.filter).length === 0 ? { all: true }
            : which.filter];

    for (const lot of lots) {
        let cursor: string | null = null;

        do {
            const { data }: { data: Moved } = await send<Moved>('POST',
                `dead-letters/${queue}/${act}`, { timeout: 60_000, body: {
                    ...lot, ...(reason !== '' && { reason }),
                    ...(cursor !== null && { cursor }) } });

            for (const name of ['replayed', 'discarded', 'gone', 'malformed',
                'waiting', 'looked_at'] as const) {
                sum[name] = (sum[name] ?? 0) + (data[name] ?? 0);
            }
            progress({ ...sum });
            cursor = data.next_cursor ?? null;
            if (data.waiting > 0) {
                cursor = null;
            }
        } while (cursor !== null);
    }
    return sum;
}

function summary(act: Act, moved: Moved): string {
    const done = act === 'replay' ? moved.replayed : moved.discarded;

    return [`${plural(done ?? 0, 'letter')} ${act === 'replay' ? 'sent back'
        : 'discarded'}`,
    moved.gone > 0 && `${count(moved.gone)} were gone`,
    moved.malformed > 0 && `${count(moved.malformed)} cannot be replayed`,
    moved.waiting > 0 && `${count(moved.waiting)} wait until the alert queue `
        + 'is shorter'].filter(Boolean).join(', ') + '.';
}

const countable = 5000;

interface Counted {
    readonly n: number;
    readonly more: boolean;
}

/* How many a filter lets through, as far as one counts. */
async function counted(queue: Queue, filter: Readonly<Record<string, string>>,
    signal: AbortSignal): Promise<Counted> {
    let n = 0, cursor: string | null = null;

    do {
        const list: Letters = await get<Letters>(`dead-letters/${queue}`,
            { ...filter, limit: 200, cursor }, signal);

        n += list.letters.length;
        cursor = list.next_cursor;
    } while (cursor !== null && n < countable);
    return { n, more: cursor !== null };
}

function Doing({ queue, act, which, onClose, onDone }: { queue: Queue; act: Act;
    which: Which; onClose: () => void; onDone: () => void }): JSX.Element {
    const [moved, setMoved] = useState<Moved | null>(null);
    const filtered = !('ids' in which) && Object.keys(which.filter).length > 0;
    const matching = usePoll<Counted>(async s => 'ids' in which
        ? { n: which.ids.length, more: false }
        : filtered ? counted(queue, which.filter, s)
        : { n: which.about ?? 0, more: which.about === null }, 0, 'count');
    const known = matching.data;
    const what = known === null ? '...' : known.more
        ? `more than ${plural(known.n, 'letter')}` : plural(known.n, 'letter');

    return (
        <Confirm danger={act === 'discard'} reason={act === 'discard'
            ? 'required' : 'optional'} onClose={onClose}
            title={act === 'replay' ? 'Replay' : 'Discard'}
            ready={known !== null && (known.n > 0 || known.more)}
            act={`${act === 'replay' ? 'Replay' : 'Discard'} ${what}`}
            run={async reason => {
                tell(summary(act, await move(queue, act, which, reason,
                    setMoved)));
                onDone();
            }}>
            <p>{act === 'replay'
                ? queue === 'moog' ? 'They are sent to the webhook again, with no '
                    + 'attempts counted.'
                : 'They begin anew: matched again, or sent again.'
                : 'They are thrown away for good. The audit keeps what they were.'}
            </p>
            {filtered && <p>In the queue <b>{queue}</b>, where {Object.entries(
                which.filter).map(([name, value]) =>
                `${words(name)} is ${line(value, 60)}`).join(' and ')}.</p>}
            {known === null && (matching.error === null
                ? <Loading what="how many they are" />
                : <Trouble error={matching.error} retry={matching.refresh} />)}
            {moved !== null && <p role="status">{summary(act, moved)}{' '}
                {count(moved.looked_at)} looked at.</p>}
        </Confirm>
    );
}

function Detail({ queue, letter, onClose, onAct }: { queue: Queue;
    letter: Letter; onClose: () => void; onAct: (act: Act) => void }):
    JSX.Element {
    const whole = usePoll(s => get<Letter & { text: string }>(
        `dead-letters/${queue}/${part(letter.id)}`, {}, s), 0, letter.id);

    return (
        <Dialog drawer onClose={onClose}
            title={`Dead ${letter.kind} of ${line(letter.hostname ?? '?', 60)}`}
            actions={may('write') && <>
                <Button kind="danger" onClick={() => onAct('discard')}>Discard
                </Button>
                <Button kind="main" disabled={letter.kind === 'malformed'}
                    onClick={() => onAct('replay')}>Replay</Button></>}>
            <p class="full"><bdi>{visible(letter.message ?? 'no message')}</bdi></p>
            <dl class="facts">
                <div><dt>Why</dt><dd><b>{words(line(
                    letter.failed_reason ?? 'unknown'))}</b></dd></div>
                <div><dt>Failed</dt><dd><Moment at={letter.failed_at} /></dd></div>
                <div><dt>Received</dt><dd><Moment at={letter.received_at} /></dd>
                </div>
                <div><dt>Tried</dt><dd>{plural(letter.attempts, 'attempt')},{' '}
                    {plural(letter.replays, 'replay')}</dd></div>
                <div><dt>Host</dt><dd>{letter.hostname === null ? '-'
                    : <a href={href('events', { hostname: letter.hostname })}>
                        <bdi>{line(letter.hostname)}</bdi></a>}</dd></div>
                <div><dt>Event</dt><dd><code>{letter.event_id ?? '-'}</code></dd>
                </div>
                <div><dt>Correlation id</dt><dd><code>{line(
                    letter.correlation_id ?? '-')}</code></dd></div>
                <div><dt>Size</dt><dd>{brief(letter.bytes)} bytes</dd></div>
            </dl>
            <h3>As it lies there</h3>
            {whole.data !== null ? <Raw text={whole.data.text} />
                : whole.error === null ? <Loading what="it" />
                : <Trouble error={whole.error} retry={whole.refresh} />}
        </Dialog>
    );
}

function Row({ letter, index, picked, onPick }: { letter: Letter | null;
    index: number; picked: boolean; onPick: (on: boolean) => void }):
    JSX.Element {
    if (letter === null) {
        return <div role="row" class="letter" aria-rowindex={index + 1}>
            <span role="cell" class="dim">...</span></div>;
    }
    return (
        <div role="row" class={`letter ${picked ? 'chosen' : ''}`}
            aria-rowindex={index + 1}>
            <span role="cell" class="tick">{may('write')
                && <input type="checkbox" checked={picked}
                    aria-label={`Select letter ${letter.place + 1}`}
                    onInput={e => onPick(e.currentTarget.checked)} />}</span>
            <span role="cell" class="at"><When at={letter.failed_at} /></span>
            <span role="cell" class="cause"><Badge tone={letter.kind === 'malformed'
                ? 'bad' : 'warn'}>{words(line(letter.failed_reason ?? 'unknown',
                    60))}</Badge></span>
            <span role="cell" class="host"><bdi>{line(letter.hostname ?? '-', 80)}
            </bdi></span>
            <span role="cell" class="message"><button type="button" class="link"
                onClick={() => setParams({ id: letter.id }, true)}>
                <bdi>{line(letter.message ?? letter.kind, 300)}</bdi></button>
            </span>
        </div>
    );
}

export function DeadLetters(): JSX.Element {
    const { params } = usePlace();
    const depths = usePoll(s => get<LetterQueues>('dead-letters', {}, s), 5000,
        'dead letters');
    const wanted = params.get('queue');
    const queue: Queue = queues.find(q => q === wanted) ?? 'alerter';
    const filters = Object.fromEntries(names.map(name =>
        [name, params.get(name) ?? ''])) as Filters;
    const settled = useDebounced(filters, 300);
    const filter = filterOf(settled);
    const filtered = Object.keys(filter).length > 0;
    const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
    const [doing, setDoing] = useState<{ act: Act; which: Which } | null>(null);
    const pages = usePages<Letter>(async (cursor, signal) => {
        const list = await get<Letters>(`dead-letters/${queue}`,
            { ...filter, limit: 100, cursor }, signal);

        return { rows: list.letters, next: list.next_cursor,
            total: list.pagination.total };
    }, `${queue} ${JSON.stringify(filter)}`);
    const row = depths.data?.queues.find(q => q.queue === queue);
    const id = params.get('id');
    const open = id === null ? null : pages.find(l => l.id === id)?.[1] ?? null;
    const chosen = [...picked];

    const done = (): void => {
        setPicked(new Set());
        setParams({ id: null });
        pages.refresh();
        depths.refresh();
    };
    const shortcuts = useMemo((): Shortcut[] => [
        { keys: 'r', what: 'Ask again', run: pages.refresh },
    ], []);

    useShortcuts(shortcuts);

    const set = (name: string) => (value: string): void =>
        setParams({ [name]: value, id: null });
    const all = (act: Act): void => setDoing({ act, which: { filter,
        about: row?.depth ?? pages.total } });

    return (
        <Page title="Dead letters" lead={`${about[queue][0]} ${about[queue][1]},
            the oldest first.`} actions={
            <Button icon="refresh" keys="r" onClick={() => {
                pages.refresh();
                depths.refresh();
            }}>Refresh</Button>}>
            <div class="tabs" role="tablist" aria-label="Queue">
                {queues.map(name => {
                    const depth = depths.data?.queues
                        .find(q => q.queue === name)?.depth;

                    return <button key={name} type="button" role="tab"
                        aria-selected={queue === name} onClick={() => {
                            setPicked(new Set());
                            setParams({ queue: name, id: null }, true);
                        }}>{about[name][0]} {depth !== undefined
                            && <b class={depth > 0 ? 'count' : 'count none'}>
                                {brief(depth)}</b>}</button>;
                })}
            </div>
            <FilterForm set={Object.keys(filter).length}>
                <Text label="Host" type="search" value={filters.hostname} search
                    onInput={set('hostname')} placeholder="whole name" />
                <Text label="Why" value={filters.failed_reason}
                    onInput={set('failed_reason')} placeholder="its beginning" />
                <Text label="Text" type="search" value={filters.text}
                    onInput={set('text')} placeholder="anywhere in it" />
                <Text label="Failed before (local)" type="datetime-local"
                    value={filters.end_date} onInput={set('end_date')} />
            </FilterForm>
            {may('write') && <div class="acts-row">
                <Button disabled={pages.count === 0} onClick={() =>
                    chosen.length > 0 ? setDoing({ act: 'replay',
                        which: { ids: chosen } }) : all('replay')}>
                    Replay {chosen.length > 0 ? count(chosen.length)
                        : filtered ? 'matching' : 'all'}</Button>
                <Button kind="danger" disabled={pages.count === 0}
                    onClick={() => chosen.length > 0 ? setDoing({
                        act: 'discard', which: { ids: chosen } })
                        : all('discard')}>
                    Discard {chosen.length > 0 ? count(chosen.length)
                        : filtered ? 'matching' : 'all'}</Button>
            </div>}
            <p class="summary" role="status">
                {pages.total !== null && (filtered
                    ? `${count(pages.count)}${pages.ended ? '' : ' or more'} of ${
                        plural(pages.total, 'letter')}`
                    : plural(pages.total, 'letter'))}
                {row?.oldest != null && <>, the oldest failed{' '}
                    <When at={row.oldest.failed_at} /></>}
            </p>
            <Trouble error={pages.error} retry={pages.refresh} />
            {pages.waiting && <p class="more">Much was looked at for little.{' '}
                <Button onClick={pages.more}>Look further</Button></p>}
            {pages.count === 0 ? pages.loading || pages.waiting ? pages.loading
                && <Loading what="letters" />
                : pages.error === null && (filtered
                    ? <Empty title="No letter matches these filters">
                        <Button onClick={() => setParams(Object.fromEntries(
                            names.map(n => [n, null])))}>Clear them</Button>
                    </Empty>
                    : <Empty title="Nothing lies here">
                        {about[queue][1].replace(/^\w/, c => c.toUpperCase())}
                        {' '}would be listed. That there is none is good.</Empty>)
                : <Virtual label="Dead letters" count={pages.count} height={36}
                    tall={64} reset={`${queue} ${JSON.stringify(filter)}`}
                    onSight={pages.sight} head={<div role="row" class="letter head">
                        <span role="columnheader"><span class="unseen">Select
                        </span></span>
                        <span role="columnheader">Failed</span>
                        <span role="columnheader">Why</span>
                        <span role="columnheader">Host</span>
                        <span role="columnheader">Message</span></div>}
                    row={i => {
                        const letter = pages.at(i);

                        return <Row key={i} index={i} letter={letter}
                            picked={letter !== null && picked.has(letter.id)}
                            onPick={on => {
                                const next = new Set(picked);

                                if (letter !== null && on) {
                                    next.add(letter.id);
                                } else if (letter !== null) {
                                    next.delete(letter.id);
                                }
                                setPicked(next);
                            }} />;
                    }} />}
            {open !== null && doing === null && <Detail queue={queue}
                letter={open} onClose={() => setParams({ id: null })}
                onAct={act => setDoing({ act, which: { ids: [open.id] } })} />}
            {doing !== null && <Doing queue={queue} {...doing} onDone={done}
                onClose={() => setDoing(null)} />}
        </Page>
    );
}
