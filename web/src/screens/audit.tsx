// Who changed what, when and why.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { get } from '../api/client';
import type { Change, Changes } from '../api/types';
import { useDebounced } from '../lib/debounce';
import { csv, save, stamp } from '../lib/file';
import { count, line, plural, words } from '../lib/format';
import { useShortcuts, type Shortcut } from '../lib/keys';
import { usePages } from '../lib/pages';
import { usePoll } from '../lib/poll';
import { href, setParams, usePlace } from '../lib/router';
import { parse } from '../lib/time';
import { Badge, Button, Copy, Empty, Loading, Moment, Opens, Page, Trouble,
    When, type Tone }
    from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { Diff, differing } from '../ui/diff';
import { Choice, Filters as FilterForm, Text } from '../ui/form';
import { Pending, Virtual } from '../ui/virtual';

const names = ['changed_by', 'operation', 'table_name', 'record_key',
    'start_date', 'end_date'] as const;

type Filters = Readonly<Record<typeof names[number], string>>;

export const tables: readonly (readonly [string, string])[] = [
    ['', 'everything'], ['alert_rules', 'rules'],
    ['development_hosts', 'development hosts'], ['device_teams', 'teams'],
    ['dynamic_config', 'settings'], ['api_keys', 'keys'],
    ['dead_letters', 'dead letters'],
];

export function tableName(name: string): string {
    return tables.find(([id]) => id === name)?.[1] ?? words(name);
}

export const operationTone: Record<Change['operation'], Tone> = {
    CREATE: 'good', UPDATE: 'info', DELETE: 'bad',
};

function query(filters: Filters): Record<string, string> {
    const instant = (text: string): string =>
        (text === '' ? null : parse(text))?.toISOString() ?? '';

    return { ...filters, start_date: instant(filters.start_date),
        end_date: instant(filters.end_date) };
}

export function ChangeDetail({ change, onClose, actions }: { change: Change;
    onClose: () => void; actions?: JSX.Element }): JSX.Element {
    return (
        <Dialog wide onClose={onClose} title={`${change.operation.toLowerCase()} `
            + `${tableName(change.table_name)}: ${line(change.record_key, 80)}`}
            {...(actions !== undefined && { actions })}>
            <dl class="facts">
                <div><dt>Who</dt><dd>{line(change.changed_by)}</dd></div>
                <div><dt>When</dt><dd><Moment at={change.changed_at} /></dd></div>
                <div><dt>Why</dt><dd>{change.reason === null
                    ? <span class="dim">no reason was given</span>
                    : <bdi>{line(change.reason, 1000)}</bdi>}</dd></div>
                <div><dt>Correlation id</dt><dd>{change.correlation_id === null
                    ? '-' : <><code>{change.correlation_id}</code>{' '}
                        <Copy text={change.correlation_id} what="id" /></>}</dd></div>
            </dl>
            <Diff before={change.old_values} after={change.new_values} />
        </Dialog>
    );
}

function Cells({ change }: { change: Change }): JSX.Element {
    const changed = differing(change.old_values, change.new_values);

    return (
        <>
            <span role="cell" class="at"><When at={change.changed_at} /></span>
            <span role="cell" class="who">{line(change.changed_by, 60)}</span>
            <span role="cell"><Badge tone={operationTone[change.operation]}>
                {change.operation.toLowerCase()}</Badge></span>
            <span role="cell" class="what">
                <Opens params={{ id: change.id, at: change.changed_at }}>
                    {tableName(change.table_name)}{' '}
                    <b><bdi>{line(change.record_key, 80)}</bdi></b></Opens></span>
            <span role="cell" class="why"><bdi>{change.reason !== null
                ? line(change.reason, 200)
                : <span class="dim">{changed.slice(0, 4).join(', ')}</span>}</bdi>
            </span>
        </>
    );
}

const far = 10_000;

/*
 * A change by its id, for a link to it.  The link has its time too, of which
 * there are few, unless they were one import; without it the newest are gone
 * through.
 */
async function lookUp(id: number, at: string | null, signal: AbortSignal):
    Promise<Change | null> {
    let cursor: string | null = null, seen = 0;

    do {
        const list: Changes = await get<Changes>('audit', { limit: 200, cursor,
            start_date: at, end_date: at }, signal);
        const found = list.logs.find(c => c.id === id);

        if (found !== undefined) {
            return found;
        }
        seen += list.logs.length;
        cursor = list.next_cursor;
    } while (cursor !== null && seen < far);
    return null;
}

function Linked({ id, at, onClose }: { id: number; at: string | null;
    onClose: () => void }): JSX.Element {
    const asked = usePoll(async s => ({ change: await lookUp(id, at, s) }), 0,
        `change ${id} ${at ?? ''}`);
    const change = asked.data?.change ?? null;

    return change !== null ? <ChangeDetail change={change} onClose={onClose} /> : (
        <Dialog title={`Change ${id}`} onClose={onClose}>
            {asked.error !== null
                ? <Trouble error={asked.error} retry={asked.refresh} />
                : asked.data === null ? <Loading what="it" />
                : <Empty title="There is no such change">{at === null
                    ? `It is not among the newest ${count(far)}.`
                    : 'The audit has none of that id and time.'}</Empty>}
        </Dialog>
    );
}

