// Where one is: a screen and its parameters, behind the # of the address, so
// that it can be shared and what was looked for is in no server's log.

import { store, useStore } from './store';

export interface Place {
    readonly screen: string;
    readonly params: URLSearchParams;
}

function read(): Place {
    const hash = location.hash.replace(/^#\/?/, '');
    const [screen = '', query = ''] = hash.split('?', 2);

    if (hash === '' && location.pathname === '/audit') {
        return { screen: 'audit', params: new URLSearchParams() };
    }
    return { screen, params: new URLSearchParams(query) };
}

const place = store(read());

addEventListener('hashchange', () => place.set(read()));
addEventListener('popstate', () => place.set(read()));

export function usePlace(): Place {
    return useStore(place);
}

export function here(): Place {
    return place.get();
}

export type Params = Readonly<Record<string, string | number | null | undefined>>;

export function href(screen: string, params: Params = {}): string {
    const query = new URLSearchParams();

    for (const [name, value] of Object.entries(params)) {
        if (value !== null && value !== undefined && value !== '') {
            query.set(name, String(value));
        }
    }
    const text = query.toString();

    return `/#/${screen}${text === '' ? '' : `?${text}`}`;
}

export function go(screen: string, params: Params = {}): void {
    history.pushState(null, '', href(screen, params));
    place.set(read());
    scrollTo(0, 0);
}

/* Changes parameters of this screen; each keystroke is no page of its own. */
export function setParams(change: Params, push = false): void {
    const { screen, params } = read();
    const all: Record<string, string | number | null | undefined> = {
        ...Object.fromEntries(params), ...change,
    };

    history[push ? 'pushState' : 'replaceState'](null, '', href(screen, all));
    place.set(read());
}
