// Signing in with a key, which goes to the server once and is not kept.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { ApiError, explain } from '../api/errors';
import { signIn } from '../lib/session';
import { Button, Trouble } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { Text } from '../ui/form';

function Form({ act }: { act: string }): JSX.Element {
    const [key, setKey] = useState('');
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<unknown>(null);
    const form = useRef<HTMLFormElement>(null);
    const refused = error instanceof ApiError && error.status === 401;

    useEffect(() => form.current?.querySelector('input')?.focus(), []);

    const submit = async (event: Event): Promise<void> => {
        event.preventDefault();
        setBusy(true);
        setError(null);
        try {
            await signIn(key.trim());
        } catch (e) {
            setError(e);
            setBusy(false);
        }
    };

    return (
        <form ref={form} onSubmit={event => void submit(event)}>
            <Text label="API key" type="password" value={key} onInput={setKey}
                autofocus required autocomplete="current-password"
                error={refused ? 'This key is not known, or no longer valid.'
                    : undefined}
                hint={<>A key that may read; <code>make up</code> prints the
                    admin key.</>} />
            {!refused && error !== null && (error instanceof ApiError
                ? <Trouble error={error} /> : <p>{explain(error)}</p>)}
            <Button kind="main" submit busy={busy}
                disabled={key.trim() === ''}>{act}</Button>
        </form>
    );
}

export function SignIn({ again }: { again?: boolean }): JSX.Element {
    if (again === true) {
        return (
            <Dialog title="Sign in again" onClose={() => undefined}>
                <p>The session has ended. What you were doing is kept.</p>
                <Form act="Go on" />
            </Dialog>
        );
    }
    return (
        <main class="lone">
            <div class="card">
                <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
                    <path d="M6 22V10l6 7 4-5 4 5 6-7v12" />
                </svg>
                <h1>Sign in to MUTT</h1>
                <Form act="Sign in" />
            </div>
        </main>
    );
}
