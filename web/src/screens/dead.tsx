// What could not be handled: looked at, sent back, or thrown away.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { get, part } from '../api/client';
import type { Letter, Letters, LetterQueues } from '../api/types';
import { useDebounced } from '../lib/debounce';
import { brief, count, line, plural, words } from '../lib/format';
import { useShortcuts, type Shortcut } from '../lib/keys';
import { usePages } from '../lib/pages';
import { usePoll } from '../lib/poll';
import { setParams, usePlace } from '../lib/router';
import { may } from '../lib/session';
import { parse } from '../lib/time';
import { Badge, Button, Empty, Loading, Opens, Page, Trouble, When }
    from '../ui/basics';
import { Filters as FilterForm, Text } from '../ui/form';
import { Pending, Virtual } from '../ui/virtual';
import { Detail } from './dead-letter';
import { Move, type Act, type Which } from './dead-move';
import { about, queues, type Queue } from './dead-queues';

const names = ['hostname', 'failed_reason', 'text', 'end_date'] as const;

type Filters = Readonly<Record<typeof names[number], string>>;

function filterOf(filters: Filters): Record<string, string> {
    const end = parse(filters.end_date === '' ? null : filters.end_date);

    return Object.fromEntries(Object.entries({
        hostname: filters.hostname.trim(),
        failed_reason: filters.failed_reason.trim(),
        text: filters.text, end_date: end?.toISOString() ?? '',
    }).filter(([, value]) => value !== ''));
}

function Cells({ letter, picked, onPick }: { letter: Letter;
    picked: boolean; onPick: (on: boolean) => void }): JSX.Element {
    return (
        <>
            <span role="cell" class="tick">{may('write')
                && <input type="checkbox" checked={picked}
                    aria-label={`Select letter ${letter.place + 1}`}
                    onInput={e => onPick(e.currentTarget.checked)} />}</span>
            <span role="cell" class="at"><When at={letter.failed_at} /></span>
            <span role="cell" class="cause"><Badge tone={letter.kind === 'malformed'
                ? 'bad' : 'warn'}>{words(line(letter.failed_reason ?? 'unknown',
                    60))}</Badge></span>
            <span role="cell" class="host">{line(letter.hostname ?? '-', 80)}
            </span>
            <span role="cell" class="message"><Opens params={{ id: letter.id }}>
                {line(letter.message ?? letter.kind, 300)}</Opens></span>
        </>
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
    const linked = usePoll(async s => id === null ? null : get<Letter>(
        `dead-letters/${queue}/${part(id)}`, {}, s), 0, `${queue} ${id ?? ''}`);
    const open = id === null ? null
        : pages.find(l => l.id === id)?.[1] ?? linked.data;
    const chosen = [...picked];

    const pick = (letter: string, on: boolean): void => setPicked(old => {
        const next = new Set(old);

        if (on) {
            next.add(letter);
        } else {
            next.delete(letter);
        }
        return next;
    });
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
                        const on = letter !== null && picked.has(letter.id);

                        return { of: [letter, on],
                            class: `letter ${on ? 'chosen' : ''}`,
                            cells: () => letter === null ? <Pending />
                                : <Cells letter={letter} picked={on}
                                    onPick={to => pick(letter.id, to)} /> };
                    }} />}
            {open === null && <Trouble error={linked.error} />}
            {open !== null && doing === null && <Detail queue={queue}
                letter={open} onClose={() => setParams({ id: null })}
                onAct={act => setDoing({ act, which: { ids: [open.id] } })} />}
            {doing !== null && <Move queue={queue} {...doing} onDone={done}
                onClose={() => setDoing(null)} />}
        </Page>
    );
}
