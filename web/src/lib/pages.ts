// Lists that go on by cursor, kept within bounds: pages that are far from
// sight are let go and had again when somebody comes back to them.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import { back } from './poll';

interface Page<T> {
    readonly cursor: string | null;   /* what it is asked for with */
    readonly start: number;
    readonly length: number;
    rows: readonly T[] | null;
    asked: boolean;
    used: number;
}

export interface Batch<T> {
    readonly rows: readonly T[];
    readonly next: string | null;
    readonly total?: number;
    readonly capped?: boolean;
}

export interface Pages<T> {
    readonly count: number;           /* rows known so far */
    readonly ended: boolean;
    readonly loading: boolean;
    readonly error: unknown;
    readonly total: number | null;
    readonly capped: boolean;
    readonly at: (index: number) => T | null;
    /* among those that are in memory */
    readonly find: (wanted: (row: T) => boolean) => readonly [number, T] | null;
    readonly sight: (first: number, last: number) => void;
    readonly refresh: () => void;
    /* much was looked at for little: it goes on when it is told to */
    readonly waiting: boolean;
    readonly more: () => void;
}

const kept = 4000;                    /* rows in memory */
const ahead = 200;                    /* rows that are had before their time */
const thin = 20;                      /* a page of fewer has found little */
const looks = 12;                     /* such pages before one waits */

interface State<T> {
    pages: Page<T>[];
    held: Set<Page<T>>;               /* pages with their rows */
    count: number;
    next: string | null;
    ended: boolean;
    looks: number;                    /* pages in a row that found little */
    busy: boolean;
    error: unknown;
    total: number | null;
    capped: boolean;
    use: number;
}

export function usePages<T>(ask: (cursor: string | null, signal: AbortSignal) =>
    Promise<Batch<T>>, key: string): Pages<T> {
    const fresh = (): State<T> => ({ pages: [], held: new Set(), count: 0,
        next: null, ended: false, looks: 0, busy: false, error: null, total: null, capped: false, use: 0 });
    const state = useRef(fresh());
    const controller = useRef(new AbortController());
    const latest = useRef(ask);
    const [round, setRound] = useState(0);
    const [, draw] = useState(0);

    latest.current = ask;

    const fetchPage = useCallback(async (page: Page<T> | null):
        Promise<void> => {
        const now = state.current;
        const { signal } = controller.current;

        if (page === null ? now.busy || now.ended || now.looks >= looks
            : page.asked) {
            return;
        }
        const before = now.count;

        if (page === null) {
            now.busy = true;
        } else {
            page.asked = true;
        }
        draw(n => n + 1);

        try {
            const batch = await latest.current(page?.cursor ?? now.next, signal);

            if (page !== null) {
                page.rows = batch.rows;
                now.held.add(page);
            } else {
                const made = { cursor: now.next, start: now.count,
                    length: batch.rows.length, rows: batch.rows, asked: false,
                    used: ++now.use };

                if (made.length > 0) {
                    now.pages.push(made);
                    now.held.add(made);
                    now.count += made.length;
                }
                now.next = batch.next;
                now.ended = batch.next === null;
                now.looks = batch.rows.length < thin ? now.looks + 1 : 0;
            }
            now.total = batch.total ?? now.total;
            now.capped = batch.capped ?? now.capped;
            now.error = null;
        } catch (error) {
            if (signal.aborted) {
                return;
            }
            now.error = error;
        }

        if (page === null) {
            now.busy = false;
        } else {
            page.asked = false;
        }

        /* the first stays: asked again, it would begin with what came since */
        const held = [...now.held].filter(p => p.cursor !== null)
            .sort((a, b) => b.used - a.used);
        let rows = 0;

        for (const one of held) {
            rows += one.length;
            if (rows > kept) {
                one.rows = null;
                now.held.delete(one);
            }
        }
        draw(n => n + 1);

        /* what has found nothing changes nothing that is in sight */
        if (page === null && now.count === before && now.error === null) {
            await fetchPage(null);
        }
    }, []);

    useEffect(() => {
        controller.current = new AbortController();
        state.current = fresh();
        void fetchPage(null);

        const well = (): void => {
            if (state.current.error !== null) {
                void fetchPage(null);
            }
        };

        addEventListener(back, well);
        return () => {
            controller.current.abort();
            removeEventListener(back, well);
        };
    }, [key, round]);

    const now = state.current;
    const { count } = now;

    const find = (index: number): readonly [Page<T>, number] | null => {
        let low = 0, high = now.pages.length;

        while (low < high) {
            const middle = (low + high) >> 1;
            const page = now.pages[middle];

            if (page === undefined || index < page.start) {
                high = middle;
            } else if (index >= page.start + page.length) {
                low = middle + 1;
            } else {
                return [page, index - page.start];
            }
        }
        return null;
    };

    return {
        count, ended: now.ended, loading: now.busy, error: now.error,
        total: now.total, capped: now.capped,
        at: index => {
            const found = find(index);

            return found?.[0].rows?.[found[1]] ?? null;
        },
        find: wanted => {
            for (const page of now.held) {
                const index = page.rows?.findIndex(wanted) ?? -1;
                const row = page.rows?.[index];

                if (row !== undefined) {
                    return [page.start + index, row];
                }
            }
            return null;
        },
        sight: (first, last) => {
            for (let index = first; index < last;) {
                const page = find(index)?.[0];

                if (page === undefined) {
                    break;
                }
                page.used = ++now.use;
                if (page.rows === null) {
                    void fetchPage(page);
                }
                index = page.start + page.length;
            }
            if (last + ahead >= count && now.error === null) {
                void fetchPage(null);
            }
        },
        refresh: () => setRound(n => n + 1),
        waiting: !now.ended && now.looks >= looks,
        more: () => {
            now.looks = 0;
            void fetchPage(null);
        },
    };
}
