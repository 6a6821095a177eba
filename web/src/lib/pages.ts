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
}

const kept = 20;
const ahead = 200;                    /* rows that are had before their time */

interface State<T> {
    pages: Page<T>[];
    held: Set<Page<T>>;               /* pages with their rows */
    count: number;
    next: string | null;
    ended: boolean;
    busy: boolean;
    error: unknown;
    total: number | null;
    capped: boolean;
    use: number;
}

export function usePages<T>(ask: (cursor: string | null, signal: AbortSignal) =>
    Promise<Batch<T>>, key: string): Pages<T> {
    const fresh = (): State<T> => ({ pages: [], held: new Set(), count: 0,
        next: null, ended: false, busy: false, error: null, total: null, capped: false, use: 0 });
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

        if (page === null ? now.busy || now.ended : page.asked) {
            return;
        }
        if (page === null) {
            now.busy = true;
        } else {
            page.asked = true;
        }
        draw(n => n + 1);
        let again = false;

        try {
            const batch = await latest.current(page?.cursor ?? now.next, signal);

            if (page !== null) {
                page.rows = batch.rows;
                now.held.add(page);
            } else {
                const made = { cursor: now.next, start: now.count,
                    length: batch.rows.length, rows: batch.rows, asked: false,
                    used: ++now.use };

                now.pages.push(made);
                now.held.add(made);
                now.count += made.length;
                now.next = batch.next;
                now.ended = batch.next === null;
                /* a look of the server's that found nothing is no end */
                again = !now.ended && batch.rows.length === 0;
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
        if (again) {
            void fetchPage(null);
        }

        /* the first stays: asked again, it would begin with what came since */
        const held = [...now.held].filter(p => p.cursor !== null)
            .sort((a, b) => a.used - b.used);

        for (const old of held.slice(0, Math.max(0, held.length - kept))) {
            old.rows = null;
            now.held.delete(old);
        }
        draw(n => n + 1);
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
            for (const index of new Set([first, Math.floor((first + last) / 2),
                Math.max(first, last - 1)])) {
                const page = find(index)?.[0];

                if (page !== undefined) {
                    page.used = ++now.use;
                    if (page.rows === null) {
                        void fetchPage(page);
                    }
                }
            }
            if (last + ahead >= count && now.error === null) {
                void fetchPage(null);
            }
        },
        refresh: () => setRound(n => n + 1),
    };
}
