// The audit log of events: searched, scrolled without end, looked into.

import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';

import { get } from '../api/client';
import type { Event, Events as EventList } from '../api/types';
import { useShortcuts, type Shortcut } from '../lib/keys';
import { count, line, plural, severity, visible, words } from '../lib/format';
import { usePages } from '../lib/pages';
import { usePoll } from '../lib/poll';
import { href, setParams, usePlace } from '../lib/router';
import { may } from '../lib/session';
import { local, parse } from '../lib/time';
import { useDebounced } from '../lib/debounce';
import { Button, Copy, Empty, Moment, Page, Trouble } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { Choice, Filters as FilterForm, Text } from '../ui/form';
import { Raw } from '../ui/raw';
import { Pending, Virtual } from '../ui/virtual';
import { Decision, EventCells, EventHead, decisions } from './event-row';
import { Explanation } from './explain';

/* The message within what was received, which may be anything. */
export function messageOf(raw: string): { message: string; severity: unknown } {
    try {
        const event = JSON.parse(raw) as Record<string, unknown>;

        return { severity: event.syslog_severity,
            message: typeof event.message === 'string' ? event.message : raw };
    } catch {
        return { message: raw, severity: undefined };
    }
}

function Cells({ of }: { of: Event }): JSX.Element {
    const { message, severity: level } = messageOf(of.raw_message);

    return <EventCells id={of.event_id} at={of.event_timestamp} level={level}
        hostname={of.hostname} decision={of.handling_decision}
        message={message} />;
}

/* Where a rule is made that would match it. */
function ruleFrom(event: Event, message: string): string {
    let trap: unknown = event.trap_oid;

    try {
        trap ??= (JSON.parse(event.raw_message) as { trap_oid?: unknown })
            .trap_oid;
    } catch {
        // a message alone
    }
    return href('rules', { id: 'new', text: message.slice(0, 300),
        trap_oid: typeof trap === 'string' ? trap : null });
}

export function EventDetail({ event, onClose, whole = true }: { event: Event;
    onClose: () => void; whole?: boolean }): JSX.Element {
    const { message, severity: level } = messageOf(event.raw_message);

    return (
        <Dialog drawer title={`Event of ${line(event.hostname, 80)}`}
            onClose={onClose} {...(may('write') && { actions:
                <a class="button" href={ruleFrom(event, message)}>
                    New rule from it</a> })}>
            <p class="full"><bdi>{visible(message)}</bdi></p>
            <dl class="facts">
                <div><dt>Host</dt><dd><a href={href('events',
                    { hostname: event.hostname })}>
                    <bdi>{line(event.hostname)}</bdi></a></dd></div>
                <div><dt>Decision</dt><dd>
                    <Decision of={event.handling_decision} /></dd></div>
                <div><dt>Rule</dt><dd>{event.matched_rule_id === null
                    ? 'no rule matched'
                    : <a href={href('rules', { id: event.matched_rule_id })}>
                        rule {event.matched_rule_id}</a>}</dd></div>
                <div><dt>Severity</dt><dd>{severity(level)}</dd></div>
                <div><dt>Alert</dt><dd>{event.forwarded_to_moog
                    ? 'handed to the forwarder' : 'none'}</dd></div>
                <div><dt>Event's time</dt><dd><Moment at={event.event_timestamp} />
                </dd></div>
                <div><dt>Received</dt><dd><Moment at={event.received_at} /></dd></div>
                <div><dt>Id</dt><dd><code>{event.event_id}</code>{' '}
                    <Copy text={event.event_id} what="id" /></dd></div>
            </dl>
            <Explanation event={event} />
            {whole ? <><h3>As received</h3>
                <Raw text={event.raw_message} /></>
                : <p class="dim">The audit does not have it: what no rule matches
                    is kept only with audit_unhandled.</p>}
        </Dialog>
    );
}

const names = ['hostname', 'rule_id', 'handling_decision', 'text', 'start_date',
    'end_date'] as const;

type Filters = Readonly<Record<typeof names[number], string>>;

/* What is typed is local time; what is asked is UTC. */
function instant(text: string): string {
    const at = text === '' ? null : parse(text);

    return at === null ? '' : at.toISOString();
}

