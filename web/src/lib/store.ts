// A value that components follow.

import { useEffect, useState } from 'preact/hooks';

export interface Store<T> {
    get(): T;
    set(value: T): void;
    follow(listener: () => void): () => void;
}

export function store<T>(first: T): Store<T> {
    let value = first;
    const listeners = new Set<() => void>();

    return {
        get: () => value,
        set(next) {
            if (next !== value) {
                value = next;
                for (const listener of [...listeners]) {
                    listener();
                }
            }
        },
        follow(listener) {
            listeners.add(listener);
            return () => listeners.delete(listener);
        },
    };
}

export function useStore<T>(of: Store<T>): T {
    const [, again] = useState(0);

    const value = of.get();

    useEffect(() => {
        /* it may have changed before one could follow */
        if (of.get() !== value) {
            again(n => n + 1);
        }
        return of.follow(() => again(n => n + 1));
    }, [of]);
    return value;
}

/* What this browser remembers; never anything secret. */
export function remembered(name: string, otherwise: string): string {
    try {
        return localStorage.getItem(`mutt.${name}`) ?? otherwise;
    } catch {
        return otherwise;
    }
}

export function remember(name: string, value: string): void {
    try {
        localStorage.setItem(`mutt.${name}`, value);
    } catch {
        // private windows may refuse; then it lasts as long as the page
    }
}
