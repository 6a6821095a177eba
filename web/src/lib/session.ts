// Who is signed in.  The server keeps the session; the page only knows the
// token that changes have to carry, and forgets it when it is closed.

import { send, useToken, whenLost } from '../api/client';
import { ApiError } from '../api/errors';
import type { Session } from '../api/types';
import { back } from './poll';
import { store } from './store';

export type Standing =
    | { readonly state: 'asking' }
    | { readonly state: 'out'; readonly lost: boolean }
    | { readonly state: 'unknown'; readonly error: unknown }
    | { readonly state: 'in'; readonly session: Session };

export const standing = store<Standing>({ state: 'asking' });

function enter(session: Session): void {
    useToken(session.csrf_token);
    standing.set({ state: 'in', session });
    dispatchEvent(new Event(back));
}

whenLost(() => {
    if (standing.get().state === 'in') {
        useToken(null);
        standing.set({ state: 'out', lost: true });
    }
});

/* Whether an earlier sign in still holds. */
export async function resume(): Promise<void> {
    try {
        enter((await send<Session>('GET', 'session')).data);
    } catch (error) {
        /* somebody may have signed in since it was asked */
        if (standing.get().state !== 'in') {
            standing.set(error instanceof ApiError && error.status === 401
                ? { state: 'out', lost: false } : { state: 'unknown', error });
        }
    }
}

export async function signIn(key: string): Promise<void> {
    enter((await send<Session>('POST', 'session', { body: { api_key: key } }))
        .data);
}

export async function signOut(): Promise<void> {
    try {
        await send('DELETE', 'session');
    } catch (error) {
        if (!(error instanceof ApiError && error.status === 401)) {
            throw error;
        }
    }
    useToken(null);
    standing.set({ state: 'out', lost: false });
}

/* Whether a scope is among the session's; admin implies write implies read. */
export function may(scope: 'read' | 'write' | 'admin'): boolean {
    const now = standing.get();
    const implied = { read: ['read', 'write', 'admin'],
        write: ['write', 'admin'], admin: ['admin'] }[scope];

    return now.state === 'in'
        && now.session.scopes.some(s => implied.includes(s));
}
