// A named key is made, shown once, limited, and given a successor.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { part, send } from '../api/client';
import { ApiError } from '../api/errors';
import type { Key } from '../api/types';
import { count, line } from '../lib/format';
import { parse } from '../lib/time';
import { Button, Copy, Trouble } from '../ui/basics';
import { Confirm, Dialog, tell, typed } from '../ui/dialog';
import { Check, Text } from '../ui/form';

const scopes = [['ingest', 'send events'], ['read', 'see everything'],
    ['write', 'change rules, hosts and teams'],
    ['admin', 'change settings and keys']] as const;

/* Events a minute as typed; null: no limit, undefined: none that can be. */
function limitOf(text: string): number | null | undefined {
    const digits = text.trim();
    const limit = Number(digits);

    return digits === '' ? null
        : /^\d+$/.test(digits) && limit >= 1 && limit <= 1_000_000_000 ? limit
        : undefined;
}

function LimitField(props: { value: string; onInput: (value: string) => void;
    error?: string | undefined; autofocus?: boolean }): JSX.Element {
    return (
        <Text label="Limit (events a minute)" {...props}
            error={limitOf(props.value) === undefined
                ? 'a whole number from 1 to 1000000000' : props.error}
            hint="none but the one of all if empty" />
    );
}

/* The one moment in which a key can be seen. */
export function Once({ made, onClose }: { made: { name: string; key: string };
    onClose: () => void }): JSX.Element {
    return (
        <Dialog title={`The key ${made.name}`} onClose={onClose}
            holds="The key cannot be shown again." actions={
            <Button kind="main" onClick={onClose}>I have it</Button>}>
            <p>It is shown now and never again. Put it where its user finds it,
                and nowhere else.</p>
            <p class="secret"><code>{made.key}</code>{' '}
                <Copy text={made.key} what="key" /></p>
        </Dialog>
    );
}

export function Make({ onClose, onMade }: { onClose: () => void;
    onMade: (made: { name: string; key: string }) => void }): JSX.Element {
    const [name, setName] = useState('');
    const [chosen, setChosen] = useState<readonly string[]>(['ingest']);
    const [limit, setLimit] = useState('');
    const [expires, setExpires] = useState('');
    const [reason, setReason] = useState('');
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<unknown>(null);
    const wrong = error instanceof ApiError ? error.fields : {};
    const sends = chosen.includes('ingest');
    const most = sends ? limitOf(limit) : null;

    const make = async (): Promise<void> => {
        setBusy(true);
        setError(null);
        try {
            const { data } = await send<{ name: string; key: string }>('POST',
                'keys', { body: { name: name.trim(), scopes: chosen,
                    ...(most != null && { rate_limit: most }),
                    ...(expires !== '' && {
                        expires_at: parse(expires)?.toISOString() }),
                    ...(reason.trim() !== '' && { reason: reason.trim() }) } });

            onMade({ name: name.trim(), key: data.key });
        } catch (e) {
            setError(e);
            setBusy(false);
        }
    };

    return (
        <Dialog title="New key" onClose={onClose}
            holds={name.trim() === '' ? null : typed} actions={<>
            <Button onClick={onClose}>Cancel</Button>
            <Button kind="main" busy={busy} onClick={() => void make()}
                disabled={name.trim() === '' || chosen.length === 0
                    || most === undefined}>Make</Button>
        </>}>
            <Text label="Name" value={name} onInput={setName} autofocus
                error={wrong.name} hint="who or what uses it; the audit names it" />
            <fieldset><legend>It may</legend>{scopes.map(([scope, what]) => (
                <Check key={scope} label={`${scope}: ${what}`}
                    checked={chosen.includes(scope)} onInput={on =>
                        setChosen(on ? [...chosen, scope]
                            : chosen.filter(s => s !== scope))} />))}
                {wrong.scopes !== undefined
                    && <p class="wrong">{wrong.scopes}</p>}</fieldset>
            {sends && <LimitField value={limit} onInput={setLimit}
                error={wrong.rate_limit} />}
            <Text label="Valid until (local)" type="datetime-local"
                value={expires} onInput={setExpires} error={wrong.expires_at}
                hint="for ever if empty" />
            <Text label="Reason (optional)" value={reason} onInput={setReason}
                maxLength={500} />
            {Object.keys(wrong).length === 0 && <Trouble error={error} />}
        </Dialog>
    );
}

/* Of all keys of the name, as the server has it. */
export function Limit({ of, onClose, onDone }: { of: Key; onClose: () => void;
    onDone: () => void }): JSX.Element {
    const [text, setText] = useState(of.rate_limit?.toString() ?? '');
    const limit = limitOf(text);

    return (
        <Confirm title={`Limit ${line(of.name, 60)}`} act="Set its limit"
            reason="optional" onClose={onClose}
            ready={limit !== undefined && limit !== of.rate_limit}
            run={async reason => {
                await send('PUT', `keys/${part(of.name)}`, { body: {
                    rate_limit: limit, ...(reason !== '' && { reason }) } });
                tell(limit === null ? `${of.name} has no limit of its own.`
                    : `${of.name} may send ${count(limit)} events a minute.`);
                onDone();
            }}>
            <p>How many events a minute each key of this name may send, beside
                the limit of all.</p>
            <LimitField value={text} onInput={setText} autofocus />
        </Confirm>
    );
}

/* A second key of the name; the first goes once it is no longer used. */
export function Rotate({ of, onClose, onMade }: { of: Key; onClose: () => void;
    onMade: (made: { name: string; key: string }) => void }): JSX.Element {
    return (
        <Confirm title={`Rotate ${line(of.name, 60)}`} act="Make its second key"
            reason="optional" onClose={onClose} run={async reason => {
                const { data } = await send<{ key: string }>('POST',
                    `keys/${part(of.name)}/rotate`,
                    { body: reason === '' ? {} : { reason } });

                onMade({ name: of.name, key: data.key });
            }}>
            <p>Both are good then. Give the second to its user, see that the
                first is no longer used, and revoke the first.</p>
        </Confirm>
    );
}
