// What can go wrong with a call, as one kind of error.

export class ApiError extends Error {
    constructor(
        readonly status: number,
        readonly code: string,
        message: string,
        readonly correlationId: string | null = null,
        readonly fields: Readonly<Record<string, string>> = {},
        readonly body: Readonly<Record<string, unknown>> = {},
    ) {
        super(message);
        this.name = 'ApiError';
    }

    /* A dependency is away; the same call may succeed later. */
    get passing(): boolean {
        return this.status === 0 || this.status === 429 || this.status >= 502;
    }
}

const told: Readonly<Record<string, string>> = {
    unreachable: 'The server does not answer.',
    late: 'The server did not answer in time. '
        + 'Whether a change was made is not known.',
    unauthorized: 'You are not signed in.',
    forbidden: 'Your key may not do this.',
    csrf_failed: 'The session has changed. Sign in again.',
    not_found: 'There is no such thing, or no longer.',
    precondition_failed: 'Somebody else changed it in the meantime.',
    database_unavailable: 'PostgreSQL is away. '
        + 'Events are still taken; nothing can be looked up or changed.',
    redis_unavailable: 'Redis is away.',
    timeout: 'The database took too long. Narrow what you ask for.',
    busy: 'The server has too much to do.',
    rate_limited: 'Too many attempts. Wait a little.',
};

/* What happened, for a person. */
export function explain(error: unknown): string {
    if (!(error instanceof ApiError)) {
        return error instanceof Error ? error.message : String(error);
    }
    const fields = Object.entries(error.fields);

    if (fields.length > 0) {
        return fields.map(([name, reason]) => `${name} ${reason}`).join('; ');
    }
    return told[error.code] ?? error.message;
}
