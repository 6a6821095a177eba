// Calls to the management API: the session's cookie and token, a deadline,
// errors with their correlation id.

import { ApiError } from './errors';

export type Query = Readonly<Record<string,
    string | number | boolean | null | undefined>>;

export interface Call {
    readonly query?: Query;
    readonly body?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
    readonly timeout?: number;
}

export interface Answer<T> {
    readonly data: T;
    readonly etag: string | null;
}

const base = '/api/v2/';

let csrf: string | null = null;
let onLost: () => void = () => undefined;

export function useToken(token: string | null): void {
    csrf = token;
}

/* Who is told when a call finds that nobody is signed in. */
export function whenLost(handler: () => void): void {
    onLost = handler;
}

export function address(path: string, query: Query = {}): string {
    const params = new URLSearchParams();

    for (const [name, value] of Object.entries(query)) {
        if (value !== undefined && value !== null && value !== '') {
            params.set(name, String(value));
        }
    }
    const text = params.toString();

    return path + (text === '' ? '' : `?${text}`);
}

function fault(response: Response, text: string): ApiError {
    let body: Record<string, unknown> = {};

    try {
        body = JSON.parse(text) as Record<string, unknown>;
    } catch {
        // an error page of a proxy; its text is not for people
    }
    return new ApiError(response.status,
        typeof body.code === 'string' ? body.code : `http_${response.status}`,
        typeof body.error === 'string' ? body.error
            : typeof body.message === 'string' ? body.message
            : `The server answered ${response.status}.`,
        response.headers.get('X-Correlation-ID'),
        (body.fields ?? {}) as Record<string, string>, body);
}

async function exchange(method: string, path: string, call: Call):
    Promise<Response> {
    const deadline = AbortSignal.timeout(call.timeout ?? 15_000);
    const headers: Record<string, string> = {
        Accept: 'application/json', ...call.headers,
    };

    if (call.body !== undefined) {
        headers['Content-Type'] = 'application/json';
    }
    if (csrf !== null && method !== 'GET') {
        headers['X-CSRF-Token'] = csrf;
    }

    try {
        return await fetch(address(path, call.query), {
            method, headers, credentials: 'same-origin', cache: 'no-store',
            redirect: 'error',
            body: call.body === undefined ? null : JSON.stringify(call.body),
            signal: call.signal === undefined ? deadline
                : AbortSignal.any([deadline, call.signal]),
        });
    } catch (error) {
        if (call.signal?.aborted === true) {
            throw error;
        }
        throw deadline.aborted ? new ApiError(0, 'late', 'late')
            : new ApiError(0, 'unreachable', 'unreachable');
    }
}

async function heard(method: string, path: string, call: Call):
    Promise<readonly [Response, string]> {
    const response = await exchange(method, base + path, call);
    const text = await response.text();

    if (!response.ok) {
        const error = fault(response, text);

        if (error.status === 401 && path !== 'session') {
            onLost();
        }
        throw error;
    }
    return [response, text];
}

/* The answer as it was written. */
export async function text(path: string): Promise<string> {
    return (await heard('GET', path, { timeout: 60_000 }))[1];
}

export async function send<T>(method: string, path: string, call: Call = {}):
    Promise<Answer<T>> {
    const [response, text] = await heard(method, path, call);

    try {
        return {
            data: (text === '' ? null : JSON.parse(text)) as T,
            etag: response.headers.get('ETag'),
        };
    } catch {
        throw new ApiError(response.status, 'not_json',
            'The answer is no JSON.', response.headers.get('X-Correlation-ID'));
    }
}

export async function get<T>(path: string, query?: Query,
    signal?: AbortSignal): Promise<T> {
    return (await send<T>('GET', path, {
        ...(query && { query }), ...(signal && { signal }),
    })).data;
}

const quiet = 45_000;          /* an answer that goes on has a beat of 15 s */

/*
 * Reads an answer that goes on, piece by piece, until the server ends it; fails
 * when nothing is heard of it any more.
 */
export async function follow(path: string, query: Query, signal: AbortSignal,
    opened: () => void, take: (piece: string) => void): Promise<void> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), 15_000);

    try {
        const response = await fetch(address(base + path, query), {
            headers: { Accept: 'text/event-stream' }, cache: 'no-store',
            credentials: 'same-origin', redirect: 'error',
            signal: AbortSignal.any([silence.signal, signal]),
        });

        if (!response.ok || response.body === null) {
            const error = fault(response, await response.text());

            if (error.status === 401) {
                onLost();
            }
            throw error;
        }

        const reader = response.body.pipeThrough(new TextDecoderStream())
            .getReader();

        opened();
        for (;;) {
            const { done, value } = await reader.read();

            if (done) {
                return;
            }
            clearTimeout(timer);
            timer = setTimeout(() => silence.abort(), quiet);
            take(value);
        }
    } catch (error) {
        throw error instanceof ApiError || signal.aborted ? error
            : new ApiError(0, 'unreachable', 'unreachable');
    } finally {
        clearTimeout(timer);
    }
}

/* Health answers 503 with a body that says what is wrong. */
export async function health<T>(): Promise<T> {
    const response = await exchange('GET', '/health', { timeout: 5000 });

    try {
        return await response.json() as T;
    } catch {
        throw new ApiError(0, 'unreachable', 'unreachable');
    }
}

/* A path part of a name that may hold anything. */
export function part(name: string | number): string {
    return encodeURIComponent(String(name));
}
