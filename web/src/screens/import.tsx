// Rules, development hosts and teams taken over from a file: compared by the
// server first, then stored as one change, if nothing was changed in between.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { send } from '../api/client';
import { ApiError } from '../api/errors';
import { count, line, plural } from '../lib/format';
import { usePoll } from '../lib/poll';
import { Badge, Button, Loading, Trouble } from '../ui/basics';
import { Dialog, tell, typed } from '../ui/dialog';
import { Diff } from '../ui/diff';
import { Check, Choice, Text } from '../ui/form';

export type Mode = 'merge' | 'replace';

const sections = [['rules', 'Rules', 'rule'],
    ['dev_hosts', 'Development hosts', 'host'],
    ['teams', 'Teams', 'host']] as const;

type Section = typeof sections[number][0];

export type Sets = Readonly<Partial<Record<Section, readonly unknown[]>>>;

interface Item {
    readonly id?: number | null;
    readonly index?: number;
    readonly hostname?: string;
    readonly team_assignment?: string;
    readonly rule?: Readonly<Record<string, unknown>>;
    readonly changes?: Readonly<Record<string, { old: unknown; new: unknown }>>;
}

interface Part {
    readonly added: readonly Item[];
    readonly changed: readonly Item[];
    readonly removed: readonly Item[];
    readonly unchanged: number;
}

type Outcome = Readonly<Record<Section, Part | null>>;

const most = 100;
const acts = ['added', 'changed', 'removed'] as const;
const tones = { added: 'good', changed: 'info', removed: 'bad' } as const;

async function post(sets: Sets, mode: Mode, dry: boolean, more: {
    reason?: string; match?: string | null; signal?: AbortSignal }):
    Promise<{ data: Outcome; etag: string | null }> {
    return send<Outcome>('POST', 'rules/import', { timeout: 120_000,
        body: { ...sets, mode, dry_run: dry,
            ...(more.reason !== undefined && { reason: more.reason }) },
        ...(more.match != null && { headers: { 'If-Match': more.match } }),
        ...(more.signal && { signal: more.signal }) });
}

function sum(outcome: Outcome, act: typeof acts[number]): number {
    return sections.reduce((n, [name]) =>
        n + (outcome[name]?.[act].length ?? 0), 0);
}

function total(outcome: Outcome): string {
    return acts.filter(act => sum(outcome, act) > 0)
        .map(act => `${count(sum(outcome, act))} ${act}`).join(', ');
}

function name(item: Item): string {
    const rule = item.rule;
    const what = rule === undefined ? '' : String(rule.match_string
        ?? rule.trap_oid ?? '');

    return [item.hostname, item.id != null && `rule ${item.id}`, what,
        item.team_assignment].filter(Boolean).join(' \u00b7 ');
}

function Entry({ act, item }: { act: typeof acts[number]; item: Item }):
    JSX.Element {
    const badge = <Badge tone={tones[act]}>{act}</Badge>;
    const pick = (of: 'old' | 'new'): Record<string, unknown> =>
        Object.fromEntries(Object.entries(item.changes ?? {})
            .map(([member, change]) => [member, change[of]]));

    return (
        <li>
            <span>{badge} <bdi>{line(name(item), 160)}</bdi></span>
            {item.changes !== undefined
                && <Diff before={pick('old')} after={pick('new')} />}
        </li>
    );
}

function Compared({ title, of }: { title: string; of: Part }): JSX.Element {
    const entries = acts.flatMap(act => of[act].map(item =>
        [act, item] as const));

    return (
        <section aria-label={title}>
            <h3>{title}</h3>
            <p>{acts.map(act => <span key={act}>{count(of[act].length)} {act},
                {' '}</span>)}{count(of.unchanged)} unchanged</p>
            <ul class="feed">{entries.slice(0, most).map(([act, item], i) =>
                <Entry key={i} act={act} item={item} />)}</ul>
            {entries.length > most && <p class="dim">and{' '}
                {count(entries.length - most)} more</p>}
        </section>
    );
}

/* What the server finds wrong, where it stands. */
function Faults({ error }: { error: ApiError }): JSX.Element {
    const fields = Object.entries(error.fields);
    const all = typeof error.body.faults === 'number' ? error.body.faults
        : fields.length;

    return (
        <div class="trouble" role="alert">
            <p>{plural(all, 'fault')}: nothing was taken over.</p>
            <ul class="failed">{fields.slice(0, 20).map(([where, what]) =>
                <li key={where}><code>{line(where, 80)}</code> {line(what, 200)}
                </li>)}</ul>
            {all > 20 && <p>and {count(all - 20)} more</p>}
        </div>
    );
}

