// Named keys, and what they may.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { get, part, send } from '../api/client';
import type { Key, Pagination } from '../api/types';
import { count, line, plural } from '../lib/format';
import { useShortcuts, type Shortcut } from '../lib/keys';
import { usePoll } from '../lib/poll';
import { setParams, usePlace } from '../lib/router';
import { parse } from '../lib/time';
import { Badge, Button, Empty, Loading, Page, Stale, Trouble, When,
    type Tone } from '../ui/basics';
import { Confirm, tell } from '../ui/dialog';
import { Choice, Text } from '../ui/form';
import { Limit, Make, Once, Rotate } from './key-dialogs';

function stateOf(key: Key): readonly [Tone, string] {
    const end = parse(key.expires_at);

    return key.revoked_at !== null ? ['dim', 'revoked']
        : end !== null && end.getTime() < Date.now() ? ['dim', 'expired']
        : ['good', 'valid'];
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
