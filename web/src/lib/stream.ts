// Events as they arrive, by asking for the newest again and again.  No faster
// than people see: what is left out is counted.

import { useEffect, useRef, useState } from 'preact/hooks';

import { get } from '../api/client';
import { ApiError } from '../api/errors';
import type { Event, Events } from '../api/types';

export type Live = Omit<Event, 'id'>;

export interface Stream {
    readonly events: readonly Live[];     /* newest first */
    readonly state: 'connecting' | 'live' | 'away';
    readonly seen: number;                /* in all */
    readonly dropped: number;             /* never shown: they were too many */
    readonly held: number;                /* while paused */
    readonly rate: number;                /* a second */
    readonly clear: () => void;
}

const most = 500;              /* rows that are kept */
const perTurn = 40;            /* rows that are added at a time */
const turn = 250;              /* ms */

interface Box {
    waiting: Live[];
    seen: number;
    dropped: number;
    lastSeen: number;
    at: number;
    rate: number;
}

export function useStream(paused: boolean, wanted: (event: Live) => boolean):
    Stream {
    const [shown, setShown] = useState<readonly Live[]>([]);
    const [state, setState] = useState<Stream['state']>('connecting');
    const [, draw] = useState(0);
    const box = useRef<Box>({ waiting: [], seen: 0, dropped: 0, lastSeen: 0,
        at: performance.now(), rate: 0 });
    const now = useRef({ paused, wanted });

    now.current = { paused, wanted };

    useEffect(() => {
        const controller = new AbortController();
        const take = (event: Live, fresh: boolean): void => {
            const b = box.current;

            b.seen += fresh ? 1 : 0;
            if (!now.current.wanted(event)) {
                return;
            }
            /* a full box keeps the newest */
            b.waiting.push(event);
            if (b.waiting.length > most) {
                b.dropped += b.waiting.length - most;
                b.waiting.splice(0, b.waiting.length - most);
            }
        };

        const missed = (n: number): void => {
            box.current.seen += n;
            box.current.dropped += n;
        };

        follow(take, missed, setState, controller.signal);

        const timer = setInterval(() => {
            const b = box.current;
            const ms = performance.now() - b.at;

            if (ms >= 1000) {
                b.rate = (b.seen - b.lastSeen) * 1000 / ms;
                b.lastSeen = b.seen;
                b.at = performance.now();
            }
            if (!now.current.paused && b.waiting.length > 0) {
                const left = Math.max(0, b.waiting.length - perTurn);
                const fresh = b.waiting.splice(0).slice(-perTurn).reverse();

                b.dropped += left;
                setShown(old => [...fresh, ...old].slice(0, most));
            }
            draw(n => n + 1);
        }, turn);

        return () => {
            controller.abort();
            clearInterval(timer);
        };
    }, []);

    const b = box.current;

    return { events: shown, state, seen: b.seen, dropped: b.dropped,
        held: b.waiting.length, rate: b.rate, clear: () => setShown([]) };
}

/* Asks for what is newer than what was seen, page by page to a bound. */
async function poll(take: (event: Live, fresh: boolean) => void, missed: (n: number) => void,
    setState: (state: Stream['state']) => void, signal: AbortSignal):
    Promise<void> {
    let known = new Set<string>();
    let newest = 0;
    let first = true;
    let wait = 1500;

    while (!signal.aborted) {
        try {
            if (!document.hidden) {
                const list = await get<Events>('audit-logs',
                    { limit: first ? 25 : 200 }, signal);
                const fresh = list.logs.filter(e => !known.has(e.event_id));

                for (const event of fresh.reverse()) {
                    take(event, !first);
                }
                /* rows are numbered, so that one knows of those between */
                const last = Math.max(newest, ...list.logs.map(e => e.id));

                if (!first && last - newest > fresh.length) {
                    missed(last - newest - fresh.length);
                }
                newest = last;
                known = new Set(list.logs.map(e => e.event_id));
                first = false;
                setState('live');
            }
            wait = 1500;
        } catch (error) {
            if (signal.aborted) {
                return;
            }
            setState('away');
            wait = Math.min(15_000, wait * 2);
        }
        await new Promise(resolve => setTimeout(resolve, wait));
    }
}

function follow(take: (event: Live, fresh: boolean) => void, missed: (n: number) => void,
    setState: (state: Stream['state']) => void, signal: AbortSignal): void {
    void poll(take, missed, setState, signal).catch((error: unknown) => {
        if (!(error instanceof ApiError)) {
            throw error;
        }
    });
}