function FilterBar({ filters }: { filters: Filters }): JSX.Element {
    const set = (name: string) => (value: string): void =>
        setParams({ [name]: value, event: null });
    const quick = (hours: number): void => {
        const from = new Date(Date.now() - hours * 3_600_000);

        setParams({ start_date: local(from).replace(' ', 'T'), end_date: null,
            event: null }, true);
    };

    return (
        <FilterForm set={names.filter(n => filters[n] !== '').length}>
            <Text label="Host" type="search" value={filters.hostname} search
                onInput={set('hostname')} placeholder="whole name" />
            <Text label="Rule" value={filters.rule_id} onInput={set('rule_id')}
                placeholder="id" error={/^\d*$/.test(filters.rule_id)
                    ? undefined : 'a number'} />
            <Choice label="Decision" value={filters.handling_decision}
                onInput={set('handling_decision')} options={[['', 'any'],
                    ...decisions.map(d => [d, words(d)] as const)]} />
            <Text label="Text" type="search" value={filters.text}
                onInput={set('text')} placeholder="anywhere in it" />
            <Text label="From (local)" type="datetime-local"
                value={filters.start_date} onInput={set('start_date')} />
            <Text label="To (local)" type="datetime-local"
                value={filters.end_date} onInput={set('end_date')} />
            <div class="quick own">
                {([[1, 'Last hour'], [24, 'Last day'], [168, 'Last week']] as
                    const).map(([n, t]) =>
                    <Button key={t} kind="quiet" onClick={() => quick(n)}>
                        {t}</Button>)}
                <Button kind="quiet" onClick={() => setParams({
                    ...Object.fromEntries(names.map(n => [n, null])),
                    event: null }, true)}>Clear</Button>
            </div>
        </FilterForm>
    );
}

export function Events(): JSX.Element {
    const { params } = usePlace();
    const filters = Object.fromEntries(names.map(name =>
        [name, params.get(name) ?? ''])) as Filters;
    const settled = useDebounced(filters, 300);
    const chosen = params.get('event');
    const valid = /^\d*$/.test(settled.rule_id);
    const pages = usePages<Event>(async (cursor, signal) => {
        const list = await get<EventList>('audit-logs', {
            limit: 200, cursor, hostname: settled.hostname.trim(),
            rule_id: valid ? settled.rule_id : '', text: settled.text,
            handling_decision: settled.handling_decision,
            start_date: instant(settled.start_date),
            end_date: instant(settled.end_date),
        }, signal);

        return { rows: list.logs, next: list.next_cursor,
            total: list.pagination.total,
            capped: list.pagination.total_capped === true };
    }, JSON.stringify(settled));
    const filtered = names.some(name => filters[name] !== '');

    const found = chosen === null ? null
        : pages.find(e => e.event_id === chosen);
    const shared = usePoll(async s => chosen === null ? null
        : (await get<EventList>('audit-logs', { event_id: chosen, limit: 1 }, s))
            .logs[0] ?? null, 0, `event ${chosen ?? ''}`);
    const open = chosen === null ? null
        : found !== null ? found[1] : shared.data;

    const shortcuts = useMemo((): Shortcut[] => [
        { keys: 'r', what: 'Ask again', run: pages.refresh },
    ], []);

    useShortcuts(shortcuts);

    return (
        <Page title="Events" lead="What matched a rule, by the events' own time,
            newest first."
            actions={<Button icon="refresh" keys="r" onClick={pages.refresh}>
                Refresh</Button>}>
            <FilterBar filters={filters} />
            <p class="summary" role="status">
                {pages.total !== null && (pages.capped
                    ? `${count(Math.max(pages.total, pages.count))} events or more`
                    : pages.total === 0 ? 'No events'
                    : plural(pages.total, 'event'))}
                {pages.loading && pages.count > 0 && ', loading more'}
            </p>
            <Trouble error={pages.error} retry={pages.refresh} />
            {pages.count === 0 ? !pages.loading && pages.error === null
                && !pages.waiting && (
                filtered ? <Empty title="No event matches these filters">
                    The host is its whole name. Widen the time, or clear the
                    filters.</Empty>
                    : <Empty title="No event has matched a rule yet">
                        <p>Send one to <code>/api/v2/ingest</code>, or{' '}
                            <a href={href('rules')}>look at the rules</a>.</p>
                    </Empty>)
                : <Virtual label="Events" count={pages.count} height={34} tall={80}
                    reset={JSON.stringify(settled)} onSight={pages.sight}
                    head={<EventHead time="Time (local)" />}
                    row={i => {
                        const event = pages.at(i);

                        return { of: [event],
                            class: `event ${i === found?.[0] ? 'chosen' : ''}`,
                            cells: () => event === null ? <Pending />
                                : <Cells of={event} /> };
                    }} />}
            {pages.waiting && <p class="more">Much was looked at for little.{' '}
                <Button onClick={pages.more}>Look further back</Button></p>}
            {open !== null && <EventDetail event={open}
                onClose={() => setParams({ event: null })} />}
        </Page>
    );
}
