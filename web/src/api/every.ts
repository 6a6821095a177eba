// The whole of a list that is had by the page.

import { get } from './client';
import type { Pagination } from './types';

export async function every<T>(path: string, member: string,
    signal: AbortSignal): Promise<T[]> {
    const rows: T[] = [];

    for (let page = 1; ; page++) {
        const list = await get<{ readonly [name: string]: unknown }>(path,
            { page, limit: 1000 }, signal);

        rows.push(...list[member] as T[]);
        if (page >= (list.pagination as Pagination).pages) {
            return rows;
        }
    }
}