/* What would change; then, with a reason, does it. */
export function Review({ sets, mode, title, onBack, onClose, onDone }: {
    sets: Sets; mode: Mode; title: string; onBack: () => void;
    onClose: () => void; onDone: () => void }): JSX.Element {
    const [reason, setReason] = useState('');
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<unknown>(null);
    const [round, setRound] = useState(0);
    const compared = usePoll(async signal => ({ round,
        ...await post(sets, mode, true, { signal }) }), 0, `compare ${round}`);
    const outcome = compared.data?.round === round ? compared.data.data : null;
    const gone = outcome === null ? 0 : sum(outcome, 'removed');
    const nothing = outcome !== null && acts.every(a => sum(outcome, a) === 0);
    const stale = error instanceof ApiError
        && error.code === 'precondition_failed';

    const run = async (): Promise<void> => {
        setBusy(true);
        setError(null);
        try {
            const { data } = await post(sets, mode, false,
                { reason: reason.trim(), match: compared.data?.etag ?? null });

            tell(`Taken over: ${total(data)}.`);
            onDone();
            onClose();
        } catch (e) {
            setError(e);
            setBusy(false);
        }
    };

    return (
        <Dialog drawer holds={typed} title={title} onClose={onClose} actions={<>
            <Button onClick={onBack}>Back</Button>
            {outcome !== null && !nothing && <>
                <Text class="reason" label="Reason" value={reason}
                    onInput={setReason} maxLength={500}
                    placeholder="why, for the audit" />
                <Button kind={gone > 0 ? 'danger' : 'main'} busy={busy}
                    disabled={reason.trim() === ''}
                    onClick={() => void run()}>Take over: {total(outcome)}
                </Button></>}
        </>}>
            {stale ? <div class="trouble" role="alert">
                <p>Somebody changed something in the meantime.</p>
                <Button onClick={() => {
                    setError(null);
                    setRound(round + 1);
                }}>Compare again</Button></div> : <Trouble error={error} />}
            {outcome === null ? compared.error === null
                ? <Loading what="what would change" />
                : compared.error instanceof ApiError
                    && Object.keys(compared.error.fields).length > 0
                ? <Faults error={compared.error} />
                : <Trouble error={compared.error} retry={compared.refresh} />
                : <>
                    <p role="status">{nothing ? 'All of it is there already: '
                        + 'nothing would change.' : gone > 0
                        ? <><b>{plural(gone, 'entry', 'entries')} would be
                            removed</b>, for they are not in the file.</>
                        : 'Nothing has been changed yet.'}</p>
                    {sections.map(([id, heading]) => {
                        const part = outcome[id];

                        return part === null || part === undefined ? null
                            : <Compared key={id} title={heading} of={part} />;
                    })}
                </>}
        </Dialog>
    );
}

/* The lists within a text, or what is wrong with it. */
function setsIn(text: string): Sets | string {
    try {
        const value = JSON.parse(text) as Record<string, unknown>;
        const found = sections.filter(([id]) => Array.isArray(value[id]))
            .map(([id]) => [id, value[id] as unknown[]]);

        return found.length > 0 ? Object.fromEntries(found) as Sets
            : 'It has none of "rules", "dev_hosts" and "teams".';
    } catch (error) {
        return error instanceof Error ? error.message : String(error);
    }
}

export function Import({ onClose, onDone }: { onClose: () => void;
    onDone: () => void }): JSX.Element {
    const [text, setText] = useState('');
    const [mode, setMode] = useState<Mode>('merge');
    const [without, setWithout] = useState<readonly Section[]>([]);
    const [reviewing, setReviewing] = useState(false);
    const given = text.trim() !== '';
    const found = given ? setsIn(text) : {};
    const sets: Sets = typeof found === 'string' ? {} : Object.fromEntries(
        Object.entries(found).filter(([id]) => !without.includes(id as Section)));

    if (reviewing) {
        return <Review sets={sets} mode={mode} title="What the import changes"
            onBack={() => setReviewing(false)} onClose={onClose}
            onDone={onDone} />;
    }

    const read = async (input: HTMLInputElement): Promise<void> => {
        const file = input.files?.[0];

        if (file !== undefined) {
            setText(file.size > 16_000_000 ? 'larger than 16 MB'
                : await file.text());
        }
    };

    return (
        <Dialog title="Import" holds={given ? typed : null} onClose={onClose}
            actions={<>
            <Button onClick={onClose}>Cancel</Button>
            <Button kind="main" disabled={Object.keys(sets).length === 0}
                onClick={() => setReviewing(true)}>Compare</Button></>}>
            <p>A file as Export writes it. What would change is shown before
                anything does.</p>
            <label class="filepick">File{' '}
                <input type="file" accept=".json,application/json"
                    onChange={e => void read(e.currentTarget)} /></label>
            <Text label="or its text" mono rows={6} value={text.length > 100_000
                ? `${text.slice(0, 100_000)}\n...` : text} onInput={setText}
                error={typeof found === 'string' ? line(found, 120) : undefined} />
            {given && typeof found !== 'string' && <fieldset>
                <legend>Take over</legend>
                {sections.filter(([id]) => found[id] !== undefined)
                    .map(([id, heading, one]) => (
                        <Check key={id} label={`${heading}: ${plural(
                            found[id]?.length ?? 0, one)}`}
                            checked={!without.includes(id)} onInput={on =>
                                setWithout(on ? without.filter(w => w !== id)
                                    : [...without, id])} />))}</fieldset>}
            <Choice label="What is here and not in the file" value={mode}
                onInput={v => setMode(v as Mode)} options={[
                    ['merge', 'stays'], ['replace', 'is removed']]} />
        </Dialog>
    );
}
