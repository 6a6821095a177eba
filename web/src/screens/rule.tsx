// One rule: its fields, what it would match, what it was.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import { get, part, send } from '../api/client';
import { ApiError } from '../api/errors';
import type { Change, Changes, Rule } from '../api/types';
import { handlings, line, severities, words } from '../lib/format';
import { usePoll } from '../lib/poll';
import { may } from '../lib/session';
import { Badge, Button, Empty, Loading, Trouble, When } from '../ui/basics';
import { Confirm, Dialog, tell } from '../ui/dialog';
import { Diff, differing } from '../ui/diff';
import { Check, Choice, Text } from '../ui/form';
import { Trial } from './rule-trial';

export interface Draft {
    match_type: string;
    match_string: string;
    trap_oid: string;
    syslog_severity: string;
    priority: string;
    prod_handling: string;
    dev_handling: string;
    team_assignment: string;
    is_active: boolean;
}

const blank: Draft = {
    match_type: 'contains', match_string: '', trap_oid: '', syslog_severity: '',
    priority: '100', prod_handling: 'Ticket_only', dev_handling: 'Log_only',
    team_assignment: '', is_active: true,
};

/* What may be written; the rest of a rule is the server's. */
const writable = ['match_type', 'match_string', 'trap_oid', 'syslog_severity',
    'priority', 'prod_handling', 'dev_handling', 'team_assignment',
    'is_active'] as const;

function draftOf(rule: Rule): Draft {
    return {
        ...rule, match_string: rule.match_string ?? '',
        trap_oid: rule.trap_oid ?? '',
        syslog_severity: rule.syslog_severity === null ? ''
            : String(rule.syslog_severity),
        priority: String(rule.priority),
    };
}

export function bodyOf(draft: Draft): Record<string, unknown> {
    return {
        match_type: draft.match_type,
        match_string: draft.match_string === '' ? null : draft.match_string,
        trap_oid: draft.trap_oid.trim() === '' ? null : draft.trap_oid.trim(),
        syslog_severity: draft.syslog_severity === '' ? null
            : Number(draft.syslog_severity),
        priority: Number(draft.priority),
        prod_handling: draft.prod_handling,
        dev_handling: draft.dev_handling,
        team_assignment: draft.team_assignment.trim(),
        is_active: draft.is_active,
    };
}

/* What is wrong at once; the server looks at the rest. */
export function faults(draft: Draft): Partial<Record<keyof Draft, string>> {
    const wrong: Partial<Record<keyof Draft, string>> = {};
    const priority = Number(draft.priority);

    if (draft.match_type !== 'oid_prefix' && draft.match_string === '') {
        wrong.match_string = 'what has to be in the message';
    }
    if ([...draft.match_string].length > 1024) {
        wrong.match_string = 'at most 1024 characters';
    }
    if (draft.match_type === 'oid_prefix' && draft.trap_oid.trim() === '') {
        wrong.trap_oid = 'the beginning of an OID';
    }
    if (draft.trap_oid.trim() !== ''
        && !/^\.?\d+(\.\d+)*(\.\*)?$/.test(draft.trap_oid.trim())) {
        wrong.trap_oid = 'numbers with dots between them';
    }
    if (draft.priority.trim() === '' || !Number.isInteger(priority)
        || priority < 0 || priority > 1_000_000) {
        wrong.priority = '0 to 1000000';
    }
    if (draft.team_assignment.trim() === ''
        || draft.team_assignment.length > 100) {
        wrong.team_assignment = '1 to 100 characters';
    }
    return wrong;
}

function Fields(props: { draft: Draft; wrong: Partial<Record<string, string>>;
    teams: readonly string[]; set: (change: Partial<Draft>) => void }):
    JSX.Element {
    const { draft, wrong, set } = props;
    const handling = handlings.map(h => [h, words(h)] as const);

    return (
        <div class="fields">
            <Choice label="Matches by" value={draft.match_type}
                onInput={match_type => set({ match_type })} options={[
                    ['contains', 'text the message contains'],
                    ['regex', 'regular expression'],
                    ['oid_prefix', 'beginning of a trap OID']]} />
            <Choice label="Only of severity" value={draft.syslog_severity}
                onInput={syslog_severity => set({ syslog_severity })} options={[
                    ['', 'any'], ...severities.map((s, i) =>
                        [String(i), `${i} ${s}`] as const)]} />
            <Text class="whole" mono label={draft.match_type === 'regex'
                ? 'Regular expression' : 'Text'} rows={2}
                value={draft.match_string} error={wrong.match_string} autofocus
                onInput={match_string => set({ match_string })}
                hint={draft.match_type === 'regex'
                    ? 'PCRE2, in any case, anywhere in the message'
                    : draft.match_type === 'contains' ? 'in any case'
                    : 'not needed; a trap is matched by its OID'} />
            <Text class="whole" mono label="Trap OID" value={draft.trap_oid}
                error={wrong.trap_oid} onInput={trap_oid => set({ trap_oid })}
                placeholder="1.3.6.1.6.3.1.1.5.3" />
            <Choice label="In production" value={draft.prod_handling}
                onInput={prod_handling => set({ prod_handling })}
                options={handling} />
            <Choice label="On development hosts" value={draft.dev_handling}
                onInput={dev_handling => set({ dev_handling })}
                options={handling} />
            <Text label="Team" value={draft.team_assignment} list={props.teams}
                error={wrong.team_assignment}
                onInput={team_assignment => set({ team_assignment })} />
            <Text label="Priority" type="number" value={draft.priority}
                error={wrong.priority} hint="the lowest is tried first"
                onInput={priority => set({ priority })} />
            <Check label="Enabled" checked={draft.is_active}
                onInput={is_active => set({ is_active })} />
        </div>
    );
}

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
                    {c.reason !== null && <>: <bdi>{line(c.reason)}</bdi></>}</p>
                <Diff before={c.old_values} after={c.new_values} />
                {may('write') && c.old_values !== null
                    && c.operation === 'UPDATE' && <Button onClick={() =>
                    onRevert(c.old_values ?? {})}>Take these old values</Button>}
            </li>
        ))}</ol>
    );
}

export function Editor(props: { id: number | null; rules: readonly Rule[];
    onClose: () => void; onSaved: () => void }): JSX.Element {
    const { id } = props;
    const [draft, setDraft] = useState<Draft | null>(id === null ? blank : null);
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
                    <Fields draft={draft} wrong={wrong} teams={teams} set={set} />
                    {saved?.deleted_at != null && <p class="dim">It is deleted.</p>}
                    {changed.length > 0 && <details open><summary>What changes
                    </summary><Diff
                        before={saved as unknown as Record<string, unknown>}
                        after={{ ...saved, ...bodyOf(draft) }} /></details>}
                </> : tab === 'test'
                    ? <Trial id={id} draft={draft} ready={
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
