// Dead letters sent back or thrown away: one, some, or all that match, after
// one was told how many they are.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { get, send } from '../api/client';
import type { Letters } from '../api/types';
import { count, line, plural, words } from '../lib/format';
import { usePoll } from '../lib/poll';
import { Loading, Trouble } from '../ui/basics';
import { Confirm, tell } from '../ui/dialog';
import type { Queue } from './dead-queues';

interface Moved {
    replayed?: number;
    discarded?: number;
    gone: number;
    malformed: number;
    waiting: number;
    looked_at: number;
    next_cursor: string | null;
}

export type Act = 'replay' | 'discard';

/* One letter, some, or all that the filters let through. */
export type Which =
    | { readonly ids: readonly string[] }
    | { readonly filter: Readonly<Record<string, string>>;
        readonly about: number | null };

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

export function Move({ queue, act, which, onClose, onDone }: { queue: Queue;
    act: Act; which: Which; onClose: () => void; onDone: () => void }): JSX.Element {
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
