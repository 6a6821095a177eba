// Live settings: what they are, what they were, who changed them.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { get, part, send } from '../api/client';
import { ApiError } from '../api/errors';
import type { Change, Pagination, Setting } from '../api/types';
import { line, plural, value as shown, visible } from '../lib/format';
import { useShortcuts, type Shortcut } from '../lib/keys';
import { usePoll } from '../lib/poll';
import { href, setParams, usePlace } from '../lib/router';
import { may } from '../lib/session';
import { Badge, Button, Empty, Loading, Opens, Page, Stale, Trouble, When }
    from '../ui/basics';
import { Confirm, Dialog, tell, typed } from '../ui/dialog';
import { Check, Choice, Text } from '../ui/form';

interface Config {
    entries: Setting[];
}

interface History {
    history: Change[];
    pagination: Pagination;
    next_cursor: string | null;
}

function range(setting: Setting): string {
    const unit = setting.unit ?? '';

    return setting.choices !== null && setting.choices.length > 0
        ? setting.choices.join(', ')
        : setting.type === 'bool' ? 'true or false'
        : setting.min === null && setting.max === null ? setting.type
        : `${setting.min === null ? '' : shown(setting.min)} to ${
            setting.max === null ? '' : shown(setting.max)} ${unit}`.trim();
}

/* The value within what the audit kept of a setting, in whatever member. */
function valueIn(values: Record<string, unknown> | null): string | null {
    const value = values?.value;

    return value === null || value === undefined ? null : String(value);
}

function Past({ setting, onRevert }: { setting: Setting;
    onRevert: (value: string | null) => void }): JSX.Element {
    const past = usePoll(s => get<History>('config/history',
        { key: setting.key, limit: 50 }, s), 0, setting.key);
    const rows = past.data?.history;

    if (rows === undefined) {
        return past.error === null ? <Loading what="its history" />
            : <Trouble error={past.error} retry={past.refresh} />;
    }
    return rows.length === 0 ? <Empty title="It was never changed">
        It has its default, or what the environment says.</Empty> : (
        <ol class="history">{rows.map(c => {
            const before = valueIn(c.old_values), after = valueIn(c.new_values);

            return (
                <li key={c.id}>
                    <p><code class="removed">{visible(before ?? 'default')}</code>
                        {' \u2192 '}
                        <code class="added">{visible(after ?? 'default')}</code>
                        {' '}<b>{line(c.changed_by)}</b> <When at={c.changed_at} />
                        {c.reason !== null && <>: <bdi>{line(c.reason)}</bdi></>}
                        {' '}<a href={href('audit', { id: c.id,
                            at: c.changed_at })}>in the audit</a></p>
                    {may('admin') && before !== null
                        && (setting.is_default || before !== String(setting.value))
                        && <Button onClick={() => onRevert(before)}>
                            Back to {visible(before)}</Button>}
                </li>
            );
        })}</ol>
    );
}

function Edit({ setting, onClose, onSaved }: { setting: Setting;
    onClose: () => void; onSaved: () => void }): JSX.Element {
    const [value, setValue] = useState(String(setting.value));
    const [reason, setReason] = useState('');
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<unknown>(null);
    const [reverting, setReverting] = useState<string | null | undefined>();
    const number = setting.type === 'int' || setting.type === 'float';
    const n = Number(value);
    const wrong = !number ? undefined
        : value.trim() === '' || Number.isNaN(n)
            || (setting.type === 'int' && !Number.isInteger(n))
            || (setting.min !== null && n < setting.min)
            || (setting.max !== null && n > setting.max)
        ? range(setting) : undefined;
    const refused = error instanceof ApiError
        ? error.fields.value ?? error.fields[setting.key] : undefined;

    const store = async (text: string | null, why: string): Promise<void> => {
        await (text === null
            ? send('DELETE', `config/${part(setting.key)}`,
                { body: why === '' ? {} : { reason: why } })
            : send('PUT', `config/${part(setting.key)}`,
                { body: { value: text, ...(why !== '' && { reason: why }) } }));
        tell(`${setting.key} was changed.`);
        onSaved();
        onClose();
    };

    const save = async (): Promise<void> => {
        setBusy(true);
        setError(null);
        try {
            await store(value.trim(), reason.trim());
        } catch (e) {
            setError(e);
            setBusy(false);
        }
    };

    return (
        <Dialog wide title={setting.key} onClose={onClose}
            holds={value !== String(setting.value) || reason !== '' ? typed : null}
            actions={may('admin') && <>
                {!setting.is_default && <Button onClick={() => setReverting(null)}>
                    Back to the default</Button>}
                <Button kind="main" busy={busy} onClick={() => void save()}
                    disabled={wrong !== undefined || reason.trim() === ''
                        || value.trim() === String(setting.value)}>Save</Button>
            </>}>
            <p>{setting.description}</p>
            <dl class="facts">
                <div><dt>Default</dt><dd><code>{shown(setting.default)}</code></dd>
                </div>
                <div><dt>Range</dt><dd>{range(setting)}</dd></div>
                <div><dt>Read by</dt><dd>{setting.reader}</dd></div>
                <div><dt>Changed</dt><dd>{setting.updated_at === null ? 'never'
                    : <><When at={setting.updated_at} /> by{' '}
                        {line(setting.updated_by ?? '')}</>}</dd></div>
            </dl>
            {may('admin') && <div class="fields">
                {setting.type === 'bool'
                    ? <Check label="On" checked={value === 'true'}
                        onInput={on => setValue(String(on))} />
                    : setting.choices !== null && setting.choices.length > 0
                    ? <Choice label="Value" value={value} onInput={setValue}
                        options={setting.choices} error={refused} />
                    : <Text label={`Value${setting.unit === null ? ''
                        : `, ${setting.unit}`}`} value={value} onInput={setValue}
                        mono autofocus error={refused
                            ?? (value === String(setting.value) ? undefined : wrong)} />}
                <Text label="Reason" value={reason} onInput={setReason}
                    maxLength={500} placeholder="why, for the audit" />
            </div>}
            {refused === undefined && <Trouble error={error} />}
            <h3>History</h3>
            <Past setting={setting} onRevert={setReverting} />
            {reverting !== undefined && <Confirm reason="required"
                title={`Revert ${setting.key}`} act="Revert 1 setting"
                onClose={() => setReverting(undefined)}
                run={why => store(reverting, why)}>
                <p><code>{String(setting.value)}</code>{' \u2192 '}
                    <code>{visible(reverting ?? `default (${setting.default})`)}
                    </code></p></Confirm>}
        </Dialog>
    );
}

