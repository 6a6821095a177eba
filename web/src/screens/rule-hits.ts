// How often each rule has matched, and when last.

export interface Hit {
    readonly count: number;
    readonly capped: boolean;
    readonly last: string | null;
}

export type Hits = ReadonlyMap<number, Hit>;

export function useHits(): Hits | null {
    return null;
}
