// One rule: its fields, what it would match, what it was.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import { get, part, send } from '../api/client';
import { ApiError } from '../api/errors';
import type { Change, Changes, Rule } from '../api/types';
import { line } from '../lib/format';
import { usePoll } from '../lib/poll';
import { href } from '../lib/router';
import { may } from '../lib/session';
import { Badge, Button, Empty, Loading, Trouble, When } from '../ui/basics';
import { Confirm, Dialog, tell, typed } from '../ui/dialog';
import { Diff, differing } from '../ui/diff';
import { Text } from '../ui/form';
import { bodyOf, draftFor, draftOf, faults, writable, blank, type Draft }
    from './rule-draft';
import { Fields } from './rule-fields';
import { Trial } from './rule-trial';

function History({ id, onRevert }: { id: number;
    onRevert: (values: Record<string, unknown>) => void }): JSX.Element {
    const changes = usePoll(s => get<Changes>('audit', { limit: 50,
        table_name: 'alert_rules', record_key: String(id) }, s), 0, `rule ${id}`);
    const logs = changes.data?.logs;

    if (logs === undefined) {
        return changes.error === null ? <Loading what="its history" />
            : <Trouble error={changes.error} retry={changes.refresh} />;
    }
    return logs.length === 0 ? <Empty title="It was never changed here">
        It came with the first data.</Empty> : (
        <ol class="history">{logs.map((c: Change) => (
            <li key={c.id}>
                <p><Badge tone="info">{c.operation.toLowerCase()}</Badge>{' '}
                    <b>{line(c.changed_by)}</b> <When at={c.changed_at} />
                    {c.reason !== null && <>: <bdi>{line(c.reason)}</bdi></>}{' '}
                    <a href={href('audit', { id: c.id, at: c.changed_at })}>in the
                        audit</a></p>
                <Diff before={c.old_values} after={c.new_values} />
                {may('write') && c.old_values !== null
                    && c.operation === 'UPDATE' && <Button onClick={() =>
                    onRevert(c.old_values ?? {})}>Take these old values</Button>}
            </li>
        ))}</ol>
    );
}

