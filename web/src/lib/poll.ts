// Data that is asked for again and again while somebody looks.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

export interface Polled<T> {
    readonly data: T | null;
    readonly error: unknown;
    readonly at: number | null;      /* when data was true */
    readonly loading: boolean;
    readonly refresh: () => void;
}

interface Held<T> {
    data: T | null;
    error: unknown;
    at: number | null;
    loading: boolean;
}

/* What is told to the window when the server is well again. */
export const back = 'mutt-back';

/*
 * Calls ask at once and every so many milliseconds, 0 for once; slower after
 * failures, up to slowest, at once when the server is back, not at all while
 * the page is hidden.  What was known stays beside the error.  What it depends
 * on is in key.
 */
export function usePoll<T>(ask: (signal: AbortSignal) => Promise<T>,
    every: number, key: string, slowest = 30_000): Polled<T> {
    const [held, set] = useState<Held<T>>(
        { data: null, error: null, at: null, loading: true });
    const [round, again] = useState(0);
    const latest = useRef(ask);

    latest.current = ask;

    useEffect(() => {
        set({ data: null, error: null, at: null, loading: true });
    }, [key]);

    useEffect(() => {
        const controller = new AbortController();
        let timer: ReturnType<typeof setTimeout> | undefined;
        let failures = 0;
        let asking = false;

        const later = (): void => {
            const wait = failures === 0 ? every
                : Math.min(slowest, Math.max(every, 1000) * 2 ** (failures - 1));

            if ((every > 0 || failures > 0) && !controller.signal.aborted) {
                timer = setTimeout(() => void turn(), wait);
            }
        };
        const turn = async (): Promise<void> => {
            if (asking) {
                return;
            }
            if (document.hidden && every > 0) {
                later();
                return;
            }
            asking = true;
            try {
                const data = await latest.current(controller.signal);

                failures = 0;
                set({ data, error: null, at: Date.now(), loading: false });
            } catch (error) {
                if (controller.signal.aborted) {
                    return;
                }
                failures++;
                set(old => ({ ...old, error, loading: false }));
            } finally {
                asking = false;
            }
            later();
        };

        const seen = (): void => {
            if (!document.hidden && (every > 0 || failures > 0)) {
                clearTimeout(timer);
                void turn();
            }
        };
        const well = (): void => {
            if (failures > 0) {
                seen();
            }
        };

        void turn();
        document.addEventListener('visibilitychange', seen);
        addEventListener(back, well);

        return () => {
            controller.abort();
            clearTimeout(timer);
            document.removeEventListener('visibilitychange', seen);
            removeEventListener(back, well);
        };
    }, [key, every, round]);

    const refresh = useCallback(() => again(n => n + 1), []);

    return { ...held, refresh };
}