export function ConfigScreen(): JSX.Element {
    const { params } = usePlace();
    const config = usePoll(s => get<Config>('config', {}, s), 10_000, 'config');
    const text = params.get('q') ?? '';
    const only = params.get('only') ?? '';
    const chosen = params.get('key');
    const entries = config.data?.entries ?? [];
    const needle = text.toLowerCase();
    const listed = entries.filter(s => (only !== 'changed' || !s.is_default)
        && (needle === '' || s.key.includes(needle)
            || s.description.toLowerCase().includes(needle)));
    const readers = [...new Set(listed.map(s => s.reader))];
    const open = entries.find(s => s.key === chosen);
    const changed = entries.filter(s => !s.is_default).length;

    const shortcuts = useMemo((): Shortcut[] => [
        { keys: 'r', what: 'Ask again', run: config.refresh },
    ], []);

    useShortcuts(shortcuts);

    return (
        <Page title="Configuration" lead="Live settings: what is stored here is
            in force everywhere within a second.">
            <form class="filters" onSubmit={e => e.preventDefault()}>
                <Text label="Search" type="search" search value={text}
                    placeholder="name or help" onInput={q => setParams({ q })} />
                <Choice label="Show" value={only} onInput={v =>
                    setParams({ only: v })} options={[['', 'all settings'],
                    ['changed', 'changed ones']]} />
            </form>
            <p class="summary" role="status">{config.data !== null
                && `${plural(listed.length, 'setting')}, ${changed} changed`}{' '}
                <Stale at={config.at} error={config.error} limit={30} /></p>
            <Trouble error={config.error} retry={config.refresh} />
            {config.data === null ? config.error === null
                && <Loading what="settings" />
                : listed.length === 0 ? <Empty title="No setting matches">
                    <Button onClick={() => setParams({ q: null, only: null })}>
                        Show all</Button></Empty>
                : readers.map(reader => (
                    <section key={reader} class="group" aria-label={reader}>
                        <h2>{reader}</h2>
                        <div class="scroll" tabIndex={0} role="region"
                            aria-label={`Settings of ${reader}, scrollable`}>
                            <table class="settings">
                                <thead><tr><th>Setting</th><th>Value</th>
                                    <th>Default</th><th>Range</th><th>Changed</th>
                                </tr></thead>
                                <tbody>{listed.filter(s => s.reader === reader)
                                    .map(s => (
                                        <tr key={s.key}>
                                            <td><Opens params={{ key: s.key }}>
                                                <code>{s.key}</code></Opens>
                                            <span class="sub">{s.description}</span>
                                            </td>
                                            <td class="nowrap"><code class={
                                                s.is_default ? '' : 'set'}>
                                                {shown(s.value)}</code>{' '}
                                            <span class="dim">{s.unit}</span></td>
                                            <td class="dim"><code>
                                                {shown(s.default)}</code></td>
                                            <td class="dim">{range(s)}</td>
                                            <td class={s.is_default ? 'unset' : ''}>
                                                {s.is_default
                                                ? <span class="dim">-</span>
                                                : <><Badge tone="info">changed
                                                </Badge> <When at={s.updated_at} />{' '}
                                                {line(s.updated_by ?? '', 40)}</>}</td>
                                        </tr>
                                    ))}</tbody>
                            </table></div>
                    </section>
                ))}
            {open !== undefined && <Edit key={open.key} setting={open}
                onClose={() => setParams({ key: null })}
                onSaved={config.refresh} />}
        </Page>
    );
}