/* A rule that there is, or a new one, for a text or a trap that was seen. */
export function Editor(props: { id: number | null; rules: readonly Rule[];
    text: string; trap: string; onClose: () => void; onSaved: () => void }):
    JSX.Element {
    const { id } = props;
    const [draft, setDraft] = useState<Draft | null>(id === null
        ? draftFor(props.text, props.trap) : null);
    const [saved, setSaved] = useState<Rule | null>(null);
    const [etag, setEtag] = useState<string | null>(null);
    const [tab, setTab] = useState<'rule' | 'test' | 'history'>('rule');
    const [reason, setReason] = useState('');
    const [touched, setTouched] = useState(false);
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<unknown>(null);
    const [deleting, setDeleting] = useState(false);

    const load = async (keep: boolean): Promise<void> => {
        if (id === null) {
            return;
        }
        try {
            const answer = await send<Rule>('GET', `rules/${part(id)}`);

            setEtag(answer.etag);
            setSaved(answer.data);
            setError(null);
            if (!keep) {
                setDraft(draftOf(answer.data));
            }
        } catch (e) {
            setError(e);
        }
    };

    useEffect(() => void load(false), [id]);

    const set = (change: Partial<Draft>): void => {
        setDraft(old => ({ ...(old ?? blank), ...change }));
        setTouched(true);
        setError(null);
    };
    const here = draft === null ? {} : faults(draft);
    const wrong: Record<string, string> = {
        ...(touched ? here as Record<string, string> : {}),
        ...(error instanceof ApiError ? error.fields : {}),
    };
    const stale = error instanceof ApiError
        && error.code === 'precondition_failed';

    const save = async (): Promise<void> => {
        setTouched(true);
        if (draft === null || Object.keys(here).length > 0) {
            setTab('rule');
            return;
        }
        setBusy(true);
        setError(null);
        try {
            await send(id === null ? 'POST' : 'PUT',
                id === null ? 'rules' : `rules/${part(id)}`, {
                    body: { ...bodyOf(draft), reason: reason.trim() },
                    headers: etag === null ? {} : { 'If-Match': etag },
                });
            tell(id === null ? 'The rule was made.' : `Rule ${id} was changed.`);
            props.onSaved();
            props.onClose();
        } catch (e) {
            setError(e);
            setBusy(false);
        }
    };

    const revert = (values: Record<string, unknown>): void => {
        const kept = Object.fromEntries(writable.filter(name => name in values)
            .map(name => [name, values[name]]));

        setDraft(draftOf({ ...saved, ...kept } as Rule));
        setTouched(true);
        setReason('revert');
        setTab('rule');
    };

    const teams = [...new Set(props.rules.map(r => r.team_assignment))].sort();
    const changed = draft === null || saved === null ? []
        : differing(saved as unknown as Record<string, unknown>,
            { ...saved, ...bodyOf(draft) });

    return (
        <Dialog drawer onClose={props.onClose}
            holds={touched || reason !== '' ? typed : null}
            title={id === null ? 'New rule' : `Rule ${id}`}
            actions={may('write') && draft !== null && <>
                {id !== null && <Button kind="danger"
                    onClick={() => setDeleting(true)}>Delete</Button>}
                <Text class="reason" label="Reason" value={reason}
                    onInput={setReason} maxLength={500}
                    placeholder="why, for the audit" />
                <Button kind="main" busy={busy}
                    disabled={reason.trim() === ''
                        || (id !== null && changed.length === 0)}
                    onClick={() => void save()}>
                    {id === null ? 'Make' : 'Save'}</Button></>}>
            <div class="tabs" role="tablist" aria-label="Rule">
                {([['rule', 'Rule'], ['test', 'Test'], ['history', 'History']] as
                    const).filter(([name]) => name !== 'history' || id !== null)
                    .map(([name, title]) => (
                        <button key={name} type="button" role="tab"
                            aria-selected={tab === name}
                            onClick={() => setTab(name)}>{title}</button>))}
            </div>
            {stale ? <div class="trouble" role="alert">
                <p>Somebody else changed this rule in the meantime.</p>
                <Button onClick={() => void load(true)}>Look at it, keep what I
                    typed</Button></div>
                : Object.keys(wrong).length === 0 && <Trouble error={error} />}
            {draft === null ? error === null && <Loading what="the rule" />
                : tab === 'rule' ? <>
                    {id === null && props.text !== '' && <p class="dim">The text
                        is that of the event: leave out what is another in the
                        next, as names and numbers, then look at Test.</p>}
                    <Fields draft={draft} wrong={wrong} teams={teams} set={set} />
                    {saved?.deleted_at != null && <p class="dim">It is deleted.</p>}
                    {changed.length > 0 && <details open><summary>What changes
                    </summary><Diff
                        before={saved as unknown as Record<string, unknown>}
                        after={{ ...saved, ...bodyOf(draft) }} /></details>}
                </> : tab === 'test'
                    ? <Trial id={id} draft={draft} event={props.trap === ''
                        ? props.text : JSON.stringify({ trap_oid: props.trap,
                            message: props.text })} ready={
                        Object.keys(here).length === 0
                        || Object.keys(here).join() === 'team_assignment'} />
                    : id !== null && <History id={id} onRevert={revert} />}
            {deleting && id !== null && <Confirm danger title={`Delete rule ${id}`}
                act="Delete 1 rule" reason="required"
                onClose={() => setDeleting(false)} run={async why => {
                    await send('DELETE', `rules/${part(id)}`, {
                        body: { reason: why },
                        headers: etag === null ? {} : { 'If-Match': etag } });
                    tell(`Rule ${id} was deleted.`);
                    props.onSaved();
                    props.onClose();
                }}>
                <p>Events that it matched go to the next rule that matches. What
                    it did stays in the audit.</p></Confirm>}
        </Dialog>
    );
}
