// Times as people read them.

import { useEffect, useState } from 'preact/hooks';

const pad = (n: number, width = 2): string => String(n).padStart(width, '0');

export function utc(at: Date): string {
    return `${at.toISOString().slice(0, 10)} ${at.toISOString().slice(11, 19)}Z`;
}

export function local(at: Date): string {
    return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} `
        + `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

export function zone(): string {
    return new Intl.DateTimeFormat('en', { timeZoneName: 'short' })
        .formatToParts(new Date())
        .find(p => p.type === 'timeZoneName')?.value ?? 'local';
}

const steps: readonly (readonly [number, string])[] = [
    [60, 's'], [60, 'min'], [24, 'h'], [365, 'd'], [Infinity, 'y'],
];

export function span(seconds: number): string {
    let value = Math.max(0, seconds);

    for (const [size, unit] of steps) {
        if (value < size) {
            return value < 10 && unit === 's' && value % 1 !== 0
                ? `${value.toFixed(1)} s` : `${Math.floor(value)} ${unit}`;
        }
        value /= size;
    }
    return '';
}

export function ago(at: Date, now = Date.now()): string {
    const seconds = (now - at.getTime()) / 1000;

    if (Math.abs(seconds) < 5) {
        return 'now';
    }
    return seconds > 0 ? `${span(Math.floor(seconds))} ago`
        : `in ${span(Math.floor(-seconds))}`;
}

export function parse(text: string | null | undefined): Date | null {
    if (text === null || text === undefined) {
        return null;
    }
    const at = new Date(text);

    return Number.isNaN(at.getTime()) ? null : at;
}

interface Clock {
    readonly told: Set<(now: number) => void>;
    readonly timer: ReturnType<typeof setInterval>;
}

/* One for all that want the time as often, however many rows they are. */
const clocks = new Map<number, Clock>();

function follow(every: number, tell: (now: number) => void): () => void {
    let clock = clocks.get(every);

    if (clock === undefined) {
        const told = new Set<(now: number) => void>();

        clock = { told, timer: setInterval(() => {
            const now = Date.now();

            told.forEach(one => one(now));
        }, every) };
        clocks.set(every, clock);
    }
    const { told, timer } = clock;

    told.add(tell);
    return () => {
        told.delete(tell);
        if (told.size === 0) {
            clearInterval(timer);
            clocks.delete(every);
        }
    };
}

/* The time, again and again. */
export function useNow(every = 1000): number {
    const [now, set] = useState(Date.now());

    useEffect(() => follow(every, set), [every]);
    return now;
}
