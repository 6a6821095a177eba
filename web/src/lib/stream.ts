// Events as they are decided: what the server shows of them, no faster than
// people see.  What is left out, there or here, is counted.

import { useEffect, useRef, useState } from 'preact/hooks';

import { follow, get, type Query } from '../api/client';
import type { Events, LiveEvent } from '../api/types';
import { back } from './poll';
import { events as sse } from './sse';

export interface Stream {
    readonly events: readonly LiveEvent[];    /* newest first */
    readonly state: 'connecting' | 'live' | 'away';
    readonly error: unknown;                  /* why it is away */
    readonly again: number | null;            /* when it is tried again */
    readonly passed: number;                  /* that the server told of */
    readonly missed: number;                  /* of those, never shown */
    readonly sampled: boolean;                /* at this moment */
    readonly held: number;                    /* while paused */
    readonly rate: number;                    /* a second */
    readonly clear: () => void;
}

const most = 500;              /* rows that are kept */
const perTurn = 40;            /* rows that are added at a time */
const turn = 250;              /* ms */
const memory = 5000;           /* ms that one is told that it is sampled */

interface Box {
    waiting: string[];
    passed: number;
    missed: number;
    missedAt: number;
    held: boolean;               /* was, since the last turn */
    before: number;
    at: number;
    rate: number;
}

interface Link {
    readonly state: Stream['state'];
    readonly error: unknown;
    readonly again: number | null;
}

function parsed(text: string): LiveEvent | null {
    try {
        return JSON.parse(text) as LiveEvent;
    } catch {
        return null;
    }
}

const newer = (a: LiveEvent, b: LiveEvent): number =>
    a.received_at < b.received_at ? 1 : a.received_at > b.received_at ? -1 : 0;

/* What was there before somebody looked, from the audit. */
async function earlier(query: Query, signal: AbortSignal): Promise<LiveEvent[]> {
    const list = await get<Events>('audit-logs', { limit: 25,
        hostname: query.hostname, rule_id: query.rule_id }, signal);

    return list.logs.map(e => {
        const raw = parsed(e.raw_message) as unknown as
            Record<string, unknown> | null;

        return { ...e, outcome: 'earlier',
            message: typeof raw?.message === 'string' ? raw.message
                : e.raw_message,
            trap_oid: typeof raw?.trap_oid === 'string' ? raw.trap_oid : null,
            syslog_severity: typeof raw?.syslog_severity === 'number'
                ? raw.syslog_severity : null };
    }).sort(newer);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
        const end = (): void => {
            clearTimeout(timer);
            removeEventListener(back, end);
            signal.removeEventListener('abort', end);
            resolve();
        };
        const timer = setTimeout(end, ms);

        addEventListener(back, end);
        signal.addEventListener('abort', end);
    });
}

function seen(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
        const look = (): void => {
            if (!document.hidden || signal.aborted) {
                document.removeEventListener('visibilitychange', look);
                signal.removeEventListener('abort', look);
                resolve();
            }
        };

        document.addEventListener('visibilitychange', look);
        signal.addEventListener('abort', look);
        look();
    });
}

/*
 * Stays connected: again at once after an end that the server chose, slower
 * and slower after failures, not at all while nobody sees the page.
 */
async function stay(query: Query, signal: AbortSignal,
    tell: (name: string, data: string) => void, set: (link: Link) => void):
    Promise<void> {
    let failures = 0;

    while (!signal.aborted) {
        const leave = new AbortController();
        const hide = (): void => {
            if (document.hidden) {
                leave.abort();
            }
        };
        let wait = 500;

        await seen(signal);
        document.addEventListener('visibilitychange', hide);
        set({ state: 'connecting', error: null, again: null });
        try {
            await follow('events/stream', query,
                AbortSignal.any([signal, leave.signal]), () => {
                    failures = 0;
                    set({ state: 'live', error: null, again: null });
                }, sse(tell));
        } catch (error) {
            if (signal.aborted) {
                return;
            }
            if (!leave.signal.aborted) {
                wait = Math.min(15_000, 1000 * 2 ** failures++)
                    * (0.75 + Math.random() / 2);
                set({ state: 'away', error, again: Date.now() + wait });
            }
        } finally {
            document.removeEventListener('visibilitychange', hide);
        }
        await pause(wait, signal);
    }
}

export function useStream(paused: boolean, query: Query,
    wanted: (event: LiveEvent) => boolean): Stream {
    const [shown, setShown] = useState<readonly LiveEvent[]>([]);
    const [link, setLink] = useState<Link>(
        { state: 'connecting', error: null, again: null });
    const [, draw] = useState(0);
    const box = useRef<Box>({ waiting: [], passed: 0, missed: 0, missedAt: 0,
        held: false, before: 0, at: performance.now(), rate: 0 });
    const now = useRef({ paused, wanted });

    now.current = { paused, wanted };

    useEffect(() => {
        const controller = new AbortController();
        const b = box.current;
        const miss = (n: number): void => {
            if (n > 0) {
                b.missed += n;
                b.missedAt = performance.now();
            }
        };
        const tell = (name: string, data: string): void => {
            if (name === 'message') {
                b.passed++;
                b.waiting.push(data);
                if (b.waiting.length === 2 * most) {
                    miss(most);
                    b.waiting.splice(0, most);
                }
            } else if (name === 'dropped') {
                const { dropped = 0, sampled_out: sampled = 0 } = (parsed(data)
                    ?? {}) as { dropped?: number; sampled_out?: number };

                b.passed += dropped + sampled;
                miss(dropped + sampled);
            }
        };

        b.waiting = [];
        earlier(query, controller.signal).then(old => setShown(has =>
            [...has, ...old.filter(e => !has.some(h =>
                h.event_id === e.event_id))].slice(0, most)))
            .catch(() => undefined);      // what comes is what matters
        void stay(query, controller.signal, tell, setLink);

        const timer = setInterval(() => {
            const ms = performance.now() - b.at;

            if (ms >= 1000) {
                b.rate = (b.passed - b.before) * 1000 / ms;
                b.before = b.passed;
                b.at = performance.now();
            }
            if (now.current.paused) {
                b.held = true;
            } else if (b.waiting.length > 0) {
                const events = b.waiting.splice(0).map(parsed)
                    .filter(e => e !== null).filter(now.current.wanted);
                const fresh = events.slice(b.held ? -most : -perTurn).sort(newer);

                b.held = false;
                miss(events.length - fresh.length);
                setShown(old => [...fresh, ...old.filter(e =>
                    !fresh.some(f => f.event_id === e.event_id))]
                    .slice(0, most));
            }
            draw(n => n + 1);
        }, turn);

        return () => {
            controller.abort();
            clearInterval(timer);
        };
    }, [JSON.stringify(query)]);

    const b = box.current;

    return { events: shown, ...link, passed: b.passed, missed: b.missed,
        sampled: b.missedAt > 0 && performance.now() - b.missedAt < memory,
        held: Math.min(most, b.waiting.length), rate: b.rate, clear: () => setShown([]) };
}
