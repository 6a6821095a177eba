// Named keys: made, shown once, limited, revoked.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { get, part, send } from '../api/client';
import { ApiError } from '../api/errors';
import type { Key, Pagination } from '../api/types';
import { count, line, plural } from '../lib/format';
import { useShortcuts, type Shortcut } from '../lib/keys';
import { usePoll } from '../lib/poll';
import { setParams, usePlace } from '../lib/router';
import { parse } from '../lib/time';
import { Badge, Button, Copy, Empty, Loading, Page, Stale, Trouble, When,
    type Tone } from '../ui/basics';
import { Confirm, Dialog, tell, typed } from '../ui/dialog';
import { Check, Choice, Text } from '../ui/form';

const scopes = [['ingest', 'send events'], ['read', 'see everything'],
    ['write', 'change rules, hosts and teams'],
    ['admin', 'change settings and keys']] as const;

function stateOf(key: Key): readonly [Tone, string] {
    const end = parse(key.expires_at);

    return key.revoked_at !== null ? ['dim', 'revoked']
        : end !== null && end.getTime() < Date.now() ? ['dim', 'expired']
        : ['good', 'valid'];
}

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
function Once({ made, onClose }: { made: { name: string; key: string };
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

function Make({ onClose, onMade }: { onClose: () => void;
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
function Limit({ of, onClose, onDone }: { of: Key; onClose: () => void;
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
function Rotate({ of, onClose, onMade }: { of: Key; onClose: () => void;
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

export function Keys(): JSX.Element {
    const { params } = usePlace();
    const list = usePoll(s => get<{ keys: Key[]; pagination: Pagination }>(
        'keys', {}, s), 15_000, 'keys');
    const text = params.get('q') ?? '';
    const show = params.get('show') ?? '';
    const [making, setMaking] = useState(false);
    const [made, setMade] = useState<{ name: string; key: string } | null>(null);
    const [limiting, setLimiting] = useState<Key | null>(null);
    const [rotating, setRotating] = useState<Key | null>(null);
    const [revoking, setRevoking] = useState<Key | null>(null);
    const keys = list.data?.keys ?? [];
    const shown = keys.filter(k => k.name.toLowerCase()
        .includes(text.toLowerCase())
        && (show === 'all' || stateOf(k)[1] === 'valid'));

    const shortcuts = useMemo((): Shortcut[] => [
        { keys: 'n', what: 'New key', run: () => setMaking(true) },
    ], []);

    useShortcuts(shortcuts);

    return (
        <Page title="Keys" lead="For senders and programs. The two that the
            server was started with are not listed." actions={
            <Button kind="main" icon="plus" keys="n"
                onClick={() => setMaking(true)}>New key</Button>}>
            <form class="filters" onSubmit={e => e.preventDefault()}>
                <Text label="Search" type="search" search value={text}
                    onInput={q => setParams({ q })} placeholder="part of a name" />
                <Choice label="Show" value={show} onInput={v =>
                    setParams({ show: v })} options={[['', 'valid ones'],
                    ['all', 'revoked and expired too']]} />
            </form>
            <p class="summary" role="status">{list.data !== null
                && plural(shown.length, 'key')}{' '}
                <Stale at={list.at} error={list.error} limit={30} /></p>
            <Trouble error={list.error} retry={list.refresh} />
            {list.data === null ? list.error === null && <Loading what="keys" />
                : shown.length === 0
                ? <Empty title={keys.length === 0 ? 'No key was made yet'
                    : 'No key to show'}>
                    {keys.length === 0 && <p>Give each sender one of its own: it
                        can be revoked without the others.</p>}
                    <Button kind="main" icon="plus" onClick={() => setMaking(true)}>
                        New key</Button></Empty>
                : <div class="scroll" tabIndex={0} role="region"
                    aria-label="Keys, scrollable"><table class="keys">
                    <thead><tr><th>Name</th><th>State</th><th>May</th>
                        <th>Limit</th><th>Made</th><th>Last used</th>
                        <th>Ends</th><th><span class="unseen">Actions</span></th>
                    </tr></thead>
                    <tbody>{shown.map(k => {
                        const [tone, word] = stateOf(k);

                        return (
                            <tr key={k.id}>
                                <td><b>{line(k.name)}</b> <span class="sub">
                                    id {k.id}</span></td>
                                <td><Badge tone={tone}>{word}</Badge></td>
                                <td>{k.scopes.join(', ')}</td>
                                <td data-name="limit">{k.rate_limit === null
                                    ? <span class="dim">none</span>
                                    : `${count(k.rate_limit)} a minute`}</td>
                                <td data-name="made"><When at={k.created_at} /></td>
                                <td data-name="used">{k.last_used_at === undefined
                                    ? <span class="dim">-</span>
                                    : <When at={k.last_used_at} />}</td>
                                <td data-name="ends">{k.revoked_at !== null
                                    ? <When at={k.revoked_at} />
                                    : k.expires_at === null
                                    ? <span class="dim">never</span>
                                    : <When at={k.expires_at} />}</td>
                                <td class="acts">{word === 'valid' && <>
                                    {k.scopes.includes('ingest')
                                        && <Button onClick={() =>
                                            setLimiting(k)}>Limit</Button>}
                                    <Button disabled={keys.filter(o => o.name
                                        === k.name && stateOf(o)[1] === 'valid')
                                        .length > 1}
                                        onClick={() => setRotating(k)}>Rotate
                                    </Button>
                                    <Button kind="danger" onClick={() =>
                                        setRevoking(k)}>Revoke</Button></>}</td>
                            </tr>
                        );
                    })}</tbody></table></div>}
            {making && <Make onClose={() => setMaking(false)} onMade={m => {
                setMaking(false);
                setMade(m);
                list.refresh();
            }} />}
            {made !== null && <Once made={made} onClose={() => setMade(null)} />}
            {limiting !== null && <Limit of={limiting} onDone={list.refresh}
                onClose={() => setLimiting(null)} />}
            {rotating !== null && <Rotate of={rotating}
                onClose={() => setRotating(null)} onMade={m => {
                    setMade(m);
                    list.refresh();
                }} />}
            {revoking !== null && <Confirm danger reason="optional"
                title={`Revoke ${line(revoking.name, 60)}`} act="Revoke 1 key"
                onClose={() => setRevoking(null)} run={async reason => {
                    await send('DELETE', `keys/${part(revoking.name)}`,
                        { body: { id: revoking.id,
                            ...(reason !== '' && { reason }) } });
                    tell(`${revoking.name} was revoked.`);
                    list.refresh();
                }}>
                <p>Who uses it is refused within seconds, and it does not come
                    back.</p></Confirm>}
            <p class="unseen">{plural(keys.length, 'key')} in all</p>
        </Page>
    );
}
