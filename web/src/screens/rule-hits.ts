// How often each rule has matched in a day, and when last.

import { get } from '../api/client';
import { usePoll } from '../lib/poll';

export interface Hit {
    readonly rule_id: number;
    readonly count: number;
    readonly capped: boolean;
    readonly last: string | null;
}

export type Hits = ReadonlyMap<number, Hit>;

export function useHits(): Hits | null {
    const answer = usePoll(async s => {
        const { hits } = await get<{ hits: Hit[] }>('rules/hits', {}, s);

        return new Map(hits.map(hit => [hit.rule_id, hit]));
    }, 60_000, 'hits');

    return answer.data;
}