/* Everything that matches, page by page, as a file. */
function Export({ filters, onClose }: { filters: Filters;
    onClose: () => void }): JSX.Element {
    const [got, setGot] = useState<number | null>(null);
    const [error, setError] = useState<unknown>(null);
    const most = 50_000;

    const run = async (kind: 'csv' | 'json'): Promise<void> => {
        const rows: Change[] = [];
        let cursor: string | null = null;

        setError(null);
        setGot(0);
        try {
            do {
                const batch: Changes = await get<Changes>('audit',
                    { ...query(filters), limit: 200, cursor });

                rows.push(...batch.logs);
                cursor = batch.next_cursor;
                setGot(rows.length);
            } while (cursor !== null && rows.length < most);
        } catch (e) {
            setError(e);
            setGot(null);
            return;
        }
        save(`mutt-audit-${stamp()}.${kind}`,
            kind === 'csv' ? 'text/csv' : 'application/json',
            kind === 'json' ? JSON.stringify(rows, null, 2)
                : csv(['id', 'changed_at', 'changed_by', 'operation',
                    'table_name', 'record_key', 'old_values', 'new_values',
                    'reason', 'correlation_id'],
                rows as unknown as Record<string, unknown>[]));
        setGot(null);
        onClose();
    };

    return (
        <Dialog title="Export" onClose={onClose} actions={<>
            <Button busy={got !== null} onClick={() => void run('csv')}>CSV</Button>
            <Button busy={got !== null} onClick={() => void run('json')}>JSON
            </Button></>}>
            <p>All changes that the filters let through, newest first,
                {' '}{count(most)} at most.</p>
            {got !== null && <p role="status">{plural(got, 'change')} so far</p>}
            <Trouble error={error} />
        </Dialog>
    );
}

export function Audit(): JSX.Element {
    const { params } = usePlace();
    const filters = Object.fromEntries(names.map(name =>
        [name, params.get(name) ?? ''])) as Filters;
    const settled = useDebounced(filters, 300);
    const [exporting, setExporting] = useState(false);
    const pages = usePages<Change>(async (cursor, signal) => {
        const list = await get<Changes>('audit',
            { ...query(settled), limit: 100, cursor }, signal);

        return { rows: list.logs, next: list.next_cursor,
            total: list.pagination.total };
    }, JSON.stringify(settled));
    const id = Number(params.get('id') ?? 0);
    const here = id === 0 ? null : pages.find(c => c.id === id)?.[1] ?? null;
    const close = (): void => setParams({ id: null, at: null });
    const set = (name: string) => (value: string): void =>
        setParams({ [name]: value, id: null, at: null });

    const shortcuts = useMemo((): Shortcut[] => [
        { keys: 'r', what: 'Ask again', run: pages.refresh },
        { keys: 'e', what: 'Export', run: () => setExporting(true) },
    ], []);

    useShortcuts(shortcuts);

    return (
        <Page title="Audit" lead="Changes of rules, hosts, teams, settings, keys
            and dead letters." actions={<>
            <Button icon="refresh" keys="r" onClick={pages.refresh}>Refresh</Button>
            <Button icon="save" keys="e" onClick={() => setExporting(true)}>
                Export</Button></>}>
            <FilterForm set={names.filter(n => filters[n] !== '').length}>
                <Text label="Who" type="search" search value={filters.changed_by}
                    onInput={set('changed_by')} placeholder="part of a name" />
                <Choice label="Did" value={filters.operation}
                    onInput={set('operation')} options={[['', 'anything'],
                        ['CREATE', 'create'], ['UPDATE', 'update'],
                        ['DELETE', 'delete']]} />
                <Choice label="To" value={filters.table_name}
                    onInput={set('table_name')} options={tables} />
                <Text label="Which" value={filters.record_key}
                    onInput={set('record_key')} placeholder="rule id, host, key" />
                <Text label="From (local)" type="datetime-local"
                    value={filters.start_date} onInput={set('start_date')} />
                <Text label="To (local)" type="datetime-local"
                    value={filters.end_date} onInput={set('end_date')} />
            </FilterForm>
            <p class="summary" role="status">{pages.total !== null
                && plural(pages.total, 'change')}</p>
            <Trouble error={pages.error} retry={pages.refresh} />
            {pages.count === 0 ? !pages.loading && pages.error === null && (
                names.some(name => filters[name] !== '')
                    ? <Empty title="No change matches these filters">
                        <Button onClick={() => setParams(Object.fromEntries(
                            names.map(n => [n, null])))}>Clear them</Button></Empty>
                    : <Empty title="Nothing was changed yet">
                        <p>Change a <a href={href('rules')}>rule</a> or
                            a <a href={href('config')}>setting</a>, and it is
                            here.</p></Empty>)
                : <Virtual label="Changes" count={pages.count} height={36} tall={64}
                    reset={JSON.stringify(settled)} onSight={pages.sight}
                    head={<div role="row" class="change head">
                        <span role="columnheader">When</span>
                        <span role="columnheader">Who</span>
                        <span role="columnheader">Did</span>
                        <span role="columnheader">What</span>
                        <span role="columnheader">Why</span></div>}
                    row={i => {
                        const change = pages.at(i);

                        return { of: [change], class: 'change',
                            cells: () => change === null ? <Pending />
                                : <Cells change={change} /> };
                    }} />}
            {id !== 0 && (here !== null
                ? <ChangeDetail change={here} onClose={close} />
                : <Linked id={id} at={params.get('at')} onClose={close} />)}
            {exporting && <Export filters={settled}
                onClose={() => setExporting(false)} />}
        </Page>
    );
}
